"""Runs beside each other: what differs between their specs, and what came of it."""

import httpx2
import pytest

from app.db.session import Sessions
from app.services import runs
from app.services.comparison import differences
from engine.config import parse_spec
from engine.strategies.registry import STRATEGIES
from tests.app.api.asking import ask
from tests.app.api.conftest import Counting
from tests.app.api.rows import finish, submit, weekend


async def test_runs_are_compared_by_their_specs_and_metrics_in_one_statement(
    client: httpx2.AsyncClient, sessions: Sessions, counting: Counting
) -> None:
    done = await submit(sessions)
    await finish(sessions, done)
    form = weekend()[0].canonical()
    assert isinstance(form["strategy"], dict)
    changed = parse_spec({**form, "strategy": {**form["strategy"], "threshold_bps": 77}})
    queued = await runs.submit(sessions, spec=changed, submitted_by="tester")
    with counting() as sent:
        found = (await ask(client, "CompareRuns", ids=[str(queued.id), str(done.id)]))["compare"]
    assert [(run["id"], run["state"]) for run in found["runs"]] == [(str(queued.id), "QUEUED"), (str(done.id), "DONE")]
    assert found["differences"] == [{"path": "strategy.threshold_bps", "values": [77, form["strategy"]["threshold_bps"]]}]
    assert {one["name"]: one["values"] for one in found["metrics"]} == {
        name: [None, value] for name, value in weekend()[1].summary["metrics"].items()  # type: ignore[attr-defined]
    }  # fmt: skip
    assert len(sent) == 1


async def test_what_cannot_be_compared_is_refused(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run, nobody = str((await submit(sessions)).id), "018f3c2e-0000-7000-8000-000000000000"
    tried = {"few": [run], "twice": [run, run], "many": [run] * 21, "missing": [run, nobody], "nonsense": [run, "x"]}
    found = {name: (await ask(client, "CompareRuns", ids=ids))["compare"] for name, ids in tried.items()}
    assert {name: one["__typename"] for name, one in found.items()} == {
        "few": "BadInput", "twice": "BadInput", "many": "BadInput", "missing": "NotFound", "nonsense": "NotFound",
    }  # fmt: skip
    assert nobody in found["missing"]["message"]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ([{"a": 1}, {"a": 1}], []),
        ([{"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}], [("a.b[1]", [2, 3])]),
        ([{"a": {"b": [1]}}, {"a": {}}], [("a.b[0]", [1, None])]),
        ([{}, {"c": False}], [("c", [None, False])]),
    ],
)
def test_differences_are_told_by_their_paths(specs: list[dict[str, object]], expected: list[tuple[str, list[object]]]) -> None:
    assert [(one.path, one.values) for one in differences(specs)] == expected


async def test_every_strategy_is_told_with_the_schema_of_its_table(client: httpx2.AsyncClient) -> None:
    found = (await ask(client, "Strategies"))["strategies"]
    assert [one["kind"] for one in found] == sorted(STRATEGIES)
    for one in found:
        assert set(one["schema"]["properties"]) == set(STRATEGIES[one["kind"]].model_fields)
        assert one["summary"].endswith(".")

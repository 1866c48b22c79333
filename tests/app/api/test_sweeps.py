"""Sweeps from submitting to their rows, heat map and best trials, by the named operations that clients use."""

import io
from functools import cache
from typing import Any
from uuid import UUID

import httpx2
import polars as pl
import pytest

from app.db.models import RunKind, RunState
from app.db.session import Sessions
from app.services import leases, runs, sweeps
from engine.sweep import Sweep, SweepResult, parse_sweep, run
from engine.synth import depeg_weekend
from tests.app.api.asking import Form, ask, post
from tests.app.api.conftest import Counting
from tests.app.api.rows import submit as submit_run
from tests.app.api.rows import weekend
from tests.app.services.test_sweeps import claimed, part

PARAMETERS: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [0, 4, 10]},
    {"path": "strategy.cool_down", "values": ["5m", "30m"]},
]


def form(**more: Any) -> Form:
    """Return a sweep of six sets over the weekend."""
    base = {"version": 1, "name": "six sets", "design": "grid", "keep": 2, "rank_by": "excess", "parameters": PARAMETERS}
    return {**base, "spec": weekend()[0].canonical(), **more}


@cache
def swept() -> tuple[Sweep, SweepResult]:
    """Return it with its result, computed once."""
    sweep = parse_sweep(form())
    return sweep, run(sweep, depeg_weekend(1).bars)


@pytest.fixture
async def done(sessions: Sessions) -> UUID:
    """A sweep that is done."""
    sweep, result = swept()
    row = await sweeps.submit(sessions, sweep=sweep, submitted_by="ada")
    product = leases.Product(
        summary=result.summary, manifest=result.manifest, manifest_hash=str(result.summary["manifest_hash"]), files=result.files()
    )
    assert await leases.finish(sessions, await claimed(sessions, row.id), product)
    return row.id


async def test_a_sweep_is_submitted_and_can_be_followed_and_cancelled(client: httpx2.AsyncClient, sessions: Sessions, rings: list[str]) -> None:
    found = (await ask(client, "SubmitSweep", sweep={"document": form()}))["submitSweep"]
    assert (found["__typename"], found["state"], found["trials"]) == ("Sweep", "QUEUED", 6)
    assert rings == ["ring"]
    assert parse_sweep((await runs.get(sessions, UUID(found["id"]), kind=RunKind.SWEEP)).spec) == swept()[0]
    claim = await claimed(sessions, UUID(found["id"]))
    reading = leases.Reading(stage="running the trials", fraction=0.4, trials_done=3, eta_s=1.5)
    await leases.heartbeat(sessions, claim, lease_s=60, reading=reading)
    state = (await ask(client, "SweepState", id=found["id"]))["sweep"]
    assert (state["state"], state["stage"], state["progress"], state["trialsDone"], state["etaS"]) == ("RUNNING", "running the trials", 0.4, 3, 1.5)
    await leases.keep(sessions, claim, [part([4, 1])])
    rows = (await ask(client, "SweepRows", id=found["id"]))["sweep"]["rows"]
    assert (rows["total"], rows["columns"]["trial"], rows["columns"]["excess"]) == (2, [4, 1], [40.0, 10.0])
    asked = (await ask(client, "CancelSweep", id=found["id"]))["cancelSweep"]
    assert (asked["state"], asked["cancelRequested"]) == ("RUNNING", True)
    assert await leases.stop(sessions, claim)
    assert (await ask(client, "CancelSweep", id=found["id"]))["cancelSweep"]["code"] == "CONFLICT"


async def test_lists_hold_sweeps_or_runs_newest_first(client: httpx2.AsyncClient, sessions: Sessions, done: UUID) -> None:
    run_id = (await submit_run(sessions)).id
    later = (await ask(client, "SubmitSweep", sweep={"document": form(name="later")}))["submitSweep"]["id"]
    page = (await ask(client, "Sweeps", first=1))["sweeps"]
    assert ([edge["node"]["id"] for edge in page["edges"]], page["pageInfo"]["hasNextPage"]) == ([later], True)
    rest = (await ask(client, "Sweeps", after=page["pageInfo"]["endCursor"]))["sweeps"]["edges"]
    assert [edge["node"]["id"] for edge in rest] == [str(done)]
    assert rest[0]["node"]["result"]["verdict"] == swept()[1].summary["headline"]
    assert [edge["node"]["state"] for edge in (await ask(client, "Sweeps", state="QUEUED"))["sweeps"]["edges"]] == ["QUEUED"]
    assert [edge["node"]["id"] for edge in (await ask(client, "Runs"))["runs"]["edges"]] == [str(run_id)]
    assert (await ask(client, "RunState", id=str(done)))["run"] is None
    assert (await ask(client, "SweepState", id=str(run_id)))["sweep"] is None
    assert (await ask(client, "SweepState", id="none"))["sweep"] is None
    assert (await ask(client, "CancelSweep", id=str(run_id)))["cancelSweep"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"parameters": [{"path": "strategy.treshold_bps", "values": [1]}]}, "InvalidSpec", "did you mean 'strategy.threshold_bps'"),
        ({"walk_forward": {"train": "30d", "test": "1d"}}, "BadInput", "31d in all, and 2d of data"),
        ({"parameters": [{"path": "strategy.threshold_bps", "low": 1, "high": 2, "count": 200_000}]}, "TooLarge", "200,000 trials"),
    ],
)
async def test_what_cannot_be_swept_or_may_not_be_meant_is_answered_and_queues_nothing(
    client: httpx2.AsyncClient, sessions: Sessions, rings: list[str], changed: Form, kind: str, said: str
) -> None:
    found = (await ask(client, "SubmitSweep", sweep={"document": form(**changed)}))["submitSweep"]
    assert found["__typename"] == kind
    assert said in found["message"]
    assert rings == []
    if kind != "TooLarge":
        assert (await ask(client, "ValidateSweep", sweep={"document": form(**changed)}))["validateSweep"] == found
        return
    assert found["estimate"]["trials"] == 200_000
    assert "submit it with large: true" in found["message"]
    assert (await ask(client, "SubmitSweep", sweep={"document": form(**changed)}, large=True))["submitSweep"]["state"] == "QUEUED"
    assert (await runs.page(sessions, first=1, state=RunState.QUEUED, kind=RunKind.SWEEP)).runs[0].trials == 200_000


async def test_a_sweep_in_toml_is_checked_and_measured(client: httpx2.AsyncClient) -> None:
    spec = "\n".join(
        line.replace("[[", "[[spec.") if line.startswith("[[") else line.replace("[", "[spec.", 1) if line.startswith("[") else line
        for line in depeg_weekend(1).spec_toml.splitlines()
    )
    text = 'version = 1\nname = "t"\ndesign = "grid"\n[[parameters]]\npath = "strategy.threshold_bps"\nvalues = [1, 2]\n[spec]\n' + spec
    found = (await ask(client, "ValidateSweep", sweep={"toml": text}))["validateSweep"]
    assert (found["__typename"], found["estimate"]["trials"], found["estimate"]["panels"]) == ("ValidSweep", 2, 1)
    assert parse_sweep(found["sweep"]).hash() == found["hash"]
    assert (await ask(client, "SweepSchema"))["sweepSchema"]["type"] == "object"
    refused = (await ask(client, "ValidateSweep", sweep={"toml": 'base = "spec.toml"'}))["validateSweep"]
    assert refused["problems"][0]["path"] == "base"


async def test_rows_come_ranked_page_by_page_in_few_statements(client: httpx2.AsyncClient, done: UUID, counting: Counting) -> None:
    ranked = swept()[1].trials.sort("excess", descending=True)
    with counting() as sent:
        first = (await ask(client, "SweepRows", id=str(done), first=4))["sweep"]["rows"]
    assert len([statement for statement in sent if statement.startswith("SELECT")]) <= 2
    assert (first["total"], first["points"], first["hasNextPage"]) == (6, 4, True)
    second = (await ask(client, "SweepRows", id=str(done), first=4, after=first["endCursor"]))["sweep"]["rows"]
    assert (second["columns"]["rank"], second["hasNextPage"]) == ([5, 6], False)
    assert first["columns"]["trial"] + second["columns"]["trial"] == ranked["trial"].to_list()
    assert first["columns"]["excess"] == ranked["excess"].head(4).to_list()
    assert set(first["columns"]["strategy.cool_down"]) <= {"5m", "30m"}
    by_packages = (await ask(client, "SweepRows", id=str(done), by="packages"))["sweep"]["rows"]["columns"]["packages"]
    assert by_packages == sorted(by_packages, reverse=True)
    for wrong in ({"by": "luck"}, {"first": 0}, {"after": "nonsense"}, {"after": first["endCursor"][:-2]}):
        assert (await ask(client, "SweepRows", id=str(done), **wrong))["sweep"]["rows"]["code"] == "BAD_INPUT"


async def test_a_heat_map_has_a_cell_a_pair_of_values(client: httpx2.AsyncClient, done: UUID, sessions: Sessions) -> None:
    found = (await ask(client, "SweepHeat", id=str(done)))["sweep"]["heat"]
    assert (found["columns"], found["rows"]) == (["0", "4", "10"], ["5m", "30m"])
    table = {(int(a), b): c for a, b, c in swept()[1].trials.select("strategy.threshold_bps", "strategy.cool_down", "excess").iter_rows()}
    values = dict(zip(zip(found["cells"]["row"], found["cells"]["column"], strict=True), found["cells"]["value"], strict=True))
    for (threshold, cool_down), excess in table.items():
        assert values[int(cool_down.total_seconds() > 300), [0, 4, 10].index(threshold)] == excess
    assert values[found["bestRow"], found["bestColumn"]] == max(table.values())
    turned = (await ask(client, "SweepHeat", id=str(done), across="strategy.cool_down", by="packages"))["sweep"]["heat"]
    assert (turned["columns"], turned["rows"]) == (found["rows"], found["columns"])
    assert (await ask(client, "SweepHeat", id=str(done), down="scale"))["sweep"]["heat"]["code"] == "BAD_INPUT"
    fresh = await sweeps.submit(sessions, sweep=swept()[0], submitted_by="ada")
    assert (await ask(client, "SweepHeat", id=str(fresh.id)))["sweep"]["heat"]["code"] == "CONFLICT"


async def test_a_result_has_its_checks_statistics_and_the_best_in_full(client: httpx2.AsyncClient, done: UUID, counting: Counting) -> None:
    with counting() as sent:
        found = (await ask(client, "SweepResult", id=str(done)))["sweep"]
    assert len([statement for statement in sent if statement.startswith("SELECT")]) <= 3
    summary, result = swept()[1].summary, found["result"]
    assert (result["verdict"], result["statistics"], result["manifestHash"]) == (
        summary["headline"],
        summary["statistics"],
        summary["manifest_hash"],
    )
    assert [check["isPassed"] for check in result["checks"]] == [check["is_passed"] for check in summary["checks"]]  # type: ignore[union-attr]
    assert [best["trial"] for best in result["best"]] == summary["best"]
    trial, full = swept()[1].best[0]
    assert result["best"][0]["summary"]["excess"] == full.summary["excess"]
    assert f"best/{trial}/report.html" in {file["name"] for file in result["best"][0]["files"]}
    assert {file["name"] for file in result["files"]} == {"manifest.json", "periods.parquet", "report.html", "summary.json", "trials.parquet"}
    for file in (*result["files"], *result["best"][1]["files"]):
        answer = await client.get(file["path"])
        assert (answer.status_code, answer.content) == (200, swept()[1].files()[file["name"]])
        assert f'filename="{file["name"].rpartition("/")[2]}"' in answer.headers["content-disposition"]
    rows = pl.read_parquet(io.BytesIO((await client.get(f"/runs/{done}/files/trials.parquet")).content))
    assert rows.equals(swept()[1].trials)
    names = (await ask(client, "SweepFiles", id=str(done)))["sweep"]["result"]
    assert len(names["best"]) == 2
    assert (await client.get(f"/runs/{done}/files/best/x/summary.json")).status_code == 404


async def test_a_sweep_that_failed_says_why(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    row = await sweeps.submit(sessions, sweep=swept()[0], submitted_by="ada")
    await leases.fail(sessions, await claimed(sessions, row.id), code="INVALID_DATA", message="no bars")
    found = (await ask(client, "SweepResult", id=str(row.id)))["sweep"]
    assert (found["state"], found["error"], found["result"]) == ("FAILED", {"code": "INVALID_DATA", "message": "no bars"}, None)
    document = "query A($s: SweepInput!) { validateSweep(sweep: $s) { __typename } }"
    assert (await post(client, document, variables={"s": {"document": 5}}))["data"] == {"validateSweep": {"__typename": "InvalidSpec"}}

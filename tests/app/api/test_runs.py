"""Runs from submitting to their fills, by the named operations that clients use."""

import io
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import polars as pl
import pytest
import structlog
from redis.asyncio import Redis
from sqlalchemy import update
from starlette.applications import Starlette

from app.api.application import create_app
from app.api.auth import issue_token
from app.db import models
from app.db.jobs import Share
from app.db.session import Sessions
from app.services import leases, runs
from app.settings import Settings
from engine.config import parse_spec
from engine.synth import depeg_weekend
from engine.wording import STRESS
from tests.app.api.asking import Form, ask, client_of, post
from tests.app.api.conftest import QUEUE, Counting
from tests.app.api.rows import claim, finish, submit, weekend

SPECS: list[Callable[[], Form]] = [
    lambda: {"document": weekend()[0].canonical()},
    lambda: {"toml": depeg_weekend(1).spec_toml},
]


@pytest.mark.parametrize("form", SPECS, ids=["document", "toml"])
async def test_a_spec_is_submitted_under_its_viewers_name(
    app: Starlette, sessions: Sessions, app_settings: Settings, rings: list[str], form: Callable[[], Form]
) -> None:
    async with client_of(app, issue_token(app_settings, "ada")) as client:
        found = (await ask(client, "SubmitRun", spec=form()))["submitRun"]
    row = await runs.get(sessions, UUID(found["id"]))
    assert (found["__typename"], found["state"], found["name"]) == ("Run", "QUEUED", row.name)
    assert (row.created_by, row.spec) == ("ada", weekend()[0].canonical())
    assert rings == ["ring"]


async def test_a_wrong_spec_is_answered_with_each_problem_and_queues_nothing(
    client: httpx2.AsyncClient, sessions: Sessions, rings: list[str]
) -> None:
    document = weekend()[0].canonical() | {"numerair": "USD", "end": "2020-01-01T00:00:00Z"}
    found = (await ask(client, "SubmitRun", spec={"document": document}))["submitRun"]
    checked = (await ask(client, "ValidateSpec", spec={"document": document}))["validateSpec"]
    assert found == checked
    assert (found["__typename"], found["code"]) == ("InvalidSpec", "INVALID_SPEC")
    assert {"path": "numerair", "message": "unknown key; did you mean 'numeraire'?"} in found["problems"]
    assert (await runs.page(sessions, first=1)).runs == []
    assert rings == []


@pytest.mark.parametrize("spec", [{"toml": "name = "}, {"document": []}, {"document": "name"}, {"document": None}])
async def test_what_is_no_spec_at_all_is_an_invalid_spec(client: httpx2.AsyncClient, spec: Form) -> None:
    found = await post(client, "query A($s: SpecInput!) { validateSpec(spec: $s) { __typename } }", variables={"s": spec})
    assert found.get("data") == {"validateSpec": {"__typename": "InvalidSpec"}} or found["errors"][0]["extensions"]["code"] == "BAD_DOCUMENT"


async def test_a_right_spec_is_answered_in_canonical_form_with_its_warnings(client: httpx2.AsyncClient) -> None:
    spec = weekend()[0]
    document = spec.canonical()
    document["venues"]["synthetic-alpha"]["fee_bps"] = 0.001  # type: ignore[index]
    found = (await ask(client, "ValidateSpec", spec={"document": document}))["validateSpec"]
    assert found["__typename"] == "ValidSpec"
    assert parse_spec(found["spec"]).hash() == found["hash"]
    assert "looks like a fraction" in found["warnings"][0]


async def test_the_schema_of_a_spec_is_json_schema(client: httpx2.AsyncClient) -> None:
    found = (await ask(client, "SpecSchema"))["specSchema"]
    assert found["type"] == "object"
    assert "numeraire" in found["properties"]


async def test_a_run_stays_queued_where_the_ring_fails(sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    async def broken() -> None:
        raise ConnectionError("the queue is away")

    app = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=broken)
    async with client_of(app, issue_token(app_settings, "ada")) as client:
        with structlog.testing.capture_logs() as logs:
            found = (await ask(client, "SubmitRun", spec=SPECS[0]()))["submitRun"]
    assert (await runs.get(sessions, UUID(found["id"]))).state == "queued"
    assert "the queue is away" in str([entry for entry in logs if entry["log_level"] == "warning"])


async def test_the_progress_of_a_run_is_seen(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    held = await claim(sessions, run)
    await leases.heartbeat(sessions, held, lease_s=60, reading=leases.Reading(stage="walking the path", fraction=0.25))
    found = (await ask(client, "RunState", id=str(run.id)))["run"]
    assert {name: found[name] for name in ("state", "stage", "progress", "finishedAt", "error")} == {
        "state": "RUNNING", "stage": "walking the path", "progress": 0.25, "finishedAt": None, "error": None,
    }  # fmt: skip
    assert found["createdAt"].endswith("Z")


async def test_a_failed_run_says_why_and_has_no_result(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    await leases.fail(sessions, await claim(sessions, run), code="INVALID_DATA", message="kraken USDC/USD: no bars")
    found = (await ask(client, "RunResult", id=str(run.id)))["run"]
    assert found["error"] == {"code": "INVALID_DATA", "message": "kraken USDC/USD: no bars"}
    assert (found["state"], found["result"]) == ("FAILED", None)


@pytest.mark.parametrize("name", ["018f3c2e-0000-7000-8000-000000000000", "no uuid", ""])
async def test_a_run_that_is_not_there_is_null_to_queries_and_not_found_to_mutations(client: httpx2.AsyncClient, name: str) -> None:
    assert await ask(client, "RunState", id=name) == {"run": None}
    found = (await ask(client, "CancelRun", id=name))["cancelRun"]
    assert (found["__typename"], found["code"]) == ("NotFound", "NOT_FOUND")
    assert "there is no run" in found["message"]


async def test_the_result_is_what_the_engine_summed_up(client: httpx2.AsyncClient, done: UUID) -> None:
    found = (await ask(client, "RunResult", id=str(done)))["run"]
    summary, result = weekend()[1].summary, found["result"]
    assert (found["state"], found["spec"], found["specHash"]) == ("DONE", weekend()[0].canonical(), weekend()[0].hash())
    for ours, theirs in {"verdict": "verdict", "comparisonCurrency": "comparison_currency", "start": "start", "end": "end"}.items():
        assert result[ours] == summary[theirs]
    for plain in ("synthetic", "indicative", "numeraire", "excess", "warnings", "assumptions", "attribution"):
        assert result[plain] == summary[plain]
    assert {m["name"]: m["value"] for m in result["metrics"]} == summary["metrics"]
    assert {_snake(name): value for name, value in result["counts"].items()} == summary["counts"]
    for row, theirs in zip(result["quality"], summary["quality"], strict=True):  # type: ignore[call-overload]
        checks = {check["name"]: check["count"] for check in row.pop("checks")}
        assert {_snake(name): value.lower() if name == "data" else value for name, value in row.items()} | checks == theirs
    assert (result["manifest"], result["manifestHash"]) == (weekend()[1].manifest, summary["manifest_hash"])
    assert [f["name"] for f in result["files"]] == sorted(weekend()[1].files())


async def test_the_parts_of_the_summary_are_there_by_name(client: httpx2.AsyncClient, done: UUID) -> None:
    summary, result = weekend()[1].summary, (await ask(client, "RunResult", id=str(done)))["run"]["result"]
    assert {_snake(name): value for name, value in result["tradeBack"].items()} == summary["trade_back"]
    assert {case["name"]: case["excess"] for case in result["stress"]} == summary["stress"]
    assert {case["name"]: case["description"] for case in result["stress"]}.items() <= STRESS.items()
    for name in ("combinations", "legs", "stops", "guard", "capacity"):
        assert [{_snake(key): value for key, value in row.items()} for row in result[name]] == summary[name]
    assert [row["state"] for row in result["guard"]] == ["off", "back"]
    wallets = [{_snake(key): value for key, value in row.items()} for row in result["balances"]]
    assert [(row.pop("venue"), row.pop("currency")) for row in wallets] == [(row["venue"], row["currency"]) for row in summary["balances"]]  # type: ignore[attr-defined]
    for row, theirs in zip(wallets, summary["balances"], strict=True):  # type: ignore[call-overload]
        assert {name: Decimal(value) for name, value in row.items()} == {name: round(Decimal(theirs[name]), 8) for name in row}


async def test_a_result_of_an_earlier_version_is_shown_without_what_it_did_not_know(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    new = ("trade_back", "stress", "combinations", "legs", "stops", "guard", "balances", "capacity")
    summary = {name: value for name, value in weekend()[1].summary.items() if name not in new}
    summary["counts"] = {name: value for name, value in summary["counts"].items() if "absent" not in name and name != "transfers"}  # type: ignore[attr-defined]
    summary["quality"] = [{"bars": row["rows"], **{k: v for k, v in row.items() if k not in {"rows", "data"}}} for row in summary["quality"]]  # type: ignore[attr-defined]
    fills = io.BytesIO()
    weekend()[1].fills.drop("role", "notice", "fee_currency", "gas", "gas_currency").write_parquet(fills)
    product = leases.Product(summary=summary, manifest={}, manifest_hash="1f" * 32, files={"fills.parquet": fills.getvalue()})
    assert await leases.finish(sessions, await claim(sessions, run), product)
    result = (await ask(client, "RunResult", id=str(run.id)))["run"]["result"]
    assert (result["tradeBack"], [result[name] for name in new[1:]]) == (None, [[]] * 7)
    assert (result["counts"]["missedAbsent"], result["counts"]["transfers"], result["counts"]["packages"]) == (0, 0, 8)
    assert [(row["data"], row["rows"]) for row in result["quality"]] == [("BARS", row["rows"]) for row in weekend()[1].summary["quality"]]  # type: ignore[attr-defined]
    (first,) = (await ask(client, "RunFills", id=str(run.id), first=1))["run"]["result"]["fills"]["edges"]
    assert (first["node"]["role"], first["node"]["notice"], first["node"]["feeCurrency"]) == ("LEG", None, None)
    assert (Decimal(first["node"]["gas"]), first["node"]["gasCurrency"]) == (0, None)


async def test_a_run_with_a_perpetual_says_what_came_of_its_position(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    plain, run = await submit(sessions), await submit(sessions)
    assert (await finish(sessions, plain)).summary.get("perpetual") is None
    amounts = {"position": -0.5, "largest": 1.0, "funding_received": 3.0, "funding_paid": 1.0, "lacking": 0.0}
    perpetual = {"instrument": "venue BTC/USD", "funding_payments": 2, "liquidations": 1, **amounts}
    product = leases.Product(summary=weekend()[1].summary | {"perpetual": perpetual}, manifest={}, manifest_hash="3f" * 32, files={})
    assert await leases.finish(sessions, await claim(sessions, run), product)
    found = [(await ask(client, "RunResult", id=str(one.id)))["run"]["result"]["perpetual"] for one in (plain, run)]
    assert found[0] is None
    assert {_snake(name): value for name, value in found[1].items()} == perpetual


async def test_fills_say_what_a_swap_burnt_and_which_orders_the_venue_sent(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run, fills = await submit(sessions), io.BytesIO()
    burnt = (pl.lit("liquidation").alias("role"), pl.lit(0.25).alias("gas"), pl.lit("ETH").alias("gas_currency"))
    weekend()[1].fills.with_columns(*burnt).write_parquet(fills)
    product = leases.Product(summary=weekend()[1].summary, manifest={}, manifest_hash="2f" * 32, files={"fills.parquet": fills.getvalue()})
    assert await leases.finish(sessions, await claim(sessions, run), product)
    (first,) = (await ask(client, "RunFills", id=str(run.id), first=1))["run"]["result"]["fills"]["edges"]
    assert [first["node"][name] for name in ("role", "gas", "gasCurrency")] == ["LIQUIDATION", "0.25", "ETH"]


async def test_the_attribution_sums_to_the_change_of_equity(client: httpx2.AsyncClient, done: UUID) -> None:
    result = (await ask(client, "RunResult", id=str(done)))["run"]["result"]
    change = result["equityEnd"] - result["equityStart"]
    assert math.isclose(sum(a["amount"] for a in result["attribution"]), change, rel_tol=1e-9)


async def test_fills_come_page_by_page_and_are_the_ledger(client: httpx2.AsyncClient, done: UUID) -> None:
    ledger = weekend()[1].fills
    found: list[Form] = []
    after, pages = None, 0
    while pages == 0 or after:
        page = (await ask(client, "RunFills", id=str(done), first=5, after=after))["run"]["result"]["fills"]
        found += [edge["node"] for edge in page["edges"]]
        after, pages = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None, pages + 1
        assert page["totalCount"] == ledger.height
    assert pages == math.ceil(ledger.height / 5)
    assert [f["order"] for f in found] == ledger["order"].to_list()
    for name in ("planned", "filled", "flow", "fee"):
        assert [Decimal(f[name]) for f in found] == [round(Decimal(value), 8) for value in ledger[name]]
    for name in ("price", "venue", "instrument"):
        assert [f[name] for f in found] == ledger[name].to_list()
    assert [f["feeCurrency"] for f in found] == ledger["fee_currency"].to_list()
    assert [f["role"].lower() for f in found] == ledger["role"].to_list()
    notices = [None if t is None else t.isoformat().replace("+00:00", "Z") for t in ledger["notice"]]
    assert [f["notice"] for f in found] == notices
    assert [f["outcome"].lower() for f in found] == ledger["outcome"].to_list()
    assert [f["side"].lower() for f in found] == ledger["side"].to_list()
    assert [f["edgeBps"] for f in found] == ledger["edge_bps"].to_list()
    assert [f["decided"] for f in found] == [t.isoformat().replace("+00:00", "Z") for t in ledger["decided"]]


FILLS = "query A($id: ID!, $first: Int! = 5, $after: String) { run(id: $id) { result { fills(first: $first, after: $after) { pageInfo { %s } } } } }"


async def test_a_page_behind_the_last_fill_is_empty(client: httpx2.AsyncClient, done: UUID) -> None:
    last = (await ask(client, "RunFills", id=str(done), first=500))["run"]["result"]["fills"]["pageInfo"]
    query = FILLS % "hasNextPage hasPreviousPage startCursor endCursor"
    page = (await post(client, query, variables={"id": str(done), "after": last["endCursor"]}))["data"]["run"]["result"]["fills"]
    assert last["hasNextPage"] is False
    assert page["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None}


OTHERS = ["nonsense", "é", "cnVuczox", "ZmlsbHM6LTE"]  # the last two: `runs:1` and `fills:-1`


@pytest.mark.parametrize("variables", [{"first": 0}, {"first": 501}, *({"after": cursor} for cursor in OTHERS)])
async def test_a_page_that_cannot_be_is_refused(client: httpx2.AsyncClient, done: UUID, variables: dict[str, Any]) -> None:
    answer = await post(client, FILLS % "hasNextPage", variables={"id": str(done)} | variables)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_runs_are_listed_newest_first_page_by_page(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    made = [str((await submit(sessions)).id) for _ in range(5)]
    found, after = [], None
    for _ in range(3):
        page = (await ask(client, "Runs", first=2, after=after))["runs"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert found == made[::-1]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_runs_are_listed_by_state(client: httpx2.AsyncClient, sessions: Sessions, done: UUID) -> None:
    await submit(sessions)
    page = (await ask(client, "Runs", state="DONE"))["runs"]
    assert [edge["node"]["id"] for edge in page["edges"]] == [str(done)]
    assert page["edges"][0]["node"]["result"]["verdict"] == weekend()[1].summary["verdict"]


@pytest.mark.parametrize("after", ["nonsense", "ZmlsbHM6MQ", "cnVuczpub25l"])
async def test_a_cursor_of_another_list_is_refused(client: httpx2.AsyncClient, after: str) -> None:
    answer = await post(client, "query A($after: String) { runs(after: $after) { edges { cursor } } }", variables={"after": after})
    assert answer["errors"][0]["extensions"]["code"] in {"BAD_INPUT", "NOT_FOUND"}


async def test_a_queued_run_is_cancelled_at_once_and_only_once(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    first = (await ask(client, "CancelRun", id=str(run.id)))["cancelRun"]
    second = (await ask(client, "CancelRun", id=str(run.id)))["cancelRun"]
    assert first == {"__typename": "Run", "id": str(run.id), "state": "CANCELLED", "cancelRequested": True}
    assert (second["__typename"], second["code"]) == ("Conflict", "CONFLICT")


async def test_a_running_run_is_asked_to_stop(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    await claim(sessions, run)
    found = (await ask(client, "CancelRun", id=str(run.id)))["cancelRun"]
    assert (found["state"], found["cancelRequested"]) == ("RUNNING", True)


async def test_each_operation_sends_as_many_statements_as_it_needs(
    client: httpx2.AsyncClient, sessions: Sessions, counting: Counting, done: UUID
) -> None:
    others: list[models.Run] = [await submit(sessions) for _ in range(4)]
    for other in others[:3]:
        await finish(sessions, other)
    id_, queued = str(done), str(others[3].id)
    expected: list[tuple[str, Form, int]] = [
        ("Viewer", {}, 0),
        ("SpecSchema", {}, 0),
        ("ValidateSpec", {"spec": SPECS[0]()}, 0),
        ("RunState", {"id": id_}, 1),
        ("RunResult", {"id": id_}, 2),  # the run, the names of its files
        ("RunFills", {"id": id_}, 2),  # the run, the file, which is remembered from then on
        ("RunFills", {"id": id_}, 1),
        ("RunFiles", {"id": id_}, 2),
        ("Runs", {"first": 50}, 1),
        ("SubmitRun", {"spec": SPECS[0]()}, 3),  # whether there is room, the run, the ring that it is owed
        ("CancelRun", {"id": queued}, 1),
    ]
    for name, variables, count in expected:
        with counting() as sent:
            await ask(client, name, **variables)
        assert len(sent) == count, (name, sent)


async def test_the_files_of_many_runs_are_named_by_one_statement(
    client: httpx2.AsyncClient, sessions: Sessions, counting: Counting, done: UUID
) -> None:
    await finish(sessions, await submit(sessions))
    with counting() as sent:
        answer = await post(client, "{ runs { edges { node { id result { files { path } } } } } }")
    edges = answer["data"]["runs"]["edges"]
    assert all(f"/runs/{e['node']['id']}/files/report.html" in [f["path"] for f in e["node"]["result"]["files"]] for e in edges)
    assert (len(edges), len(sent)) == (2, 2)
    assert str(done) in str(edges)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


async def test_a_wish_is_kept_and_shown(client: httpx2.AsyncClient) -> None:
    wish = {"priority": "HIGH", "deadline": "2999-01-01T00:00:00Z"}
    run = (await ask(client, "SubmitRun", spec={"toml": depeg_weekend(1).spec_toml}, wish=wish))["submitRun"]
    answer = await post(client, "query Q($id: ID!) { run(id: $id) { priority deadlineAt } }", variables={"id": run["id"]})
    assert answer["data"]["run"] == {"priority": "HIGH", "deadlineAt": "2999-01-01T00:00:00Z"}
    past = (await ask(client, "SubmitRun", spec={"toml": depeg_weekend(1).spec_toml}, wish={"deadline": "2001-01-01T00:00:00Z"}))["submitRun"]
    assert (past["__typename"], past["code"]) == ("BadInput", "BAD_INPUT")


async def test_a_full_queue_is_refused_and_a_retry_finds_room_again(client: httpx2.AsyncClient, sessions: Sessions, rings: list[str]) -> None:
    first = (await ask(client, "SubmitRun", spec={"toml": depeg_weekend(1).spec_toml}))["submitRun"]
    async with sessions.begin() as session:
        await session.execute(update(Share).values(max_queued=1))
    full = (await ask(client, "SubmitRun", spec={"toml": depeg_weekend(1).spec_toml}))["submitRun"]
    assert (full["__typename"], full["code"], full["retryAfterS"]) == ("QueueFull", "QUEUE_FULL", None)
    assert (await ask(client, "Retry", id=first["id"]))["retry"]["code"] == "QUEUE_FULL"
    await ask(client, "CancelRun", id=first["id"])
    again = (await ask(client, "Retry", id=first["id"]))["retry"]
    assert (again["__typename"], again["state"], len(rings)) == ("Run", "QUEUED", 2)
    async with sessions.begin() as session:
        await session.execute(update(Share).values(max_queued=None))
    assert (await ask(client, "Retry", id=first["id"]))["retry"]["code"] == "CONFLICT"
    assert (await ask(client, "Retry", id="nothing"))["retry"]["code"] == "NOT_FOUND"

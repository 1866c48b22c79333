"""What operations cost, and how much of it a viewer has for a minute."""

from contextlib import suppress

import httpx2
import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from app import contract
from app.api.application import create_app
from app.api.budget import Budget
from app.api.cost import cost, price
from app.api.guard import Limits
from app.db.session import Sessions
from app.settings import Settings
from tests.app.api.asking import client_of, post
from tests.app.api.conftest import QUEUE


@pytest.mark.parametrize(
    ("document", "variables", "expected"),
    [
        ("{ viewer { name role } }", {}, 3),
        ("{ runs(first: 100) { edges { node { id name } } } }", {}, 1 + 100 * 4),
        ("query A($n: Int!) { runs(first: $n) { edges { node { id name } } } }", {"n": 7}, 1 + 7 * 4),
        ("query A($n: Int = 30) { runs(first: $n) { edges { cursor } } }", {}, 1 + 30 * 2),
        ("query A($n: Int!) { runs(first: $n) { edges { cursor } } }", {"n": "many"}, 1 + 20 * 2),
        ("query A($n: Int!) { runs(first: $n) { edges { cursor } } }", {"n": -5}, 1),
        ("{ runs(first: 10) { edges { node { result { fills(first: 50) { edges { cursor } } } } } } }", {}, 1 + 10 * (4 + 50 * 2)),
        ("{ runs(first: 10) { ...P } } fragment P on RunConnection { edges { ... on RunEdge { cursor } } }", {}, 1 + 10 * 2),
        ("query A($p: Int) { bars(maxPoints: $p) { points columns } }", {"p": 10_000}, 3 + 100),
        ("{ instruments(first: \"2020-01-01\") { name } }", {}, 1 + 20),
    ],
)  # fmt: skip
def test_lists_count_what_is_below_them_as_often_as_they_may_have_items(document: str, variables: dict[str, object], expected: int) -> None:
    (found,) = price(parse(document)).values()
    assert cost(found, variables) == expected


def test_every_named_operation_may_be_asked_for_with_its_largest_pages() -> None:
    for name, text in contract.operations().items():
        assert cost(price(parse(text))[name], {"first": 100, "maxPoints": 10_000}) <= Limits().cost


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_fills_up_again_at_a_steady_pace() -> None:
    clock = Clock()
    budget = Budget(requests=6, cost=600, clock=clock)
    assert budget.spend("ada", requests=1, cost=540)["RateLimit-Remaining"] == "60"
    with pytest.raises(HTTPException) as refused:
        budget.spend("ada", cost=100)
    assert (refused.value.status_code, dict(refused.value.headers or {})) == (
        429,
        {"RateLimit-Limit": '600, 600;w=60;comment="cost"', "RateLimit-Remaining": "60", "RateLimit-Reset": "54", "Retry-After": "4"},
    )
    assert "100 of the 600 cost" in refused.value.detail
    assert budget.spend("grace", cost=600)["RateLimit-Remaining"] == "0"  # another's is another's
    clock.now = 4.0
    assert budget.spend("ada", cost=100)["RateLimit-Remaining"] == "0"
    clock.now = 1e6
    assert budget.spend("ada", requests=6)["RateLimit-Limit"] == '6, 6;w=60;comment="requests"'


def test_no_limit_sends_no_headers() -> None:
    budget = Budget(requests=0, cost=0)
    assert [budget.spend("ada", requests=1, cost=10**9) for _ in range(3)] == [{}] * 3


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 120)), max_size=40))
def test_nobody_gets_more_in_a_minute_than_what_is_left_and_what_came_back(asked: list[tuple[float, int]]) -> None:
    clock, granted = Clock(), 0
    budget = Budget(requests=0, cost=100, clock=clock)
    for pause, amount in asked:
        clock.now += pause
        with suppress(HTTPException):
            budget.spend("ada", cost=amount)
            granted += amount
    assert granted <= 100 + clock.now * 100 / 60 + 1e-6


def limited(sessions: Sessions, redis: Redis, settings: Settings, **more: object) -> Starlette:
    return create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=settings.model_copy(update=more), ring=redis.ping)


async def test_a_viewer_over_its_budget_is_answered_429_with_when_to_ask_again(sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    app = limited(sessions, redis, app_settings, api_requests_per_minute=3, api_cost_per_minute=1_000)
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        first = await client.post("/graphql", json={"query": "{ viewer { name } }"})
        dear = await client.post(
            "/graphql", json={"query": "{ runs(first: 100) { edges { node { a: id b: id c: id d: id e: id f: id g: id h: id } } } }"}
        )
        await client.post("/graphql", json={"query": "{"})  # counts as a request, though nobody could execute it
        fourth = await client.post("/graphql", json={"query": "{ viewer { name } }"})
    assert (first.status_code, first.headers["ratelimit-remaining"]) == (200, "2")
    assert [dear.status_code, fourth.status_code] == [429, 429]
    assert [answer.json()["errors"][0]["extensions"]["code"] for answer in (dear, fourth)] == ["RATE_LIMITED"] * 2
    assert (fourth.headers["retry-after"], fourth.headers["ratelimit-remaining"]) == ("20", "0")


async def test_an_operation_that_costs_too_much_is_refused_whoever_asks(client: httpx2.AsyncClient) -> None:
    query = "query A($n: Int!) { runs(first: $n) { edges { node { result { fills(first: 500) { edges { node { order } } } } } } } }"
    answer = await post(client, query, variables={"n": 100})
    assert answer["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert "costs 150401" in answer["errors"][0]["message"]


async def test_a_document_is_found_by_its_hash(client: httpx2.AsyncClient) -> None:
    (known,) = (key for key, text in contract.documents().items() if text == contract.operation("Viewer"))
    answer = await client.post("/graphql", json={"documentId": known})
    other = (await client.post("/graphql", json={"documentId": known[:-1]})).json()
    assert answer.json()["data"]["viewer"]["name"] == "local"
    assert "no document of this documentId" in other["errors"][0]["message"]


async def test_where_only_trusted_documents_are_executed_others_are_not_even_read(sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    app = limited(sessions, redis, app_settings, api_trusted_only=True)
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        trusted = await post(client, contract.operation("Viewer"))
        for text in ("{ viewer { name } }", contract.operation("Viewer") + " ", "{"):
            answer = await post(client, text)
            assert answer["errors"][0]["extensions"]["code"] == "BAD_DOCUMENT"
            assert "alone" in answer["errors"][0]["message"]
    assert trusted["data"]["viewer"]["name"] == "local"

"""What the guard does grows with the document, not with what its fragments come to; and what passes it is validated soon."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLError, parse
from hypothesis import given
from hypothesis import strategies as st

from app.api.guard import LimitError, Limits, read_document
from tests.profiles import examples

LIMITS = Limits()
NAMES = "abc"


def chain(steps: int, each: int) -> str:
    """Return a chain of fragments of which each spreads the next several times."""
    links = "".join(f"fragment F{i} on Query{{{f'...F{i + 1} ' * each}}}" for i in range(steps))
    return f"{{...F0}}{links}fragment F{steps} on Query{{viewer{{name}}}}"


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        (chain(20, 2), "1000 fields and fragments in use"),
        (chain(20, 2).rpartition("fragment")[0], "1000 fields and fragments in use"),  # the last one is not there
        ("{" + "n{id}" * 4_000 + "}", "2000 tokens"),
        ("{" + "n{id}" * 490 + "}", "40 fields that are asked for twice"),
        ("{" + "viewer " * 999 + "}", "40 fields that are asked for twice"),
        ("{a" + "@b" * 51 + "}", "50 directives"),
        ("{...A @skip(if: true)}fragment A on Query{a" + "@b" * 50 + "}", "50 directives"),
    ],
    ids=["the 711 characters", "spread into nothing", "4,000 times", "490 times", "of one name", "directives", "directives in a fragment"],
)
def test_a_hostile_document_is_refused(document: str, refusal: str) -> None:
    with pytest.raises(GraphQLError, match=refusal):
        read_document(document, LIMITS)


def test_what_is_refused_is_small_and_what_is_smaller_still_passes() -> None:
    assert len(chain(20, 2)) < 800
    assert read_document(chain(4, 2), LIMITS)  # 2^4 times two fields


def test_a_field_is_asked_for_twice_where_its_name_in_the_answer_is_the_same() -> None:
    document = "{ run { id a: id } run { ... on Run { id } ...F } } fragment F on Run { a: name b: name }"
    with pytest.raises(LimitError, match="2 fields that are asked for twice"):
        read_document(document, Limits(repeats=2))  # run, id, a
    read_document(document, Limits(repeats=3))


def selections(fragments: int) -> st.SearchStrategy[str]:
    plain = st.sampled_from([*NAMES, "x: a", "a(first: 9)", "a @skip(if: true)"])
    leaf = st.one_of(plain, st.integers(0, fragments).map(lambda i: f"...F{i}"))

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        nested = st.tuples(st.sampled_from(["a", "..."]), inner).map(lambda found: f"{found[0]} {{ {found[1]} }}")
        return st.lists(st.one_of(leaf, nested), min_size=1, max_size=6).map(" ".join)

    return st.recursive(st.lists(leaf, min_size=1, max_size=12).map(" ".join), deeper, max_leaves=8)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Documents whose fragments spread each other, often, in circles and into nothing."""
    count = draw(st.integers(0, 12))
    bodies = [draw(selections(count)) for _ in range(count)]
    if draw(st.booleans()):  # most circles are refused at once: lead on only
        bodies = [f"{draw(st.sampled_from(NAMES))} {f'...F{i + 1} ' * draw(st.integers(1, 9))}" for i in range(count)]
    fragments = "".join(f"fragment F{i} on Query {{ {body} }} " for i, body in enumerate(bodies))
    return f"{{ {draw(selections(count))} }} {fragments}"


def calls(work: Callable[[], Any]) -> int:
    """Return how many functions a piece of work calls, those of C included."""
    made = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal made
        made += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    except LimitError:
        pass
    finally:
        sys.setprofile(before)
    return made


def tokens(document: str) -> int:
    found, count = parse(document).loc, 0
    token = found.start_token if found else None
    while token is not None:
        count, token = count + 1, token.next
    return count


@examples(30)
@given(documents())
def test_the_work_is_linear_in_the_size_of_the_document(document: str) -> None:
    weighing = calls(lambda: read_document(document, LIMITS)) - calls(lambda: parse(document))
    assert weighing <= 40 * tokens(document) + 6 * LIMITS.fields + 500

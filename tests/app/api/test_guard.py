"""The guard weighs documents before anything else looks at them."""

import pytest
from graphql import GraphQLError, get_introspection_query
from hypothesis import given
from hypothesis import strategies as st

from app.api.guard import LimitError, Limits, read_document
from app.contract import operations

LIMITS = Limits()


def test_every_named_operation_and_the_introspection_of_a_client_pass() -> None:
    for text in [*operations().values(), get_introspection_query(input_value_deprecation=True, specified_by_url=True)]:
        assert len(read_document(text, LIMITS).definitions) >= 1


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        ("{ run " * 17 + "{ id" + " }" * 18, "16 levels of fields"),
        ("{ a(x: " + "[" * 50 + "]" * 50 + ") }", "40 nested brackets"),
        ("{" + " ".join(f"a{i}: viewer" for i in range(31)) + "}", "30 aliases"),
        ("{" + "n " * 1001 + "}", "1000 fields and fragments in use"),
        ("{" + "n{id}" * 4000 + "}", "2000 tokens"),
        ("{a(x:" + "[" * 900 + "]" * 900 + ")}", "nested too deeply"),
        ("#\n" * 2001 + "{ a }", "2000 comments"),
        ("{ ...A }" + "".join(f"fragment F{i} on Query {{ a }}" for i in range(41)), "40 fragments"),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "circle"),
        ("{ a " + "x" * 50_001 + "}", "50000 code points"),
    ],
    ids=lambda value: value if len(value) < 30 else "document",
)
def test_a_document_over_a_limit_is_refused_with_the_limit(document: str, refusal: str) -> None:
    with pytest.raises(GraphQLError, match=refusal):
        read_document(document, LIMITS)


def test_depth_fields_and_aliases_are_counted_through_fragments() -> None:
    inside = "fragment F on Run { result { a: verdict } } "
    deep = "{ run { ...F ... on Run { x: id } } } "
    for limits, refusal in [
        (Limits(depth=2), "2 levels"),
        (Limits(fields=5), "5 fields"),
        (Limits(aliases=1), "1 aliases"),
        (Limits(fragments=0), "0 fragments"),
    ]:
        with pytest.raises(LimitError, match=refusal):
            read_document(deep + inside, limits)
    read_document(deep + inside, Limits(depth=3, fields=6, aliases=2, fragments=1))


def test_a_chain_of_fragments_that_doubles_at_each_step_is_weighed_fragment_by_fragment() -> None:
    steps = 39
    chain = "{...F0}" + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(steps)) + f"fragment F{steps} on Query{{a}}"
    with pytest.raises(LimitError, match="1000 fields and fragments"):
        read_document(chain, LIMITS)  # field by field, 2^39 of them, this would not come back


@given(st.text(alphabet='{}[]():.!$@#"ab\\ \n', max_size=300))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    try:
        read_document(text, LIMITS)
    except GraphQLError:
        return

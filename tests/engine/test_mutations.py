"""The tests of the tests: the list of mutations is up to date, and those of a sample are caught by the test that it names."""

import ast
from collections import Counter
from dataclasses import replace
from functools import cache

from tests.engine.mutate import BY_ANOTHER, BY_CATCHER, FOUND_NONE, ROOT, TESTS, Mutation, mutations, run

LIST = mutations()
SAMPLE = {
    "a fee is rounded to the nearest",
    "a tier begins above its volume",
    "an order meets what is in view",
    "what we took is taken for ever",
    "no funds is below the minimum",
    "what was bought too much is sold on the sell's leg",
    "a fall of the limit itself is allowed",
    "gross goes by the marks of the fill",
}


@cache
def source(file: str) -> str:
    """Return a file of the tree."""
    return (ROOT / file).read_text()


@cache
def names_in(file: str) -> set[str]:
    """Return the names of the tests of a file."""
    return {node.name for node in ast.parse(source(file)).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_change_applies_to_the_source_as_it_is_and_compiles() -> None:
    for mutation in LIST:
        changed = mutation.applied(source(mutation.file))
        assert changed != source(mutation.file), mutation.name
        compile(changed, mutation.file, "exec")


def test_every_change_has_a_name_of_its_own_and_a_rule() -> None:
    assert [name for name, count in Counter(m.name for m in LIST).items() if count > 1] == []
    assert [m.name for m in LIST if not m.rule] == []


def test_every_change_is_made_once() -> None:
    made = Counter(m.applied(source(m.file)) for m in LIST)
    assert [m.name for m in LIST if made[m.applied(source(m.file))] > 1] == []


def test_every_change_names_the_test_that_catches_it_or_why_none_can() -> None:
    for mutation in LIST:
        assert bool(mutation.catcher) != bool(mutation.equivalent), mutation.name
        if mutation.catcher:
            file, _, test = mutation.node.partition("::")
            assert test in names_in(file), mutation.name


def test_every_part_of_the_kernels_the_spine_and_the_statistics_has_changes() -> None:
    kernels = {f"engine/kernels/{path.name}" for path in (ROOT / "engine" / "kernels").glob("*.py")} - {"engine/kernels/__init__.py"}
    spine = ("attribution", "bar_series", "daily", "guard", "hours", "ledger", "market", "marks", "observations", "opportunities", "panel", "path")
    spine += ("pool_series", "prices", "quality", "quote_series", "trading_back")
    statistics = {f"engine/statistics/{path.name}" for path in (ROOT / "engine" / "statistics").glob("*.py")} - {"engine/statistics/__init__.py"}
    assert {m.file for m in LIST} >= kernels | statistics | {f"engine/{name}.py" for name in spine}
    assert len(LIST) >= 200


def test_a_sample_of_changes_is_caught_by_the_tests_that_the_list_names_and_leaves_the_tree_as_it_was() -> None:
    chosen = [m for m in LIST if m.name in SAMPLE]
    assert len(chosen) == len(SAMPLE)
    before = {m.file: (ROOT / m.file).read_bytes() for m in chosen}
    assert [(m.name, outcome) for m, outcome, _ in run(chosen, 1)] == [(m.name, BY_CATCHER) for m in chosen]
    assert {file: (ROOT / file).read_bytes() for file in before} == before


def test_a_change_that_another_test_catches_or_that_none_does_is_told() -> None:
    fee = next(m for m in LIST if m.name == "a fee is rounded to the nearest")
    elsewhere = replace(fee, catcher="kernels/test_amounts.py::test_a_flow_is_rounded_to_the_nearest_atom_and_ties_to_even")
    nothing = Mutation(name="", rule="", file=fee.file, old=fee.old, new=f"+{fee.old}", catcher=fee.catcher)
    found = [(outcome, node) for _, outcome, node in run([elsewhere, nothing], 1, tests=f"{TESTS}/kernels/test_amounts.py")]
    assert found == [(BY_ANOTHER, f"{fee.node}[1001-0.001-2]"), (FOUND_NONE, "")]

"""The shape of the house: what lies where, how long things are, and which way imports point."""

import ast
import functools
import itertools
import statistics
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "engine", "infra")
TOP_LEVEL = {
    # the owner's list, as far as it exists
    "app", "engine", "graphql", "infra", "tests", "pyproject.toml", "README.md",
    # what tools demand
    ".ci", ".env.example", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "LICENSE", "Makefile", "requirements",
    # what users start from and read
    "docs", "examples",
}  # fmt: skip
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


@functools.cache
def tracked() -> list[Path]:
    """Return what git tracks or would track."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def sources() -> list[Path]:
    """Return the Python files of the product."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] in PACKAGES]


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax."""
    return ast.parse((ROOT / path).read_text())


@functools.cache
def functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Return every function of the product with where it stands."""
    return [
        (f"{path}:{node.lineno} {node.name}", node)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines, its docstring not counted."""
    first = node.body[0]
    doc = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0
    return (node.end_lineno or 0) - node.lineno + 1 - doc


def test_the_top_level_holds_what_the_owner_and_the_tools_name_and_nothing_else() -> None:
    assert {path.parts[0] for path in tracked()} == TOP_LEVEL


def test_the_graphql_folder_is_the_contract_and_holds_no_python() -> None:
    found = {path.suffix for path in tracked() if path.parts[0] == "graphql"}
    assert found == {".graphql"}


def test_no_python_file_is_longer_than_400_lines() -> None:
    files = {str(path): len((ROOT / path).read_text().splitlines()) for path in tracked() if path.suffix == ".py"}
    assert {name: lines for name, lines in files.items() if lines > LONGEST_FILE} == {}
    assert statistics.median(files.values()) <= 150


def test_functions_are_short() -> None:
    lengths = {where: length(node) for where, node in functions()}
    assert {where: lines for where, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    ordered = sorted(lengths.values())
    assert statistics.median(ordered) <= 8
    assert ordered[int(0.9 * len(ordered))] <= 25


def test_functions_take_at_most_two_parameters_by_position_where_they_take_more_than_six() -> None:
    crowded = [where for where, node in functions() if len(node.args.args) > 2 and len(node.args.args) + len(node.args.kwonlyargs) > 8]
    assert crowded == []


def test_imports_stand_at_the_top_of_a_module_but_for_lazy_commands() -> None:
    inner = [
        f"{where} imports {ast.unparse(statement)}"
        for where, node in functions()
        if not where.startswith("app/cli/")
        for statement in ast.walk(node)
        if isinstance(statement, ast.Import | ast.ImportFrom) and _is_ours(statement)
    ]
    assert inner == []


def _is_ours(statement: ast.Import | ast.ImportFrom) -> bool:
    names = [statement.module or ""] if isinstance(statement, ast.ImportFrom) else [alias.name for alias in statement.names]
    return any(name.split(".")[0] in PACKAGES for name in names)


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "raise NotImplementedError"])
def test_nothing_is_left_for_later_in_the_code(word: str) -> None:
    assert [str(path) for path in sources() if word in (ROOT / path).read_text()] == []


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in sources() if not ast.get_docstring(tree(path))] == []


def test_no_module_imports_itself_through_others() -> None:
    known = {_module(path) for path in sources()}
    graph = {_module(path): _imports(path, known) for path in sources()}
    assert [" -> ".join(cycle) for cycle in _cycles(graph)] == []


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, known: set[str]) -> set[str]:
    found = set()
    for node in tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in known else node.module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


def _cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    reach = {name: set(targets) for name, targets in graph.items()}
    for _ in itertools.repeat(None, len(reach)):
        grown = {name: targets | {far for near in targets for far in reach.get(near, set())} for name, targets in reach.items()}
        if grown == reach:
            break
        reach = grown
    return [[name, *sorted(graph[name] & {n for n in reach if name in reach[n]}), name] for name in sorted(reach) if name in reach[name]]

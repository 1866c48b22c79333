"""The demo, whole: what a stranger sees first."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from engine.result import FILES
from tests.e2e.conftest import Cli, call, is_locked, left_behind

Shown = tuple[Path, "subprocess.CompletedProcess[str]", dict[str, object]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Return a folder in which the demo was run once, what it said, and the summary of its result."""
    folder = tmp_path_factory.mktemp("demo")
    ended = call("demo", cwd=folder)
    return folder, ended, json.loads((folder / ".demo" / "result" / "summary.json").read_text()) if ended.returncode == 0 else {}


def test_the_demo_goes_from_files_to_a_proven_result_and_ends_in_order(shown: Shown) -> None:
    folder, ended, _ = shown
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    for part in ("SYNTHETIC", "SubmitRun", "→ done", "14,424 bars read, 14,424 of them new", "INDICATIVE", "= excess over holding", "Go on:"):
        assert part in said
    proven = re.search(r"the ledger equals the planted truth: (\d+) of (\d+) fills", said)
    assert proven
    assert proven[1] == proven[2] == "17"
    assert (folder / ".demo" / "result" / "report.html").read_text().count("SYNTHETIC") >= 1
    assert left_behind(folder / ".demo") == []
    assert not is_locked(folder / ".demo")


def test_a_second_demo_on_the_same_folder_imports_nothing_new_and_finds_the_same(shown: Shown) -> None:
    folder, _, first = shown
    second = json.loads(call("demo", "--json", cwd=folder).stdout)
    imported = {form["step"]: form["said"][0] for form in second["steps"]}["import"]
    assert imported == "14,424 bars read, 0 of them new"
    assert second["summary"] == first
    assert second["summary"]["synthetic"] is True
    assert set(second["files"]) == set(FILES)


def test_other_seeds_are_other_prices_with_the_same_proof(cli: Cli) -> None:
    ended = cli("demo", "--seed", "7")
    assert ended.returncode == 0, ended.stderr
    assert "the ledger equals the planted truth" in ended.stdout

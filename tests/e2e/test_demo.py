"""The demo, whole: what a stranger sees first."""

import json
import re
from pathlib import Path

from engine.result import FILES
from tests.e2e.conftest import Cli, is_locked, left_behind


def test_the_demo_goes_from_files_to_a_proven_result_and_ends_in_order(cli: Cli, tmp_path: Path) -> None:
    ended = cli("demo")
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    for part in ("SYNTHETIC", "SubmitRun", "→ done", "14,424 bars read, 14,424 of them new", "INDICATIVE", "= excess over holding", "Go on:"):
        assert part in said
    proven = re.search(r"the ledger equals the planted truth: (\d+) of (\d+) fills", said)
    assert proven
    assert proven[1] == proven[2] == "17"
    assert (tmp_path / ".demo" / "result" / "report.html").read_text().count("SYNTHETIC") >= 1
    assert left_behind(tmp_path / ".demo") == []
    assert not is_locked(tmp_path / ".demo")


def test_a_second_demo_on_the_same_folder_imports_nothing_new_and_finds_the_same(cli: Cli) -> None:
    first, second = (json.loads(cli("demo", "--json").stdout) for _ in range(2))
    imported = {form["step"]: form["said"][0] for form in second["steps"]}["import"]
    assert imported == "14,424 bars read, 0 of them new"
    assert second["summary"] == first["summary"]
    assert second["summary"]["synthetic"] is True
    assert set(second["files"]) == set(FILES)


def test_other_seeds_are_other_prices_with_the_same_proof(cli: Cli) -> None:
    ended = cli("demo", "--seed", "7")
    assert ended.returncode == 0, ended.stderr
    assert "the ledger equals the planted truth" in ended.stdout

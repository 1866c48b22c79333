"""What the documentation says is what the code does: commands, settings, errors, metrics, links, the tree."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from pydantic import BaseModel

from app.api.metrics import make_metrics
from app.cli.root import app
from app.errors import ANSWERS
from app.settings import Settings
from engine import backtest
from engine.config import (
    Execution,
    FeeRow,
    Guard,
    Hours,
    Instrument,
    QualityRules,
    Rebalance,
    Risk,
    Route,
    Spec,
    Suspension,
    Target,
    Tier,
    Venue,
    Window,
    json_schema,
    parse_spec_toml,
)
from engine.spec.execution import Demands
from engine.spec.redemption import Redemption
from engine.spec.venues import Perpetual
from engine.strategies.registry import STRATEGIES
from engine.synth import depeg_weekend

ROOT = Path(__file__).parent.parent
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its whole name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, found in (inner or {}).items():
        yield from commands(found, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(app), "usdc-arb"))


def documented(section: str) -> set[str]:
    """Return what stands in code marks in the first column of a section's table."""
    text = REFERENCE.split(f"## {section}\n")[1].split("\n## ")[0]
    firsts = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for first in firsts for name in re.findall(r"`([^`]+)`", first)}


def test_the_reference_has_every_command_and_no_other() -> None:
    assert documented("Commands") == set(COMMANDS)


def test_the_reference_has_every_setting_and_no_other() -> None:
    assert documented("Settings") == {name.upper() for name in Settings.model_fields}


TABLES = (
    *(Spec, *STRATEGIES.values(), Redemption, Execution, Risk, Guard, QualityRules, Demands, Venue, Window, FeeRow, Tier, Instrument, Route, Hours),
    *(Suspension, Rebalance, Target, Perpetual),
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_the_reference_has_every_key_of_a_spec_and_no_other(table: type[BaseModel]) -> None:
    text = REFERENCE.split(f"### {table.__name__}\n")[1].split("\n#")[0]
    firsts = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {name for first in firsts for name in re.findall(r"`([^`]+)`", first)} == set(table.model_fields)


def test_the_reference_has_every_table_of_a_spec() -> None:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert {table.__name__ for table in TABLES} == {"Spec", *definitions}


def test_the_reference_has_every_error_with_its_exit_code() -> None:
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", REFERENCE, re.MULTILINE))
    assert table == {answer.code: str(answer.exit_code) for answer in ANSWERS.values() if answer.code != "ERROR"}


def test_the_reference_has_every_metric_of_a_result() -> None:
    weekend = depeg_weekend(1)
    metrics = backtest.run(parse_spec_toml(weekend.spec_toml), weekend.bars).summary["metrics"]
    assert isinstance(metrics, dict)
    assert documented("Metrics of a result") == set(metrics)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_that_names_it(name: str) -> None:
    text = COMMANDS[name].epilog or ""
    assert "Example" in text
    assert name in text


def test_no_path_is_refused_before_the_command_can_say_whose_it_is_and_what_to_do() -> None:
    described = [(name, each.type_descriptor) for name, command in COMMANDS.items() for each in command.params]
    paths = [(name, found) for name, found in described if "Path" in str(found.annotation)]
    assert len(paths) > 15
    assert [name for name, found in paths if found.parameter_info.readable] == []


def test_the_reference_has_every_metric_of_the_api_and_no_other() -> None:
    shown = {name for metric in make_metrics().registry.collect() for name in re.findall(r"^usdc_arb\w+?(?=_created|$)", metric.name)}
    text = REFERENCE.split("## The API over HTTP\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(usdc_arb_\w+?)(?:_total)?` ", text, re.MULTILINE)) == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documentation_exist(page: Path) -> None:
    named = set(re.findall(r"^(?:\$ )?(usdc-arb(?: [a-z]+){1,2})", page.read_text(), re.MULTILINE))
    assert {line for line in named if not any(known.startswith(line) or line.startswith(known) for known in COMMANDS)} == set()


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_the_readme_names_every_folder_of_the_tree() -> None:
    tree = README.split("## The tree")[1].split("\n## ")[0]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"results", "dist"}
    assert {name for name in folders if f"{name}/" not in tree} == set()


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`?make ([a-z]+)`?", page.read_text())}
    assert named & {"demo", "test"} == {"demo", "test"}
    assert {name for name in named if name not in targets and f"`make {name}`" in README} == set()

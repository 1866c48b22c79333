"""Every command has help that helps, and costs nothing to ask for."""

import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
import typer

from app.cli.root import app

HEAVY = {"polars", "numpy", "numba", "sqlalchemy", "arq", "strawberry", "httpx2", "rich", "asyncio"}


def leaves(command: typer.core.TyperCommand | typer.core.TyperGroup, *names: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    if isinstance(command, typer.core.TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(inner, *names, name)
    else:
        yield " ".join(names), command


COMMANDS = dict(leaves(typer.main.get_command(app)))
each_command = pytest.mark.parametrize("name", COMMANDS)


def examples(name: str) -> list[str]:
    title, *lines = (COMMANDS[name].epilog or "").removeprefix("\b\n").splitlines()
    assert title == "Example:"
    return [line.strip() for line in lines]


def test_the_verbs_are_those_that_do_something_now() -> None:
    verbs = [
        "up",
        "demo",
        *(f"data {verb}" for verb in ("import", "look", "bars", "fetch", "invent", "list", "coverage", "doctor", "quality", "validate")),
        *(f"data snapshot {verb}" for verb in ("build", "collect", "list", "verify")),
        "serve",
        "worker",
        "db upgrade",
        "db current",
        "db status",
        "db roles",
        "db maintain",
        "token create",
        "ops plan",
    ]
    runs = [f"backtest {verb}" for verb in ("run", "list", "show", "cancel", "validate", "schema")]
    sweeps = [f"sweep {verb}" for verb in ("run", "list", "show", "cancel", "validate", "schema")]
    jobs = [f"jobs {verb}" for verb in ("list", "show", "queue", "share", "schedules", "retry", "drain", "cancel")]
    users = [f"users {verb}" for verb in ("create", "list", "role", "disable", "enable", "password", "sign-out", "audit")]
    keys = [f"keys {verb}" for verb in ("create", "list", "revoke")]
    assert sorted(COMMANDS) == sorted(verbs + runs + sweeps + jobs + users + keys)


@each_command
def test_a_command_says_what_it_does_in_a_sentence_that_fits_the_list(name: str) -> None:
    first = (COMMANDS[name].help or "").splitlines()[0]
    assert first.endswith(".") or "," in first
    assert COMMANDS[name].get_short_help_str(limit=200)


@each_command
def test_a_command_has_examples_that_parse_as_this_very_command(name: str) -> None:
    for line in examples(name):
        program, *arguments = shlex.split(line.partition(" > ")[0])
        words = name.split()
        assert program == "usdc-arb"
        assert arguments[: len(words)] == words
        COMMANDS[name].make_context(name, arguments[len(words) :])  # raises where an option is not known


@each_command
def test_a_command_that_prints_can_print_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) == (name not in {"up", "serve", "worker", "backtest schema", "sweep schema"})


@each_command
def test_every_option_is_explained(name: str) -> None:
    assert [parameter.name for parameter in COMMANDS[name].params if not getattr(parameter, "help", "")] == []


@pytest.mark.parametrize("group", ["backtest", "sweep"])
def test_help_imports_none_of_the_heavy_libraries(group: str) -> None:
    script = f"""
        import sys
        from app.cli import main
        sys.argv = ["usdc-arb", "{group}", "run", "--help"]
        try:
            main()
        except SystemExit:
            print(*sys.modules)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert HEAVY & set(ended.stdout.splitlines()[-1].split()) == set()


def test_a_command_that_does_not_exist_is_answered_by_its_neighbour() -> None:
    ended = subprocess.run([sys.executable, "-m", "app.cli", "backtst"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "backtest" in ended.stderr

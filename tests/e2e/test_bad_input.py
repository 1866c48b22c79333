"""Bad input, case by case: one clear error with what to do, the fitting exit code, no traceback, nothing lost."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Cli, call, environment, write_market

HEADER = "open_time_ms,open,high,low,close,volume\n"
MINUTE = 1_678_492_800_000  # 2023-03-11 00:00
FILE = "kraken_BTC-USD_1m.csv"


def rows(*changed: tuple[int, str]) -> str:
    lines = {i: f"{MINUTE + 60_000 * i},100,101,99,100.5,2\n" for i in range(5)}
    return HEADER + "".join((lines | dict(changed)).values())


BAD_FILES = {
    "not what it claims": (FILE, "<!doctype html><html>rate limited</html>", 65, "expected"),
    "empty": (FILE, "", 65, "empty"),
    "negative price": (FILE, rows((2, f"{MINUTE + 120_000},-100,101,-100,100,2\n")), 65, "-100"),
    "out of order": (FILE, rows((3, f"{MINUTE - 60_000},100,101,99,100,2\n")), 65, "expected"),
    "times in the wrong unit": (FILE, rows((2, f"{(MINUTE + 120_000) // 1000},100,101,99,100,2\n")), 65, "expected"),
    "high below low": (FILE, rows((1, f"{MINUTE + 60_000},100,90,99,100,2\n")), 65, "high"),
    "not a number": (FILE, rows((1, f"{MINUTE + 60_000},100,101,99,hundred,2\n")), 65, "hundred"),
    "first row cut off": (FILE, HEADER + f"{MINUTE},100,101\n", 65, "6 columns, not 3"),
    "no venue": ("BTC-USD.csv", rows(), 65, "--venue"),
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def stocked(box: Path, market: Path) -> Path:
    assert call("data", "import", market, "--data", box, cwd=market).returncode == 0
    return box


def is_one_clear_error(ended: "subprocess.CompletedProcess[str]", code: int) -> None:
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(("error: ", "  ")), ended.stderr
    assert ended.stderr.count("error: ") == 1


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_whole_by_name_with_what_was_expected(name: str, box: Path, cli: Cli, tmp_path: Path) -> None:
    file, content, code, word = BAD_FILES[name]
    (tmp_path / file).write_text(content)
    ended = cli("data", "import", file, "--data", box)
    is_one_clear_error(ended, code)
    assert file in ended.stderr
    assert word in ended.stderr


def test_nothing_of_all_these_files_is_kept(box: Path, cli: Cli) -> None:
    ended = cli("data", "list", "--data", box)
    assert ended.returncode == 0
    assert "kraken" not in ended.stdout


def test_a_file_that_is_not_there_is_named(box: Path, cli: Cli) -> None:
    ended = cli("data", "import", "nowhere.csv", "--data", box)
    is_one_clear_error(ended, 66)
    assert "nowhere.csv" in ended.stderr


SPEC = (ROOT / "examples" / "spatial-demo.toml").read_text()
BAD_SPECS: dict[str, tuple[Callable[[str], str], tuple[int, int], str]] = {
    "misspelt key": (lambda text: text.replace("cool_down", "cooldown"), (65, 65), "did you mean 'cool_down'?"),
    "unknown venue": (lambda text: text.replace('venue = "synthetic-gamma"', 'venue = "synthetic-gama"'), (65, 65), "synthetic-gama"),
    "unknown instrument": (lambda text: text.replace("USDC", "EUR"), (66, 66), "EUR"),
    "end before start": (lambda text: text.replace("end = 2023-03-13", "end = 2023-03-10"), (65, 65), "before end"),
    "not TOML": (lambda text: text.replace("[strategy]", "[strategy"), (65, 65), "TOML"),
    "a range without data": (lambda text: text.replace("2023-03-1", "2024-03-1"), (65, 66), "2024-03-1"),
    "several problems": (
        lambda text: text.replace("tick = 0.01", "tick = 0").replace('interval = "1m"', 'interval = "a minute"'),
        (65, 65),
        "problems:",
    ),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_a_bad_spec_is_refused_with_all_that_is_wrong_by_the_box_and_on_files_alike(
    name: str, stocked: Path, market: Path, cli: Cli, tmp_path: Path
) -> None:
    change, codes, word = BAD_SPECS[name]
    (tmp_path / "spec.toml").write_text(change(SPEC))
    for where, code in zip((("--files", market), ("--data", stocked)), codes, strict=True):
        ended = cli("backtest", "run", "spec.toml", *where)
        is_one_clear_error(ended, code)
        assert word in ended.stderr
    assert not (tmp_path / "results").exists()


def test_a_fee_that_looks_like_a_fraction_is_a_warning_and_no_error(cli: Cli, market: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(SPEC.replace("fee_bps = 25", "fee_bps = 0.0025"))
    ended = cli("backtest", "run", "spec.toml", "--files", market)
    assert ended.returncode == 0
    assert "warning: spec.toml: venues.synthetic-gamma.fee_bps = 0.0025 looks like a fraction" in ended.stderr
    assert "looks like a fraction" in ended.stdout


def test_a_spec_that_is_not_there_or_no_text_is_named(cli: Cli, tmp_path: Path) -> None:
    is_one_clear_error(cli("backtest", "validate", "nowhere.toml"), 66)
    is_one_clear_error(cli("backtest", "validate", tmp_path), 65)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    is_one_clear_error(cli("backtest", "validate", "binary.toml"), 65)


def test_without_a_box_the_answer_says_how_to_start_one_or_do_without(cli: Cli) -> None:
    ended = cli("backtest", "run", ROOT / "examples" / "spatial-demo.toml", "--data", "nowhere")
    is_one_clear_error(ended, 69)
    assert "usdc-arb up" in ended.stderr
    assert "--files DIR" in ended.stderr
    is_one_clear_error(cli("data", "list", "--data", "nowhere"), 69)


def test_an_address_where_nothing_listens_is_named(cli: Cli) -> None:
    ended = cli("backtest", "list", "--url", "http://127.0.0.1:1", env={"API_SECRET_KEY": "x"})
    is_one_clear_error(ended, 69)
    assert "http://127.0.0.1:1/" in ended.stderr


def test_a_run_that_does_not_exist_is_not_found(box: Path, cli: Cli) -> None:
    for run in ("01a205e9-0000-7000-8000-000000000000", "rubbish"):
        is_one_clear_error(cli("backtest", "show", run, "--data", box), 66)


def test_missing_settings_are_named_each_with_an_example(cli: Cli) -> None:
    for command in ("serve", "worker"):
        ended = cli(command)
        assert ended.returncode == 78
        assert "Traceback" not in ended.stderr
        for variable in ("DB_PASSWORD", "REDIS_PASSWORD", "API_SECRET_KEY", "JWT_SECRET"):
            assert f"{variable} is not set; for example {variable}=" in ended.stderr


def test_a_server_without_its_queue_says_which_settings_lead_there(cli: Cli) -> None:
    secrets = dict.fromkeys(("DB_PASSWORD", "REDIS_PASSWORD", "API_SECRET_KEY", "JWT_SECRET"), "k" * 40)
    for command in ("serve", "worker"):
        ended = cli(command, env={**secrets, "REDIS_PORT": "1"})
        is_one_clear_error(ended, 69)
        assert "127.0.0.1:1 (REDIS_HOST" in ended.stderr


def test_a_database_that_does_not_answer_is_one_error(cli: Cli, market: Path) -> None:
    secrets = dict.fromkeys(("DB_PASSWORD", "REDIS_PASSWORD", "API_SECRET_KEY", "JWT_SECRET"), "k" * 40)
    for command in (("db", "current"), ("db", "upgrade"), ("data", "list"), ("data", "import", market)):
        is_one_clear_error(cli(*command, env={**secrets, "DB_PORT": "1"}), 69)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_data_folder_of_somebody_else_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    ended = cli("up", "--data", "theirs")
    is_one_clear_error(ended, 77)
    assert "belongs to uid 12345" in ended.stderr


def test_a_result_that_cannot_be_written_names_the_folder_and_the_option(cli: Cli, market: Path) -> None:
    ended = cli("backtest", "run", market / "spec.toml", "--files", market, "--out", "/proc/nowhere")
    is_one_clear_error(ended, 75)
    assert "/proc/nowhere cannot be written" in ended.stderr
    assert "--out" in ended.stderr


def on_a_small_disk(size: str, folder: Path, arguments: tuple[str | Path, ...]) -> "subprocess.CompletedProcess[str]":
    """Run `usdc-arb` in a mount namespace of its own, in which the folder is a disk of that size."""
    folder.mkdir()
    script = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
    command = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh", size, folder, sys.executable, "-m", "app.cli"]
    ended = subprocess.run(
        list(map(str, (*command, *arguments))), cwd=folder.parent, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    if "unshare" in ended.stderr or "mount:" in ended.stderr:
        pytest.skip(f"no mount namespaces here: {ended.stderr.strip()}")
    return ended


def test_a_full_disk_is_said_before_the_box_begins_and_while_a_result_is_saved(market: Path, tmp_path: Path) -> None:
    ended = on_a_small_disk("64m", tmp_path / "small", ("up", "--data", tmp_path / "small" / "data"))
    is_one_clear_error(ended, 74)
    assert "make room" in ended.stderr
    tiny = tmp_path / "tiny"
    ended = on_a_small_disk("16k", tiny, ("backtest", "run", market / "spec.toml", "--files", market, "--out", tiny / "out"))
    is_one_clear_error(ended, 74)
    assert str(tiny) in ended.stderr

"""`usdc-arb sweep`: what it says about a sweep before, while and after it runs."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from app.cli.root import main
from tests.e2e.conftest import ROOT, write_market

HEAD = """version = 1
name = "Thresholds"
base = "spec.toml"
design = "grid"
rank_by = "excess"
keep = 1
[statistics]
blocks = 2
bootstrap = 100
"""
THRESHOLDS = (
    '[[parameters]]\npath = "strategy.threshold_bps"\nvalues = [10, 25, 60]\n[[parameters]]\npath = "strategy.cool_down"\nvalues = ["5m", "1h"]\n'
)
MILLION = "".join(
    f'[[parameters]]\npath = "venues.synthetic-{name}.fee_bps"\nlow = 0\nhigh = 9\ncount = 100\n' for name in ("alpha", "beta", "gamma")
)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("market"))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `usdc-arb sweep` in this process, in a folder of this test, with somebody at the terminal who types, or nobody."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, typed: str | None = None) -> Ended:
        monkeypatch.setattr(sys, "argv", ["usdc-arb", "sweep", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO() if typed is None else Terminal(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return run


def write(market: Path, text: str, name: str = "sweep.toml") -> Path:
    (market / name).write_text(text)
    return market / name


def test_a_sweep_says_whether_its_best_is_luck_which_trials_were_best_and_where_everything_lies(cli: Cli, market: Path, tmp_path: Path) -> None:
    fraction = '[[parameters]]\npath = "venues.synthetic-gamma.fee_bps"\nvalues = [0.001]\n'
    ended = cli("run", write(market, HEAD + THRESHOLDS + fraction), "--files", market, "--out", "found")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert "SYNTHETIC DATA" in lines[0]
    assert "Is the best trial more than luck?" in lines
    best = pl.read_parquet("found/trials.parquet").sort("excess", "trial", descending=[True, False]).row(0, named=True)
    (place,) = (at for at, line in enumerate(lines) if line.startswith("  trial "))
    assert lines[place + 1].split()[:2] == [str(best["trial"]), f"{best['excess']:,.2f}"]
    assert "values: strategy.threshold_bps · strategy.cool_down · venues.synthetic-gamma.fee_bps; amounts in USD" in ended.out
    assert "Warnings of the best\n  - venues.synthetic-gamma.fee_bps = 0.001 looks like a fraction" in ended.out
    assert "Report: found/report.html" in ended.out
    assert Path(f"found/best/{best['trial']}/report.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["found"]


def test_a_sweep_in_json_is_one_document_and_its_folder_is_named_after_it(cli: Cli, market: Path, tmp_path: Path) -> None:
    form = json.loads(cli("run", write(market, HEAD + THRESHOLDS), "--files", market, "--json", "--threads", "1").out)
    assert set(form) == {"sweep", "summary", "headline", "checks", "best", "files"}
    assert (form["summary"]["trials"], form["best"][0]["strategy.cool_down"]) == (6, "5m")
    assert [check["question"][-1] for check in form["checks"]] == ["?"] * 6
    hashed = json.loads(cli("validate", market / "sweep.toml", "--json").out)["hash"]
    assert form["files"]["trials.parquet"] == f"results/thresholds-{hashed[:8]}/trials.parquet"
    assert {str(path.relative_to(tmp_path)) for path in (tmp_path / "results").rglob("*") if path.is_file()} == set(form["files"].values())


def test_a_sweep_is_validated_with_what_it_would_take(cli: Cli, market: Path) -> None:
    path = write(market, HEAD + THRESHOLDS)
    said = cli("validate", path).out
    assert f"{path} can be run: Thresholds" in said
    assert "6 trials: about 1 s and 0.2 GiB of memory" in said
    rows, bars = (json.loads(cli("validate", path, *more, "--json").out)["estimate"] for more in (("--files", market), ()))
    assert rows["trials"] == bars["trials"] == 6
    assert rows["memory_bytes"] - bars["memory_bytes"] == 250 * (14_424 - 14_400)


def test_nobody_knows_the_time_of_a_sweep_of_quotes_before_they_are_read(cli: Cli, market: Path) -> None:
    path = write(market, HEAD.replace("spec.toml", str(ROOT / "examples" / "spatial-binance-capture.toml")) + THRESHOLDS, "of-quotes.toml")
    assert "6 trials; how long they take depends on the rows of the files: --files DIR" in cli("validate", path).out
    assert json.loads(cli("validate", path, "--json").out)["estimate"] is None


def test_a_million_sets_by_mistake_are_refused_where_nobody_can_be_asked(cli: Cli, market: Path, tmp_path: Path) -> None:
    ended = cli("run", write(market, HEAD + MILLION), "--files", market)
    assert ended.code == 65
    assert ended.err.startswith("error: 1,000,000 trials: about ")
    assert "GiB that there are" in ended.err
    assert "add --yes to run it" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_million_sets_are_asked_about_and_no_is_an_answer(cli: Cli, market: Path, tmp_path: Path) -> None:
    ended = cli("run", write(market, HEAD + MILLION), "--files", market, typed="n\n")
    assert ended.code == 1
    assert "1,000,000 trials: about " in ended.err
    assert "Run it?" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("typed", "yes"), [("y\n", ()), (None, ("--yes",))])
def test_a_yes_runs_what_is_asked_about(cli: Cli, market: Path, typed: str | None, yes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.sweeps.MANY", 5)
    ended = cli("run", write(market, HEAD + THRESHOLDS), "--files", market, *yes, typed=typed)
    assert (ended.code, "Run it?" in ended.err) == (0, typed is not None)


WRONG = {
    "no such parameter": (THRESHOLDS.replace("threshold_bps", "treshold_bps"), 65, "did you mean 'strategy.threshold_bps' or "),
    "a value that does not do, far down the list": (THRESHOLDS.replace("60", "-20_000"), 65, "-20000"),
    "a window longer than the data": ('[walk_forward]\ntrain = "30h"\ntest = "30h"\n' + THRESHOLDS, 65, "and 2d of data"),
    "a window of half an hour": ('[walk_forward]\ntrain = "30m"\ntest = "1h"\n' + THRESHOLDS, 65, "train: expected whole periods of 1h"),
    "no TOML": ("[[parameters]\n", 65, "this is not TOML"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("verb", ["run", "validate"])
def test_what_is_wrong_is_told_in_a_sentence_before_anything_is_read(name: str, verb: str, cli: Cli, market: Path) -> None:
    text, code, said = WRONG[name]
    path = write(market, HEAD + text, "wrong.toml")
    ended = cli(verb, path, "--files", "nowhere")
    assert ended.code == code
    assert ended.err.startswith(f"error: {path}: ")
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_base_that_is_not_there_and_a_sweep_that_is_not_there_are_named(cli: Cli, market: Path) -> None:
    ended = cli("run", write(market, HEAD.replace("spec.toml", "none.toml") + THRESHOLDS, "wrong.toml"), "--files", market)
    assert ended.code == 65
    assert "none.toml" in ended.err
    missing = cli("run", "none.toml", "--files", market)
    assert missing.code == 66
    assert "give the path of a sweep, for example examples/sweep-depeg.toml" in missing.err


def test_a_folder_without_the_data_says_which_series_are_missing(cli: Cli, market: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = cli("run", write(market, HEAD + THRESHOLDS), "--files", "empty", "--json")
    assert ended.code == 66
    assert json.loads(ended.err)["error"]["code"] == "NOT_FOUND"


def test_rows_of_another_sweep_are_refused_with_the_reason(cli: Cli, market: Path) -> None:
    Path("found.unfinished").mkdir()
    Path("found.unfinished/origin.json").write_text('{"name": "Latencies", "sweep_sha256": "a"}')
    Path("found.unfinished/rows-000001.parquet").touch()
    ended = cli("run", write(market, HEAD + THRESHOLDS), "--files", market, "--out", "found", "--resume")
    assert ended.code == 75
    assert "found.unfinished are of another sweep (Latencies): choose another folder with --out, or delete it" in ended.err


def test_there_may_be_nothing_to_go_on_from(cli: Cli, market: Path) -> None:
    ended = cli("run", write(market, HEAD + THRESHOLDS), "--files", market, "--resume")
    assert ended.code == 0
    assert "0 of 6 trials are there from before" in ended.err

"""From files to a result: they are imported into a box and run there, with what the same files give without a server."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.app.sources.captures import change, snapshot, ticker, trade, write
from tests.e2e.conftest import ROOT, Cli, made

EXAMPLE = ROOT / "examples" / "spatial-binance-capture.toml"
SECONDS = 180
SWEEP = """version = 1
name = "Thresholds"
design = "grid"
rank_by = "excess"
keep = 1
base = "{base}"
statistics = {{ blocks = 2, bootstrap = 100 }}
[[parameters]]
path = "strategy.threshold_bps"
values = [20, 25]
"""


def recorded(folder: Path) -> Path:
    """Write three minutes of two markets: spot as a book in two files; the perpetual, dearer for ten seconds, as best prices.

    Both prices change every second, so that what was taken before does not count any more.
    """
    folder.mkdir()
    begin = snapshot(0, 100, [(60_000, 1), (59_990, 2)], [(60_001, 2), (60_010, 2)])
    asks = [[(60_001, 2 * (at % 2)), (60_002, 2)] for at in range(SECONDS)]
    changes = [change(100 + 1_000 * at, 101 + at, 101 + at, [(60_000, 1 + at % 3)], asks[at]) for at in range(SECONDS)]
    write(folder, [begin, *changes[:90]], name="spot_btcusdt_20240808.gz")
    write(folder, [*changes[90:], trade(181_000)], name="spot_btcusdt_20240809.gz")
    dearer = [40 + at % 2 if 70 <= at < 80 else 0 for at in range(SECONDS)]
    best = [ticker(200 + 1_000 * at, (60_000 + more, 0.5), (60_001 + more, 0.5), usdm=True) for at, more in enumerate(dearer)]
    write(folder, best, name="usdm_btcusdt_20240809.gz")
    return folder


def spec(folder: Path) -> Path:
    """Write the example's spec for those three minutes, with funds for both directions."""
    text = EXAMPLE.read_text()
    text = re.sub(r"^start = \S+", "start = 2024-08-09T00:01:00Z", text, flags=re.MULTILINE)
    text = re.sub(r"^end = \S+", "end = 2024-08-09T00:03:00Z", text, flags=re.MULTILINE)
    path = folder / "spec.toml"
    path.write_text(text)
    return path


def both(cli: Cli, path: Path, files: Path, box: Path, tmp_path: Path) -> dict[str, object]:
    """Run a spec in the box and on the files, and return the summary that both give, byte by byte but for the names of snapshots."""
    imported = cli("data", "import", files, "--data", box)
    assert imported.returncode == 0, imported.stderr
    in_box = cli("backtest", "run", path, "--data", box, "--out", tmp_path / "box", "--json")
    assert in_box.returncode == 0, in_box.stderr
    on_files = cli("backtest", "run", path, "--files", files, "--out", tmp_path / "files", "--json")
    assert on_files.returncode == 0, on_files.stderr
    for name in json.loads(in_box.stdout)["files"]:
        assert made(tmp_path / "box" / name) == made(tmp_path / "files" / name), name
    found: dict[str, object] = json.loads(on_files.stdout)["summary"]
    return found


def test_a_recording_gives_the_same_result_in_the_box_and_on_its_files(box: Path, cli: Cli, tmp_path: Path) -> None:
    files = recorded(tmp_path / "recorded")
    summary = both(cli, spec(tmp_path), files, box, tmp_path)
    assert summary["indicative"] is False
    assert summary["counts"]["packages"] == 10  # type: ignore[index]
    again = cli("data", "import", files, "--data", box)
    assert "3 files, 360 rows, 0 of them new" in again.stdout
    assert 'clock_offset of "1270ms" or more' in again.stderr
    listed = json.loads(cli("data", "list", "--data", box, "--json").stdout)["instruments"]
    covers = [(one["venue"], cover["data"], cover["interval"], cover["rows"]) for one in listed for cover in one["coverage"]]
    assert covers == [("binance", "quotes", None, 180), ("binance-usdm", "quotes", None, 180)]


@pytest.mark.parametrize(
    ("spec", "line", "listed"),
    [
        ("dex-cex-synthetic.toml", "gas", r"synthetic-pool +ETH/USDC +pool +1,447 "),
        ("basis-synthetic.toml", "funding", r"synthetic-futures +BTC/USDC +funding +18 "),
    ],
)
def test_the_example_of_an_invented_market_gives_the_same_in_the_box_and_on_its_files(
    box: Path, cli: Cli, tmp_path: Path, spec: str, line: str, listed: str
) -> None:
    path = ROOT / "examples" / spec
    invent, run = (shlex.split(command) for command in re.findall(r"#     usdc-arb (.*)", path.read_text()))
    assert cli(*invent).returncode == 0
    market = tmp_path / run[-1]
    summary: dict[str, Any] = both(cli, path, market, box, tmp_path)
    assert (summary["synthetic"], summary["warnings"]) == (True, [])
    assert summary["counts"]["packages"] > 10
    amounts = {row["line"]: row["amount"] for row in summary["attribution"]}
    assert amounts[line] != 0
    assert sum(amounts.values()) == pytest.approx(summary["equity_end"] - summary["equity_start"])
    assert re.search(listed, cli("data", "list", "--data", box).stdout)


def test_a_sweep_gives_the_same_in_the_box_and_on_its_files(box: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP.format(base=ROOT / "examples" / "basis-synthetic.toml"))
    market = tmp_path / "market"
    for command in (("data", "invent", market), ("data", "import", market, "--data", box)):
        assert cli(*command).returncode == 0
    for where in (("--files", market), ("--data", box)):
        swept = cli("sweep", "run", tmp_path / "sweep.toml", *where, "--out", tmp_path / f"sweep{where[0]}")
        assert swept.returncode == 0, swept.stderr
    names = [path.relative_to(tmp_path / "sweep--files") for path in (tmp_path / "sweep--files").rglob("*.*")]
    assert len(names) > 5
    assert [name for name in names if made(tmp_path / "sweep--data" / name) != made(tmp_path / "sweep--files" / name)] == []

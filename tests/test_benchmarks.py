"""The benchmarks: their peers run apart and come to the same results, and the page of figures is put together section by section."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.peers.peer import HFTBACKTEST, VECTORBT, Peer

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
PEERS = (HFTBACKTEST, VECTORBT)
READY = all(peer.python.exists() for peer in PEERS)


@pytest.mark.skipif(not READY, reason="needs the peers in .venv-peers: `make peers` installs them")
def test_engine_and_peers_come_to_the_same_orders_and_the_same_cash() -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.bench.bench_peers", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    equal = re.findall(r"^equality: ([\d,]+) (?:orders|fills)", ended.stdout, re.MULTILINE)
    assert len(equal) >= 3
    assert all(int(count.replace(",", "")) > 100 for count in equal)


def test_a_peer_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"expected nobody in .*nobody, found none: `make peers` installs it there"):
        Peer(name="nobody").run([tmp_path])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_has_a_lock_of_its_own_with_hashes_and_without_an_index(peer: Peer) -> None:
    lock = (REQUIREMENTS / f"peer-{peer.name}.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert peer.name in pinned
    assert len(pinned) == len(re.findall(r"^[a-z0-9-]+[ =]", lock, re.MULTILINE))
    assert "index-url" not in lock
    assert "://" not in lock


@pytest.mark.parametrize("lock", ["app", "box", "dev"])
def test_no_peer_enters_the_environment_of_the_product(lock: str) -> None:
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    assert [peer.name for peer in PEERS if re.search(f"^{peer.name}", text, re.MULTILINE)] == []


def test_a_benchmark_replaces_its_own_section_of_the_page_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    report.save("bench_quotes", "first line\n\nquotes: 1 s\n", page)
    report.save("bench_backtest", "bars: 2 s", page)
    report.save("bench_quotes", "quotes: 3 s", page)
    text = page.read_text()
    assert text.startswith("# Benchmarks\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["bench_backtest", "bench_quotes"]
    assert re.findall(r"^    (.*)$", text, re.MULTILINE) == ["bars: 2 s", "quotes: 3 s"]


def test_the_page_of_benchmarks_names_benchmarks_that_exist() -> None:
    assert set(re.findall(r"^## (.*)$", report.PAGE.read_text(), re.MULTILINE)) <= set(report.NAMES)


def test_a_benchmark_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(SystemExit, match=r"expected names of benchmarks \(bench_api, bench_backtest, .*\), found bench_nothing"):
        report.main(["bench_nothing"])

"""The same jobs in hftbacktest and vectorbt, each in an environment of its own: `python -m tests.bench.bench_peers [--quick] [--write]`.

`make bench-peers` installs them and runs it. Equality first: hftbacktest's fills order by order, vectorbt's final cash. Then the median of
five in warm processes. `--quick` takes small feeds, to see that it works; `--write` puts what it prints in docs/benchmarks.md.

hftbacktest replays the quotes of two venues and trades on them as the engine does, with the same latencies. Its exchange knows levels and
limits of IOC orders, but not what was taken before at a price; ages, funds and residual orders would be for the strategy. The job leaves
these out of its fills, not out of the engine (tests/bench/peers/against_hftbacktest.py says how). Its events are changes of depth, one to
four a quote, made ready beforehand, as the engine's columns are for the replay; a whole run begins at the frames and ends with the result.

vectorbt has no latencies, limits or funds at a venue. It is given the fills that the engine came to, and keeps the account; beside it, it
decides by itself, or works out metrics, too (tests/bench/peers/against_vectorbt.py). Each line takes the faster of its engines, numba and
Rust, and of one or all sets a call. The engine walks each set by itself, and as a sweep on one core, whose time has in it what the sets share
(columns, alignment, edges, marks) and a row of forty figures for each.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import report
from tests.bench.peers import against_hftbacktest, against_vectorbt
from tests.bench.peers.peer import HFTBACKTEST, VECTORBT
from tests.bench.probe import copy_gib_per_s, machine, two_thread_speedup
from tests.market_data import FOLDER

CAPTURES = FOLDER / "binance-websocket"


def feeds(count: int, folder: Path) -> Iterator[str]:
    """Yield the lines on hftbacktest: a made-up feed, and the recorded one where it is there."""
    named = {"made up": against_hftbacktest.made_up(count)}
    if CAPTURES.is_dir():
        named["recorded, Binance spot and perpetual"] = against_hftbacktest.recorded(CAPTURES)
    outcomes = against_hftbacktest.compare(HFTBACKTEST, list(named.values()), folder=folder)
    yield f"{_listed(outcomes[0].versions)}: both replay the quotes of two venues and trade on them, IOC, with the same latencies"
    for name, outcome in zip(named, outcomes, strict=True):
        yield from feed(name, outcome)
    if len(named) == 1:
        yield f"recorded: left out, no captures in {CAPTURES}"


def feed(name: str, found: against_hftbacktest.Outcome) -> Iterator[str]:
    """Yield the lines on a feed."""
    yield ""
    yield f"{name}: {found.quotes:,} quotes, {found.events:,} depth events of hftbacktest"
    yield f"equality: {found.orders:,} orders ({found.filled:,} filled, {found.partly:,} in part), by asset, side, arrival, quantity and price"
    times = {
        f"hftbacktest, replay with the strategy ({found.book})": found.theirs_s,
        "engine, replay: alignment, edges and path, on one core": found.walk_s,
        "engine, whole run: frames to result, hashes and quality too": found.run_s,
    }
    for what, time_s in times.items():
        rates = f"{found.quotes / time_s / 1e6:7.2f}M quotes/s {found.events / time_s / 1e6:7.2f}M events/s"
        yield f"{what:62} {1e3 * time_s:9.2f} ms {rates} {found.theirs_s / time_s:7.2f} × hftbacktest's"


def sets(rows: int, folder: Path) -> Iterator[str]:
    """Yield the lines on vectorbt: with 1 % of the rows trading, and with all."""
    shares = (0.01, 1.0)
    outcomes = against_vectorbt.compare(VECTORBT, rows, shares, folder=folder)
    yield f"{_listed(outcomes[0].versions)}: the same orders of {against_vectorbt.SETS} sets on two venues; times are of one set"
    for share, found in zip(shares, outcomes, strict=True):
        yield ""
        yield f"{share:.0%} of {rows:,} rows trade"
        yield f"equality: {found.orders:,} orders; final cash by venue and set, the largest difference {found.worst:.1e}, relative"
        times = {
            "vectorbt, from_orders": found.theirs_s("walk"),
            "vectorbt, from_orders, given nothing but the rows that trade": found.theirs_s("short"),
            "vectorbt, from_order_func, which decides, too": found.theirs_s("decides"),
            "vectorbt, from_orders, final cash and four metrics": found.theirs_s("row"),
        }
        for what, time_s in times.items():
            beside = f"{time_s / found.path_s:7.2f} × the engine's path, {time_s / found.swept_s:7.2f} × a set of its sweep"
            yield f"{what:62} {1e3 * time_s:9.3f} ms {beside}"
        yield f"{f'engine, a set of a sweep of {found.swept:,}, and its row of figures':62} {1e3 * found.swept_s:9.3f} ms"
        yield f"{'engine, path: decisions, sizes, limits, latencies, funds':62} {1e3 * found.path_s:9.3f} ms"
        yield f"{'engine, alignment and edges, once for all sets':62} {1e3 * found.scan_s:9.3f} ms"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small feeds: to see that it works, not how fast")
    parser.add_argument("--write", action="store_true", help="put what is printed in docs/benchmarks.md")
    wanted = parser.parse_args()
    lines = [machine(), f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, two threads {two_thread_speedup():.2f} times one", ""]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as name:
        for part in (feeds(50_000 if wanted.quick else 1_000_000, Path(name)), sets(20_000 if wanted.quick else 200_000, Path(name))):
            for line in (*part, ""):
                print(line, flush=True)
                lines.append(line)
    if wanted.write:
        report.save("bench_peers", "\n".join(lines))


if __name__ == "__main__":
    main()

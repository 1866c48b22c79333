"""What a result was made from, and nothing that differs between two such results."""

import hashlib
import json
import re
import struct
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

import engine
from engine import manifest
from engine.schema import SeriesKey, micros
from tests.engine.small import Bar, bars, dear_alfa, small
from tests.strategies import MINUTE, World, frame, quote_frame

ALFA = SeriesKey("alfa", "BTC/USD")
DAY_US = 86_400_000_000
FIRST_DAY = 1_704_067_200_000_000


def made(world: World) -> dict[str, object]:
    return manifest.build(world.spec, world.data, assumptions=["none"])


def data(world: World) -> list[dict[str, object]]:
    found = made(world)["data"]
    assert isinstance(found, list)
    return found


def test_a_manifest_names_spec_data_code_and_libraries() -> None:
    world = dear_alfa()
    found = made(world)
    assert sorted(found) == ["assumptions", "data", "engine_sha256", "libraries", "python", "spec", "spec_sha256"]
    assert found["spec"] == world.spec.canonical()
    assert found["spec_sha256"] == world.spec.hash()
    assert found["libraries"] == {name: version(name) for name in ("numba", "numpy", "polars")}
    assert found["assumptions"] == ["none"]


def test_time_zones_count_where_a_route_has_hours() -> None:
    route = {"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "delay": "1d"}
    for hours, named in ({}, False), ({"hours": {"days": ["mon"], "opens": "09:00", "closes": "17:00"}}, True):
        libraries = made(dear_alfa().but(routes=[{**route, **hours}]))["libraries"]
        assert isinstance(libraries, dict)
        assert libraries.get("tzdata") == (version("tzdata") if named else None)


def test_the_digest_is_that_of_its_sorted_json() -> None:
    found = made(dear_alfa())
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    assert manifest.digest(found) == hashlib.sha256(text.encode()).hexdigest()
    assert manifest.digest(json.loads(text)) == manifest.digest(dict(reversed(found.items())))


def test_the_hash_of_columns_is_that_of_their_names_and_little_endian_bytes() -> None:
    expected = hashlib.sha256(b"ts\n" + struct.pack("<2q", 1, -2) + b"bid\n" + struct.pack("<2d", 0.5, 3.0)).hexdigest()
    assert manifest.columns_hash({"ts": np.array([1, -2]), "bid": np.array([0.5, 3.0])}.items()) == expected
    assert manifest.columns_hash({"ts": np.array([1, -2], dtype=">i8"), "bid": np.array([0.5, 9, 3.0, 9])[::2]}.items()) == expected
    assert manifest.columns_hash({"received": np.array([1, -2]), "bid": np.array([0.5, 3.0])}.items()) != expected


def test_a_series_is_hashed_by_day_over_the_bars_that_the_run_reads() -> None:
    opens = [FIRST_DAY + n for n in (-6 * MINUTE, -5 * MINUTE, 0, MINUTE, 2 * DAY_US, 2 * DAY_US + MINUTE, 3 * DAY_US)]
    rows = [(at, 100.0, 101.0, 99.0, 100.5, float(n)) for n, at in enumerate(opens)]
    world = dear_alfa().but(start="2024-01-01T00:00:00Z", end="2024-01-03T00:01:00Z")
    found = [row for row in data(world.on({**world.data, ALFA: frame(rows)})) if row["venue"] == "alfa"]
    # the first bar ends five minutes before the start, and belongs to the day before; those that end after the end are not read
    assert [(row["instrument"], row["day"], row["rows"]) for row in found] == [
        ("BTC/USD", "2023-12-31", 2),
        ("BTC/USD", "2024-01-01", 2),
        ("BTC/USD", "2024-01-03", 1),
    ]
    prices = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5}
    middle = b"ts\n" + struct.pack("<2q", opens[2], opens[3]) + b"".join(f"{n}\n".encode() + struct.pack("<2d", p, p) for n, p in prices.items())
    assert found[1]["sha256"] == hashlib.sha256(middle + b"volume\n" + struct.pack("<2d", 2, 3)).hexdigest()


def quoted(*rows: tuple[float | None, float | None, float]) -> list[dict[str, object]]:
    """Return what the manifest says of alfa's quotes: (event and receive time [s after midnight of January 1], bid), all else 1."""
    times = [(None if ts is None else FIRST_DAY + round(ts * 1e6), None if got is None else FIRST_DAY + round(got * 1e6)) for ts, got, _ in rows]
    table = quote_frame([(ts, got, bid, 1.0, 200.0, 1.0) for (ts, got), (_, _, bid) in zip(times, rows, strict=True)])
    world = small({"alfa BTC/USD": table, "bravo BTC/USD": table}, minutes=2, venues={"alfa": {"feed_latency": "1s"}})
    world = world.but(start="2024-01-01T00:00:00Z", end="2024-01-03T00:00:00Z")
    return [row for row in data(world) if row["venue"] == "alfa"]


DAY_S = 86_400.0


def test_quotes_are_hashed_in_their_order_by_the_day_of_the_latest_event_so_far() -> None:
    late = [(DAY_S - 2, DAY_S + 2, 93.0 + n) for n in range(4)]
    # late rows belong to the day that had begun
    found = quoted((0, 1, 90), (DAY_S - 1, DAY_S + 2, 91), (DAY_S, DAY_S + 2, 92), *late, (DAY_S + 1, DAY_S + 2, 99))
    assert [(row["day"], row["rows"]) for row in found] == [("2024-01-01", 2), ("2024-01-02", 6)]
    found = quoted((0, 1, 90), (DAY_S - 1, DAY_S + 2, 91), (DAY_S, DAY_S + 2, 92), late[0])
    us = [FIRST_DAY + round(s * 1e6) for s in (DAY_S, DAY_S - 2, DAY_S + 2, DAY_S + 2)]
    parts = (("ts", us[:2], "q"), ("received", us[2:], "q"), ("bid", (92, 93), "d"), ("bid_size", (1, 1), "d"), ("ask", (200, 200), "d"))
    packed = b"".join(f"{name}\n".encode() + struct.pack(f"<2{kind}", *values) for name, values, kind in (*parts, ("ask_size", (1, 1), "d")))
    assert found[1]["sha256"] == hashlib.sha256(packed).hexdigest()


def test_a_time_that_was_not_recorded_is_no_column() -> None:
    (late,) = quoted((None, 5, 90))
    times = b"received\n" + struct.pack("<q", FIRST_DAY + 5_000_000)
    rest = b"".join(f"{name}\n".encode() + struct.pack("<d", value) for name, value in (("bid", 90), ("bid_size", 1), ("ask", 200), ("ask_size", 1)))
    assert (late["day"], late["sha256"]) == ("2024-01-01", hashlib.sha256(times + rest).hexdigest())
    assert quoted((5, None, 90))[0]["sha256"] != late["sha256"]


def test_series_without_a_bar_to_read_have_no_days() -> None:
    world = dear_alfa()
    assert {row["venue"] for row in data(world.on({**world.data, ALFA: bars().clear()}))} == {"bravo"}


def test_bars_outside_the_window_do_not_change_a_manifest_and_bars_inside_do() -> None:
    world = dear_alfa()
    assert micros(world.spec.end) // MINUTE - micros(world.spec.start) // MINUTE == 6
    same = world.on({**world.data, ALFA: bars({0: Bar(101.0, open=100.0), 7: Bar(5.0)})})
    other = world.on({**world.data, ALFA: bars({0: Bar(101.0, open=100.0), 5: Bar(100.0, volume=9.99999999)})})
    assert made(same) == made(world)
    assert manifest.digest(made(other)) != manifest.digest(made(world))


def test_where_rows_lie_in_memory_does_not_change_a_hash() -> None:
    world = dear_alfa()
    chunked = {key: pl.concat([table[:3], table[3:]], rechunk=False) for key, table in world.data.items()}
    assert data(world.on(chunked)) == data(world)


def test_the_code_is_hashed_file_by_file_in_the_order_of_their_names() -> None:
    root = Path(engine.__file__).parent
    sources = sorted(str(path) for pattern in ("*.py", "*.j2") for path in root.rglob(pattern))
    expected = hashlib.sha256(b"".join(Path(path).read_bytes() for path in sources)).hexdigest()
    assert made(dear_alfa())["engine_sha256"] == expected


def test_no_clock_time_host_or_thread_count_gets_in() -> None:
    assert not re.search(r"time|date|host|thread|cpu|platform|user|path", " ".join(_keys(made(dear_alfa()))))


def _keys(form: object) -> list[str]:
    if isinstance(form, dict):
        return [key for name, value in form.items() if name != "spec" for key in (str(name), *_keys(value))]
    return [key for value in form for key in _keys(value)] if isinstance(form, list) else []

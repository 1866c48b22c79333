"""Chunks fit into memory, and hold enough of every series, on every machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import chunks
from infra.chunks import Stream
from infra.sizing import BOX, GIB, HOST, MIB, Hardware, Layout, Shortfall, TooSmall, minimum_memory, plan

STREAMS = st.dictionaries(
    st.sampled_from(["bars", "quotes", "trades", "funding_rates"]),
    st.builds(Stream, series=st.integers(1, 2_000), rows_a_day=st.integers(36, 10_000_000), row_bytes=st.integers(40, 900)),
    min_size=1,
)


@given(streams=STREAMS, spare=st.integers(0, 1 << 38))
def test_the_newest_chunks_fit_into_a_quarter_of_the_memory_and_hold_a_thousand_rows_of_every_series(streams: dict[str, Stream], spare: int) -> None:
    memory = chunks.least_memory(streams) + spare
    found = chunks.chunk_hours(streams, memory)
    assert set(found) == set(streams)
    assert sum(streams[name].bytes_in(hours) for name, hours in found.items()) <= memory / 4
    for name, hours in found.items():
        assert streams[name].rows_a_day * hours >= 1_000 * 24
        assert 24 % hours == 0 or hours % 24 == 0


@given(streams=STREAMS, spare=st.integers(0, 1 << 36), more=st.integers(0, 1 << 36))
def test_more_memory_never_shortens_a_chunk_and_none_could_be_longer(streams: dict[str, Stream], spare: int, more: int) -> None:
    memory = chunks.least_memory(streams) + spare
    found, then = chunks.chunk_hours(streams, memory), chunks.chunk_hours(streams, memory + more)
    assert all(then[name] >= hours for name, hours in found.items())
    part = (memory // 4 - sum(stream.least_bytes for stream in streams.values())) // len(streams)
    for name, hours in found.items():
        longer = [other for other in chunks.HOURS if other > hours]
        assert not longer or streams[name].bytes_in(longer[0]) > streams[name].least_bytes + part


def test_the_least_memory_is_what_the_shortest_chunks_need() -> None:
    minute = Stream(series=100, rows_a_day=1_440, row_bytes=100)
    assert minute.least_hours == 24, "1,000 rows of a minute take 16.7 hours"
    assert minute.bytes_in(24) == 14_400_000
    assert chunks.least_memory({"bars": minute}) == 57_600_000
    assert chunks.least_memory({"bars": minute, "small": Stream(series=1, rows_a_day=24_000, row_bytes=10)}) == 57_600_000 + 4 * 10_000
    assert chunks.chunk_hours({"bars": minute}, 57_600_000) == {"bars": 24}
    assert chunks.chunk_hours({"bars": minute}, 115_200_000) == {"bars": 48}


@pytest.mark.parametrize("layout", [BOX, HOST])
def test_the_smallest_machine_of_a_layout_has_room_for_its_chunks(layout: Layout) -> None:
    memory = minimum_memory(layout)
    found = plan(Hardware(cores=1, memory=memory, disk=1 << 40), layout)
    assert sum(layout.streams[name].bytes_in(hours) for name, hours in found.chunk_hours.items()) <= found.postgres_memory / 4


def test_a_host_with_16_gib() -> None:
    """40 % for the database are 6,550 MiB (in steps of 25 MiB), 1,637.5 MiB of it for the newest chunks.

    The shortest of bars (a day of 200 series), quotes, trades (an hour of each), pools (3 hours) and funding (28 days, the longest that there
    is) take 38.5 + 67.6 + 20.7 + 2.0 + 0.1 MiB, and of the rest each table has 301.7 MiB. Bars take 269 MiB in 7 days and 538 in 14, quotes 270
    in 4 hours and 405 in 6, trades 248 in 12 hours, pools 227 in 14 days and 454 in 28.
    """
    found = plan(Hardware(cores=8, memory=16 * GIB, disk=500 * GIB))
    assert found.postgres_memory == 6_550 * MIB
    assert found.chunk_hours == {"bars": 7 * 24, "quotes": 4, "trades": 12, "pool_states": 14 * 24, "funding_rates": 28 * 24}


def test_a_database_without_room_for_its_chunks_is_refused_with_what_is_missing() -> None:
    names = {name: getattr(HOST, name) for name in HOST.__slots__}
    crowded = Layout(**names | {"streams": {"bars": chunks.bars(series=10_000)}})
    need = 10_000 * 1_440 * 140 * 4
    with pytest.raises(TooSmall) as caught:
        plan(Hardware(cores=8, memory=8 * GIB, disk=500 * GIB), crowded)
    assert caught.value.shortfalls == [Shortfall(resource="memory of the database", have=3_270 * MIB, need=need)]

"""Instruments that contradict each other, their data or the interval."""

import pytest

from engine.config import parse_spec
from tests.engine.spec.forms import ALFA_USDC, FORM, GONE, ROUTE, changed, on_quotes, said, spec

LOTS = "instruments: no quantity up to 1e10 is a multiple of the lots of both alfa BTC/USD (99999.99999999) and bravo BTC/USDC (99999.99999998)"
NEED = 'with use = "mark", or one against a currency that has such an instrument'


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("interval", GONE)], 'interval: is required: alfa BTC/USD has data = "bars"'),
        ([("interval", "0s")], "interval: must be longer than 0"),
        ([("execution.max_wait", "90s")], "execution.max_wait: must be a multiple of interval, and longer than 0"),
        ([("execution.max_wait", "0s")], "execution.max_wait: must be a multiple of interval, and longer than 0"),
        ([("interval", "7m"), ("quality", {"demands": {"max_gap": "1h"}})], "quality.demands: judges whole days: interval must divide a day"),
        (
            [("venues.bravo.feed_latency", "1m")],
            "venues.bravo.feed_latency: must be below the interval: bars of two intervals would meet otherwise",
        ),
        (
            [("instruments.4.venue", "brava")],
            "instruments: brava USDC/USD is at venue 'brava', which [venues] does not have; did you mean 'bravo'?",
        ),
        (
            [("instruments.4.venue", "kraken")],
            "instruments: kraken USDC/USD is at venue 'kraken', which [venues] does not have; known: alfa, bravo, charlie",
        ),
        ([("instruments.4.name", "USD/USD")], "instruments: bravo USD/USD has one currency on both sides"),
        ([("instruments.4", ALFA_USDC)], "instruments: alfa USDC/USD is there twice"),
        ([("instruments.2.name", "ETH/USD")], 'instruments: those with use = "trade" must have one base currency, found BTC, ETH'),
        ([("instruments.0.use", "mark"), ("instruments.1.use", "mark")], 'instruments: at least two with use = "trade" are needed'),
        (
            [("instruments.3.use", "mark")],
            'instruments: USDC is a quote currency beside USD; add an instrument USDC/USD with use = "convert", or name it in assume_par',
        ),
        ([("instruments.0.lot", "99999.99999999"), ("instruments.1.lot", "99999.99999998")], LOTS),
    ],
)
def test_instruments_that_contradict_each_other_are_refused(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(changed(*changes)) == [sentence]


def test_legs_have_one_kind_of_data() -> None:
    mixed = changed(("instruments.2.data", "quotes"), ("instruments.2.half_spread_bps", GONE))
    assert said(mixed) == ['instruments: those with use = "trade" must have one kind of data, found bars, quotes']


def test_what_only_converts_or_marks_may_have_other_data_than_the_legs() -> None:
    found = spec(("instruments.3.data", "quotes"), ("instruments.3.half_spread_bps", GONE))
    assert [i.data for i in found.instruments] == ["bars", "quotes", "bars", "bars", "bars"]


def test_an_interval_bounds_the_latencies_of_bars_and_of_nothing_else() -> None:
    late = ("venues.bravo.feed_latency", "1m")
    assert parse_spec(changed(late, ("interval", "1m"), form=on_quotes())).feed_latency_us == 60_000_000
    assert len(said(changed(late, ("interval", "1m"), ("instruments.4.data", "quote_bars"), form=on_quotes()))) == 1


def test_quotes_need_no_interval_and_quote_bars_do() -> None:
    assert changed(form=on_quotes()).get("interval") is None
    assert said(changed(*[(f"instruments.{n}.data", "quote_bars") for n in range(5)], form=on_quotes())) == [
        'interval: is required: alfa BTC/USD has data = "quote_bars"'
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("half_spread_bps", GONE)], 'half_spread_bps is required with data = "bars": a bar does not say how far bid and ask are apart'),
        ([("data", "quotes")], 'half_spread_bps has no meaning with data = "quotes", which have a bid and an ask: leave it out'),
        ([("data", "quote_bars")], 'half_spread_bps has no meaning with data = "quote_bars", which have a bid and an ask: leave it out'),
        ([("max_age", "5s")], 'max_age has no meaning with data = "bars", of which only those of one interval meet: leave it out'),
        ([("data", "quotes"), ("half_spread_bps", GONE), ("max_age", "0s")], "max_age must be longer than 0"),
        ([("channel", "one")], 'channel has no meaning with data = "bars": only recorded quotes tell that a feed is alive; leave it out'),
    ],
)
def test_an_instrument_has_what_its_data_needs_and_nothing_else(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(changed(*[(f"instruments.3.{key}", value) for key, value in changes])) == [f"instruments.3: {sentence}"]


def test_a_channel_is_shared_within_a_venue() -> None:
    alone = ("instruments.0.channel", "one"), ("instruments.2.channel", "one")
    assert said(changed(*alone, form=on_quotes())) == [
        f"instruments: {key} is alone on channel 'one': name what else {key.split()[0]} sent by it, or leave channel out"
        for key in ("alfa BTC/USD", "charlie BTC/USD")
    ]
    assert said(changed(("instruments.0.channel", "Number One"), form=on_quotes())) == [
        "instruments.0.channel: expected 1 to 40 lower-case letters, digits, _, . or -, found 'Number One'"
    ]
    shared = parse_spec(changed(("instruments.0.channel", "one"), ("instruments.3.channel", "one"), form=on_quotes()))
    assert [i.channel for i in shared.instruments if i.venue == "alfa"] == ["one"] * 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("venues.charlie.balances.USDT", 1)], f"instruments: nothing marks USDT, which lies at charlie; add an instrument USDT/USD {NEED}"),
        (
            [("routes", [{**ROUTE, "currency": "DAI"}])],
            f"instruments: nothing marks DAI, which is moved by the route 'usdc'; add an instrument DAI/USD {NEED}",
        ),
        ([("venues.charlie.fee_currency", "BNB")], f"instruments: nothing marks BNB, which is charged as a fee; add an instrument BNB/USD {NEED}"),
    ],
)
def test_what_is_held_moved_or_charged_must_have_a_mark(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(changed(*changes)) == [sentence]


def test_what_is_traded_must_have_a_mark_even_where_it_is_assumed_at_par() -> None:
    par = [("numeraire", "EUR"), ("assume_par", ["USD", "USDC"])]
    assert said(changed(*par)) == [
        f"instruments: nothing marks {currency}, which is traded; add an instrument {currency}/EUR {NEED}" for currency in ("BTC", "USD", "USDC")
    ]
    assert spec(*par, ("instruments.4.name", "BTC/EUR")).currencies == ("BTC", "EUR", "USD", "USDC")  # USD and USDC over BTC


def test_a_mark_comes_from_one_instrument_or_over_one_other_currency_and_no_further() -> None:
    usdt = {**ALFA_USDC, "name": "USDT/USDC", "use": "mark"}
    held = ("venues.charlie.balances.DAI", 1)
    assert "DAI" in spec(held, ("instruments", [*FORM["instruments"], {**usdt, "name": "DAI/USDC"}])).currencies
    two_away = [*FORM["instruments"], usdt, {**usdt, "name": "USDT/DAI"}]
    assert said(changed(held, ("instruments", two_away))) == [
        f"instruments: nothing marks DAI, which lies at charlie; add an instrument DAI/USD {NEED}"
    ]
    inverted = [*FORM["instruments"], {**usdt, "name": "USD/DAI"}]
    assert "DAI" in spec(held, ("instruments", inverted)).currencies

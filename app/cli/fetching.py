"""Market data from exchanges that are online, from the command line."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.cli import connection, market, output
from app.services import fetch, imports
from app.services.fetch import Fetched, Request
from app.sources.exchange import Exchange
from app.sources.kinds import TRADES, Kind
from app.sources.names import check_instrument, check_interval
from engine.schema import US_PER_SECOND, instant

_SKEW_US = 2 * US_PER_SECOND  # an answer's time is to the second, and takes a while


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    exchange: str
    instrument: str
    interval: str | None
    start: datetime
    end: datetime | None
    url: str | None
    replace: bool


def fetch_rows(asked: Asked, *, data: Path | None, as_json: bool) -> None:
    """Fetch what is missing and print what became of it."""
    uri = connection.settings(data).libpq_uri
    kind = TRADES if asked.interval is None else Kind("bars", check_interval(imports.interval_us(asked.interval)))
    request = Request(
        instrument=check_instrument(asked.instrument),
        kind=kind,
        start=asked.start.replace(tzinfo=UTC),
        end=asked.end and asked.end.replace(tzinfo=UTC),
        replace=asked.replace,
    )
    with output.progress() as report:
        found = fetch.fetch(uri, Exchange(asked.exchange, url=asked.url), request, report)
    if as_json:
        output.document({"imports": [asdict(one) for one in found.summaries], "not_offered": _stretches(found), "pages": found.asked})
        return
    if found.summaries:
        market.show_imports(found.summaries, "gap")
    else:
        output.show("nothing new: what was asked for is stored" if not found.asked else "nothing: nobody traded, or the exchange does not give it")
    for line in _notes(found):
        output.note(line)


def _notes(found: Fetched) -> Iterator[str]:
    yield f"{found.asked} pages, {found.retries} asked for again"
    for start, end in _stretches(found):
        stretch = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        yield f"not given by the exchange: {stretch}; import its archive, or fetch trades and make bars of them"
    if abs(found.skew_us) > _SKEW_US:
        side = "ahead of" if found.skew_us > 0 else "behind"
        yield f"the exchange's clock is {abs(found.skew_us) / US_PER_SECOND:,.0f} s {side} this machine's: what has ended was told by the exchange's"


def _stretches(found: Fetched) -> list[tuple[datetime, datetime]]:
    return [(instant(start), instant(end)) for start, end in found.not_offered]

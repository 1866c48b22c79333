"""`data`: market data into the database, and what is there."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from app.cli.options import Data, Json, Levels, Stream, example, group

app = group("Market data: bring files in, see what is there.")


def _hint(metavar: str, what: str) -> OptionInfo:
    found: OptionInfo = typer.Option(metavar=metavar, help=f"{what}, where file and name do not say it.", show_default=False)
    return found


@app.command(
    "import",
    epilog=example(
        "usdc-arb data import kraken_BTC-USDC_1m.csv coinbase_BTC-USD_1m.csv",
        "usdc-arb data import XBTUSDC_1.csv --venue kraken --instrument BTC/USDC --interval 1m",
        "usdc-arb data import downloads/ --quarantine bad-rows.csv",
        "usdc-arb data import spot_btcusdt_20240808.gz spot_btcusdt_20240809.gz --stream depth --levels 10",
    ),
)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Files (plain, gzip, zip, zst), folders, patterns.", show_default=False, readable=False),
    ],
    *,
    venue: Annotated[str | None, _hint("NAME", "Venue")] = None,
    instrument: Annotated[str | None, _hint("BASE/QUOTE", "Instrument")] = None,
    interval: Annotated[str | None, _hint("1m", "Length of the bars")] = None,
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help="Format of the files; auto tells by their content.")] = "auto",
    stream: Stream = "auto",
    levels: Levels = 10,
    replace: Annotated[bool, typer.Option("--replace", help="Store the files' rows where other ones are stored.")] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Set bad rows aside in this CSV, and import the rest.", show_default=False, readable=False),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Bring files of bars, quotes, trades, states of pools and funding into the database; a file that was imported before changes nothing."""
    from app.cli import market

    market.import_files(
        files,
        data=data,
        venue=venue,
        instrument=instrument,
        interval=interval,
        format_=format_,
        stream=stream,
        levels=levels,
        replace=replace,
        quarantine=quarantine,
        as_json=as_json,
    )


@app.command(epilog=example("usdc-arb data look downloads/", "usdc-arb data look XBTUSDC_1.csv --venue kraken --json"))
def look(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Files (plain, gzip, zip, zst), folders, patterns.", show_default=False, readable=False),
    ],
    *,
    venue: Annotated[str | None, _hint("NAME", "Venue")] = None,
    instrument: Annotated[str | None, _hint("BASE/QUOTE", "Instrument")] = None,
    interval: Annotated[str | None, _hint("1m", "Length of the bars")] = None,
    as_json: Json = False,
) -> None:
    """Say what files are taken for, by what that is told, and what they would need to be something else; nothing is imported."""
    from app.cli import looking

    looking.look(files, venue=venue, instrument=instrument, interval=interval, as_json=as_json)


_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@app.command(
    epilog=example(
        "usdc-arb data bars --venue binance --instrument BTC/USDT --interval 1m",
        "usdc-arb data bars --venue binance --instrument BTC/USDT --interval 1h --from 2025-01-01 --to 2025-02-01",
    )
)
def bars(
    venue: Annotated[str, typer.Option(metavar="NAME", help="Venue of the trades.", show_default=False)],
    instrument: Annotated[str, typer.Option(metavar="BASE/QUOTE", help="Their instrument.", show_default=False)],
    interval: Annotated[str, typer.Option(metavar="1m", help="Length of the bars.")] = "1m",
    *,
    start: Annotated[datetime | None, typer.Option("--from", formats=_DATES, help="Trades are whole from here, UTC.", show_default=False)] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_DATES, help="Trades are whole up to here, UTC.", show_default=False)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Store the bars where other ones are stored.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make bars of stored trades: of intervals in which somebody traded, and that are known whole; none is made up."""
    from app.cli import market

    market.make_bars(data=data, venue=venue, instrument=instrument, interval=interval, window=(start, end), replace=replace, as_json=as_json)


@app.command(
    epilog=example(
        "usdc-arb data fetch kraken BTC/USDC --from 2026-11-01",
        "usdc-arb data fetch coinbase BTC/USD --interval 1h --from 2026-01-01 --to 2026-02-01",
        "usdc-arb data fetch kraken BTC/USDC --trades --from 2026-11-01 --to 2026-11-02",
    )
)
def fetch(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="Exchange as ccxt calls it; coinbase is coinbaseexchange.")],
    instrument: Annotated[str, typer.Argument(metavar="BASE/QUOTE", help="Instrument.")],
    *,
    start: Annotated[datetime, typer.Option("--from", formats=_DATES, help="From when on, UTC.", show_default=False)],
    end: Annotated[datetime | None, typer.Option("--to", formats=_DATES, help="Up to when, UTC; else to the present.", show_default=False)] = None,
    interval: Annotated[str, typer.Option(metavar="1m", help="Length of the bars.")] = "1m",
    trades: Annotated[bool, typer.Option("--trades", help="Trades instead of bars (kraken, binance, binanceus).")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Store what is fetched where other rows are stored.")] = False,
    url: Annotated[str | None, typer.Option("--api", metavar="URL", help="Another address of the exchange's API.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Fetch bars or trades of an exchange that is online, through ccxt: only what is missing, page by page."""
    from app.cli import fetching

    length = None if trades else interval
    asked = fetching.Asked(exchange=exchange, instrument=instrument, interval=length, start=start, end=end, url=url, replace=replace)
    fetching.fetch_rows(asked, data=data, as_json=as_json)


@app.command(epilog=example("usdc-arb data invent .basis", "usdc-arb data invent .pool --market pool"))
def invent(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.", show_default=False, readable=False)],
    *,
    market: Annotated[
        str, typer.Option(metavar="NAME", help="What is invented: basis (spot, a perpetual and its funding), pool (a pool and a book).")
    ] = "basis",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Another one, another market of the same kind.")] = 1,
    as_json: Json = False,
) -> None:
    """Write files of a SYNTHETIC market, for strategies that real data is not at hand for; the same seed writes the same bytes."""
    from app.cli import invented

    invented.write(folder, market=market, seed=seed, as_json=as_json)


@app.command("list", epilog=example("usdc-arb data list", "usdc-arb data list --venue kraken --json"))
def list_(
    venue: Annotated[str | None, typer.Option(metavar="NAME", help="Only this venue.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the instruments in the database, with what there is of each."""
    from app.cli import market

    market.show(data=data, venue=venue, as_json=as_json)


snapshot = group("Snapshots: days of series as files, which runs read.")
app.add_typer(snapshot, name="snapshot")


@snapshot.command(epilog=example("usdc-arb data snapshot build"))
def build(data: Data = None, as_json: Json = False) -> None:
    """Write the days that changed since they were last written; a run does so for those that it reads."""
    from app.cli import snapshots

    snapshots.build(data=data, as_json=as_json)


@snapshot.command("list", epilog=example("usdc-arb data snapshot list", "usdc-arb data snapshot list --json"))
def list_snapshots(data: Data = None, as_json: Json = False) -> None:
    """List the snapshots of each series, and how many of its days have changed since."""
    from app.cli import snapshots

    snapshots.show(data=data, as_json=as_json)


@snapshot.command(epilog=example("usdc-arb data snapshot verify"))
def verify(data: Data = None, as_json: Json = False) -> None:
    """Read every snapshot and compare its hash; damaged ones are made anew by the next build."""
    from app.cli import snapshots

    snapshots.verify(data=data, as_json=as_json)


@snapshot.command(epilog=example("usdc-arb data snapshot collect"))
def collect(data: Data = None, as_json: Json = False) -> None:
    """Remove versions that were superseded a day ago or more and that no run names; readers and builders are waited for."""
    from app.cli import snapshots

    snapshots.collect(data=data, as_json=as_json)


_DAY = ["%Y-%m-%d"]
Venue = Annotated[str | None, typer.Option(metavar="NAME", help="Only this venue.", show_default=False)]
Instrument = Annotated[str | None, typer.Option(metavar="BASE/QUOTE", help="Only this instrument.", show_default=False)]
First = Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="The first day.", show_default=False)]
Last = Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="The last day.", show_default=False)]


@app.command(epilog=example("usdc-arb data validate"))
def validate(data: Data = None, as_json: Json = False) -> None:
    """Look at how good each day is that changed since it was looked at; from a timer once a day."""
    from app.cli import quality

    quality.validate(data=data, as_json=as_json)


@app.command(
    "quality", epilog=example("usdc-arb data quality --venue kraken", "usdc-arb data quality --instrument BTC/USDC --from 2023-03-10 --json")
)
def quality_(
    venue: Venue = None, instrument: Instrument = None, start: First = None, end: Last = None, data: Data = None, as_json: Json = False
) -> None:
    """Show what the checks counted on each day of each series."""
    from app.cli import quality

    quality.show(quality.Asked(venue=venue, instrument=instrument, first=start, last=end), data=data, as_json=as_json)


@app.command(epilog=example("usdc-arb data coverage", "usdc-arb data coverage --venue kraken --from 2023-03-01 --to 2023-03-31"))
def coverage(
    venue: Venue = None, instrument: Instrument = None, start: First = None, end: Last = None, data: Data = None, as_json: Json = False
) -> None:
    """Show a calendar: how much of each day each series tells a price for."""
    from app.cli import calendar, quality

    calendar.show(quality.Asked(venue=venue, instrument=instrument, first=start, last=end), data=data, as_json=as_json)


@app.command(epilog=example("usdc-arb data doctor", "usdc-arb data doctor --venue binance --strict --json"))
def doctor(
    venue: Venue = None,
    instrument: Instrument = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 where something is doubtful, too.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong with the stored data and what to do; exit code 1 where something is bad."""
    from app.cli import doctor, quality

    doctor.examine(quality.Asked(venue=venue, instrument=instrument, first=None, last=None), strict=strict, data=data, as_json=as_json)

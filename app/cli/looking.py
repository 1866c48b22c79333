"""What files are taken for, from the command line."""

from collections.abc import Sequence
from pathlib import Path

import typer

from app.cli import output
from app.errors import BadInput
from app.services import imports
from app.sources.detect import Said
from app.sources.explain import Look
from app.sources.explain import look as explained
from app.sources.files import expand


def look(files: Sequence[Path], *, venue: str | None, instrument: str | None, interval: str | None, as_json: bool) -> None:
    """Print what files are; end as bad input does where one is nothing that we read."""
    length = None if interval is None else imports.interval_us(interval)
    found = explained(expand(files), Said(venue=venue, instrument=instrument, interval_us=length))
    if as_json:
        output.document({"files": [_as_form(one) for one in found]})
    else:
        output.show(*(line for one in found for line in _lines(one)))
    if any(one.found is None for one in found):
        raise typer.Exit(BadInput.exit_code)


def _lines(one: Look) -> list[str]:
    if one.found is None:
        return [f"{one.path}", f"  not read   {one.error}", ""]
    columns = ", ".join(name if name.lower() == field else f"{name} as {field}" for name, field in one.columns.items())
    return [
        f"{one.path}",
        f"  taken for  {one.found.kind} of {one.found.key}",
        f"  why        {one.found.why}",
        f"  told by    {one.told_by}",
        f"  otherwise  {one.otherwise}",
        *([f"  columns    {columns}"] if columns else []),
        "",
    ]


def _as_form(one: Look) -> dict[str, object]:
    if one.found is None:
        return {"path": one.path, "error": one.error}
    series = {
        "venue": one.found.key.venue,
        "instrument": one.found.key.instrument,
        "data": one.found.kind.data,
        "interval_us": one.found.kind.interval_us,
    }
    why = {"why": one.found.why, "told_by": one.told_by, "otherwise": one.otherwise, "columns": dict(one.columns)}
    return {"path": one.path, "format": one.found.format, **series, **why}

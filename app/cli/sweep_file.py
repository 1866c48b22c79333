"""Sweep files: read, check, say how much they are, describe."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import typer

from app.cli import output, specs
from app.errors import BadInput
from app.ops import hardware
from app.services.folder import read_folder
from app.services.sweeps import is_large
from app.services.wanted import wanted
from app.sources.detect import Said
from engine.schema import SeriesKey, micros
from engine.sweep import Estimate, Sweep, check, estimate, json_schema, parse_sweep_toml

LARGE = 0.5
"""Share of the memory beyond which nobody may have meant it."""

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files that a sweep runs on, and what was said about them."""

    folder: Path
    stream: str
    levels: int

    def read(self, sweep: Sweep) -> dict[SeriesKey, pl.DataFrame]:
        """Return the rows of each series of a sweep's spec."""
        told: list[str] = []
        with output.progress() as report:
            report("reading files", 0.0)
            data = read_folder(self.folder, wanted(sweep.spec), said=Said(stream=self.stream, levels=self.levels), tell=told.append)
        for sentence in told:
            output.note(sentence)
        return data


def read(path: Path) -> Sweep:
    """Return the sweep of a file, checked but for sets of values that contradict each other; what looks like a mistake is said on the way."""
    text = specs.read_text(path, what="sweep", example="examples/sweep-depeg.toml")
    try:
        sweep = parse_sweep_toml(text, folder=path.parent)
        check(sweep)
    except Exception as error:
        error.add_note(str(path))
        raise
    for warning in sweep.spec.warnings():
        output.note(f"warning: {path}: {warning}")
    return sweep


def agree(found: Estimate, *, yes: bool) -> None:
    """Ask whether a large sweep is meant; BadInput where nobody is there to ask."""
    memory = hardware.detect(Path()).memory
    if yes or not is_large(found, memory_bytes=LARGE * memory):
        return
    size = f"{found}, of the {memory / _GIB:.1f} GiB that there are"
    if not sys.stdin.isatty():
        raise BadInput(f"{size}: expected somebody to ask whether that is meant, found no terminal; add --yes to run it, or take fewer trials")
    typer.confirm(f"{size}. Run it?", err=True, abort=True)


def validate(path: Path, source: Source | None, *, as_json: bool) -> None:
    """Say that a sweep can be run, what it would read, and how much it is."""
    sweep = read(path)
    rows = bars(sweep) if source is None else sum(frame.height for frame in source.read(sweep).values())
    found = None if rows is None else estimate(sweep, rows)
    if as_json:
        output.document(_form(sweep, found))
        return
    spec, form = sweep.spec, sweep.spec.canonical()
    output.show(f"{path} can be run: {sweep.name}", f"{form['start']} to {form['end']}, on {len(spec.series)} series:")
    output.show(*(f"  {key}" for key in spec.series))
    output.show(f"{found}" if found else f"{sweep.most_trials:,} trials; how long they take depends on the rows of the files: --files DIR")


def bars(sweep: Sweep) -> int | None:
    """Return how many rows a sweep has at most, where they are bars; None where they are quotes, of which nobody knows before they are read."""
    spec = sweep.spec
    if any(one.data == "quotes" for one in spec.instruments):
        return None
    return len(spec.instruments) * ((micros(spec.end) - micros(spec.start)) // spec.interval_us)


def print_schema() -> None:
    """Print the JSON Schema of a sweep."""
    output.document(json_schema())


def _form(sweep: Sweep, found: Estimate | None) -> dict[str, object]:
    return {
        "valid": True,
        "hash": sweep.hash(),
        "trials": sweep.most_trials,
        "estimate": asdict(found) if found else None,
        "series": list(map(str, sweep.spec.series)),
        "warnings": sweep.spec.warnings(),
        "sweep": sweep.canonical(),
    }

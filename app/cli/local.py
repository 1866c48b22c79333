"""A backtest on files alone, in this process."""

from pathlib import Path

from app.cli import output, saved, specs
from app.services.folder import read_folder
from engine import backtest


def run(path: Path, folder: Path, *, out: Path | None, as_json: bool) -> None:
    """Run a spec on the files of a folder, show what came out and save it."""
    spec, _ = specs.read(path)
    with output.progress() as report:
        report("reading files", 0.0)
        bars = read_folder(folder, spec.series, spec.interval)
        found = backtest.run(spec, bars, on_progress=report)
        files = found.files()
    saved.tell(found.summary, saved.save(files, out or saved.place(found.summary)), run=None, as_json=as_json)

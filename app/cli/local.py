"""A backtest on files alone, in this process."""

from pathlib import Path

from app.cli import output, saved, specs
from app.services.folder import read_folder
from app.services.wanted import wanted
from app.sources.detect import Said
from engine import backtest


def run(path: Path, folder: Path, *, stream: str, levels: int, out: Path | None, as_json: bool) -> None:
    """Run a spec on the files of a folder, show what came out and save it."""
    spec, _ = specs.read(path)
    told: list[str] = []
    with output.progress() as report:
        report("reading files", 0.0)
        data = read_folder(folder, wanted(spec), said=Said(stream=stream, levels=levels), tell=told.append)
        found = backtest.run(spec, data, on_progress=report)
        files = found.files()
    for sentence in told:
        output.note(sentence)
    saved.tell(found.summary, saved.save(files, out or saved.place(found.summary)), run=None, as_json=as_json)

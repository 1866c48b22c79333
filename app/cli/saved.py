"""Results as files in a folder, and what is said of a result."""

import re
from collections.abc import Mapping
from pathlib import Path

from app.cli import output, result
from app.cli.failure import FULL
from app.client import Form
from app.errors import Conflict, DiskFull


def save(files: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Write the files of a result into a folder, made where needed, and return their paths by name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    except (FileExistsError, NotADirectoryError) as error:
        raise Conflict(f"{folder} cannot be made, since there is a file of that name in its path; choose another folder with --out") from error
    except OSError as error:
        if isinstance(error, PermissionError):
            raise
        if error.errno not in FULL:
            raise Conflict(f"{folder} cannot be written ({error.strerror}); choose another folder with --out") from error
        raise DiskFull(f"the disk of {folder} is full, and the result is not all there: make room, or choose another folder with --out") from error
    return {name: str(folder / name) for name in files}


def place(summary: Form) -> Path:
    """Return the folder for a result where none was given: the same manifest gives the same bytes, so it is named after that."""
    name = re.sub(r"[^a-z0-9]+", "-", summary["name"].lower()).strip("-")[:60] or "run"
    return Path("results") / f"{name}-{summary['manifest_hash'][:8]}"


def tell(summary: Form, saved: Mapping[str, str], *, run: Form | None, as_json: bool) -> None:
    """Print a result and where its files are; `run` is the box's, if it was the box's."""
    if as_json:
        output.document({"run": run, "summary": summary, "files": saved})
        return
    result.show(summary)
    if saved:
        output.show(f"Report: {saved['report.html']}", "(for a browser; ledger, equity and manifest lie beside it)")
    elif run:
        output.show(f"Report, ledger, equity and manifest: usdc-arb backtest show {run['id']} --out DIR")

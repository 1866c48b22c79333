"""Files as users have them: folders, globs, gzip, zstandard and zip archives, opened as one stream of bytes each."""

import glob
import gzip
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from app.errors import BadInput, Forbidden, NotFound, Unavailable

SUFFIXES = (".csv", ".txt", ".gz", ".zst", ".json", ".jsonl", ".zip", ".parquet")
"""What is looked for in a folder; a file that is named is read whatever it is called."""

_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_DAMAGED = (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of rows: a file, or a member of a zip archive."""

    path: Path
    member: str | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def name(self) -> str:
        """File name without folders and without .gz or .zst."""
        return Path(self.member or self.path).name.removesuffix(".gz").removesuffix(".zst")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The bytes of a source, unpacked, with how far reading got in what lies on the disk."""

    source: Source
    raw: IO[bytes]
    unpacked: IO[bytes]
    size: int

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, less only at the end."""
        try:
            return self.unpacked.read(count)
        except _DAMAGED as error:
            whole = "" if self.source.member else f", or unpack what there is of it: gzip -dc {self.source.path.name} > FILE"
            raise BadInput(f"{self.source.label}: expected a sound archive, found {error}; get the file again{whole}") from error
        except OSError as error:
            if error.errno is None:  # of the archive, not of the disk
                raise BadInput(f"{self.source.label}: expected a sound archive, found {error}; get the file again") from error
            raise Unavailable(f"{self.source.label}: cannot be read on: {error.strerror or error}") from error

    def grew(self) -> bool:
        """Tell whether somebody has written to the file since it was opened."""
        return os.fstat(self.raw.fileno()).st_size != self.size

    def position(self) -> int:
        """Return how many bytes of `size` are read."""
        return min(self.raw.tell(), self.size)


def expand(paths: Iterable[Path | str]) -> list[Source]:
    """Return the sources that files, folders (with what is below) and patterns such as `data/*.csv` stand for, each once."""
    files = dict.fromkeys(file for path in paths for file in _files(Path(path)))
    return [source for file in files for source in _members(file)]


@contextmanager
def opened(source: Source) -> Iterator[Stream]:
    """Open a source for reading from its beginning, through gzip or zip where its first bytes say so."""
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(source.path.open("rb"))
            unpacked = stack.enter_context(_unpacked(raw, source))
        except _DAMAGED as error:
            raise BadInput(f"{source.label}: expected a sound archive, found {error}; get the file again") from error
        except OSError as error:
            raise _refused(source.path, error) from error
        yield Stream(source=source, raw=raw, unpacked=unpacked, size=source.path.stat().st_size)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _is_looked_for(file.name) and file.is_file())
        if not found:
            raise NotFound(f"{path}: expected files ending in {', '.join(SUFFIXES)} in this folder, found none; name the files or another folder")
        return found
    if path.exists():
        return [path]
    found = [file for name in sorted(glob.glob(str(path), recursive=True)) for file in _files(Path(name))]  # noqa: PTH207
    if not found:
        raise NotFound(f"{path}: no such file or folder; check the path")
    return found


def _is_looked_for(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".") and not name.endswith(".tar.gz")


def _members(path: Path) -> list[Source]:
    try:
        with path.open("rb") as raw:
            if raw.read(4) != b"PK\x03\x04":
                return [Source(path=path)]
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInput(f"{path}: expected a sound archive, found {error}; get the file again") from error
    except OSError as error:
        raise _refused(path, error) from error
    if "[Content_Types].xml" in names:
        raise BadInput(f"{path}: expected a table of bars or quotes, found an office document; save the sheet as CSV")
    found = [name for name in sorted(names) if name.lower().endswith((".csv", ".txt"))]
    if not found:
        raise BadInput(f"{path}: expected an archive of .csv files, found {', '.join(names[:5]) or 'nothing in it'}; unpack it and name the files")
    return [Source(path=path, member=name) for name in found if not name.startswith("__MACOSX/")]


def _unpacked(raw: IO[bytes], source: Source) -> IO[bytes]:
    if source.member is not None:
        return zipfile.ZipFile(raw).open(source.member)
    start = raw.read(4)
    raw.seek(0)
    if start == _ZSTANDARD:
        return cast(IO[bytes], BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")))  # type: ignore[attr-defined]
    return BufferedReader(gzip.GzipFile(fileobj=raw)) if start.startswith(b"\x1f\x8b") else raw


def _refused(path: Path, error: OSError) -> Exception:
    if isinstance(error, PermissionError):
        return Forbidden(f"{path}: this user may not read it; change its permissions or its owner")
    return BadInput(f"{path}: cannot be opened: {error.strerror or error}")

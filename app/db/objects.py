"""Files by the hash of what is in them, in a folder or in a bucket of S3: written whole or not at all, never changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from app.errors import BadInput, DiskFull, NotFound, Unavailable

_S3 = "s3://"
_NO_SPACE = ("No space left", "os error 28")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where files lie: a folder, or `s3://bucket/prefix` with what its endpoint wants."""

    url: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Objects:
    """The files at a place; `name` is what stands before `.parquet`."""

    place: Place
    store: ObjectStore
    folder: str | None = None
    """Of a place that is one: where there are many small files, the system alone reads them in a third of the time."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file, also where one of its name is."""
        try:
            obstore.put(self.store, _path(name), content)
        except (BaseError, OSError) as error:
            raise self._refusal(error) from error

    def get(self, name: str) -> bytes:
        """Return what is in a file; NotFound where there is none."""
        try:
            if self.folder is not None:
                with open(f"{self.folder}/{_path(name)}", "rb", buffering=0) as file:  # noqa: PTH123 - a Path takes as long as the file
                    return file.readall()
            return bytes(obstore.get(self.store, _path(name)).bytes())
        except FileNotFoundError as error:
            raise NotFound(f"{self.place.url}: the file {_path(name)} is not there") from error
        except (BaseError, OSError) as error:
            raise self._refusal(error) from error

    def delete(self, names: Sequence[str]) -> None:
        """Remove files, those that are not there too."""
        for name in names:
            try:
                obstore.delete(self.store, _path(name))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as error:
                raise self._refusal(error) from error

    def older(self, than: datetime) -> Iterator[str]:
        """Yield the names of files that were written before a time."""
        try:
            for batch in obstore.list(self.store):
                yield from (Path(one["path"]).stem for one in batch if one["last_modified"] < than and one["path"].endswith(".parquet"))
        except (BaseError, OSError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> DiskFull | Unavailable:
        said = str(error).partition("\n")[0][:300]
        if any(words in said for words in _NO_SPACE):
            return DiskFull(f"{self.place.url} has no space left, and nothing is stored: free some space and do it again")
        return Unavailable(f"the snapshots at {self.place.url} cannot be reached: {said}; see that it is there and that SNAPSHOTS and S3_* are right")


def at(place: Place) -> Objects:
    """Return the files at a place; a folder is made."""
    if not place.url.startswith(_S3):
        folder = Path(place.url).expanduser().resolve()
        return Objects(place, LocalStore(folder, mkdir=True), str(folder))
    bucket, _, prefix = place.url.removeprefix(_S3).partition("/")
    if not bucket:
        raise BadInput(f"expected a bucket in {place.url!r}, as in s3://bucket/prefix")
    store = S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=place.endpoint,
        region=place.region,
        access_key_id=place.access_key_id,
        secret_access_key=place.secret_access_key,
        client_options={"allow_http": True},
    )
    return Objects(place, store)


def _path(name: str) -> str:
    return f"{name[:2]}/{name}.parquet"

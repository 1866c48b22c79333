"""Memory of a child: how much it holds, the limit of a run, and what to say when a run reaches it."""

import re
import resource
from pathlib import Path

_MIB = 1 << 20
_SPARE = 1.25
_RUN_BYTES, _BAR_BYTES, _QUOTE_BYTES, _COPIES = 64 << 20, 300, 100, 3
"""Measured, with stress runs: 25 MB at least; 1.5M bars of 72 MB took 670 MB, 5M quotes of 240 MB 960 MB, 1M of ten levels, 340 MB, 1.1 GB."""
_ASKED_BYTES = re.compile(r"memory allocation of (\d+) bytes failed")
_ASKED_UNITS = re.compile(r"Unable to allocate ([\d.]+) ([KMGT]?i?B)")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIGNS = re.compile(
    r"memory allocation of \d+ bytes failed|std::bad_alloc|out of memory|cannot allocate memory"
    r"|resource temporarily unavailable|can't start new thread",  # a thread whose stack finds no room
    re.IGNORECASE,
)


def data_bytes() -> int:
    """Return what this process holds of the kind that RLIMIT_DATA limits: private, writable [bytes]."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmData:")[2].split(None, 1)[0]) << 10


def limit(extra_bytes: int) -> None:
    """Let this process hold `extra_bytes` more than now; 0: as much as there is."""
    # RLIMIT_AS counts what is only reserved as well, of which Polars has plenty.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data_bytes() + extra_bytes if extra_bytes else hard
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def ran_out(words: str) -> bool:
    """Tell from an error's text, or the last words of a process that aborted, whether memory was the reason."""
    return bool(_SIGNS.search(words))


def likely_bytes(*, bars: int, quotes: int, frame_bytes: int) -> int:
    """Return what a run on so many rows, in frames of this size, will hold at its peak, beyond what an idle child does."""
    return _RUN_BYTES + _BAR_BYTES * bars + _QUOTE_BYTES * quotes + _COPIES * frame_bytes


def message(limit_bytes: int, words: str, likely: int) -> str:
    """Return the sentence for a run that reached its limit.

    `words` is what the failed allocation said; `likely` the run's own estimate, 0 if it had none yet.
    """
    asked = _asked(words)
    enough = -(-int(max(limit_bytes + asked, likely) * _SPARE) // (64 * _MIB)) * 64
    wanted = f" and asked for {asked / _MIB:,.0f} MiB more" if asked else ""
    would_do = f"about {enough:,} MiB would do" if likely else f"at least {enough:,} MiB are needed"
    return (
        f"the run has used up the {limit_bytes / _MIB:,.0f} MiB of memory that it may use{wanted}; {would_do}: "
        "run it where a worker has that much, shorten its window, or lengthen its interval"
    )


def _asked(words: str) -> int:
    exact, rounded = _ASKED_BYTES.search(words), _ASKED_UNITS.search(words)
    if exact:
        return int(exact[1])
    return int(float(rounded[1]) * _UNITS.get(rounded[2], 0)) if rounded else 0

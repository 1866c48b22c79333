"""How kernels are compiled: once for each machine, and again as soon as the source of any of them changes.

numba's cache knows the file that a function stands in, not those that it calls into: a rule changed in one file would go on
unchanged in another. So the stamp of every kernel is a hash of all of them.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from numba import config, njit
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

_P = ParamSpec("_P")
_R = TypeVar("_R")


@cache
def stamp() -> str:
    """Return a hash of the source of all kernels."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


class _Stamped:
    def get_source_stamp(self) -> str:
        return stamp()


class AsTold(_Stamped, UserProvidedCacheLocator):
    """Cache where NUMBA_CACHE_DIR says."""


class InTree(_Stamped, InTreeCacheLocator):
    """Cache beside the source, where that can be written."""


class UserWide(_Stamped, UserWideCacheLocator):
    """Cache in the user's folder."""


_SETTING = "CACHE_LOCATOR_CLASSES"
_LOCATORS = ",".join(f"{__name__}.{locator.__name__}" for locator in (AsTold, InTree, UserWide))


def rule(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function compiled by numba for other kernels alone: nobody calls it from Python, which halves the time to compile."""
    # Rules make no arrays, so nothing has to be counted: a count for each array of each argument of each call took forty times as
    # long as the work; handing the arguments over took as long as the work again, so rules are inlined.
    options = {"nogil": True, "forceinline": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("Callable[_P, _R]", cast("Callable[..., Callable[..., object]]", njit)(**options)(function))


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function compiled by numba for us to call, cached under the stamp of all kernels; it runs without the interpreter's lock."""
    before = vars(config)[_SETTING]
    vars(config)[_SETTING] = _LOCATORS
    try:
        return cast("Callable[_P, _R]", njit(cache=True, nogil=True)(function))
    finally:
        vars(config)[_SETTING] = before

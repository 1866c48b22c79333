"""How an error looks from outside: one message, an exit code, no traceback where it was expected."""

import errno
import json
import sys
import traceback
from typing import Final

from app.errors import AppError, DiskFull, Forbidden, Internal, Unavailable, answer, is_expected
from engine.errors import SpecError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def tell(error: Exception, *, as_json: bool) -> int:
    """Print an error on standard error and return the exit code for it."""
    found = of_the_system(error) or error
    if not is_expected(found) and not isinstance(found, Internal):
        traceback.print_exception(error)
    print(_as_json(found) if as_json else _as_text(found), file=sys.stderr)
    return answer(found).exit_code


def of_the_system(error: Exception) -> AppError | None:
    """Return what an error of the operating system means to the user; None where it is none that we know."""
    if not isinstance(error, OSError):
        return None
    if error.errno in FULL:
        return DiskFull(f"no space left on the disk of {error.filename or 'the data'}: make room and try again")
    if isinstance(error, PermissionError):
        return Forbidden(f"{error.filename or 'a file'}: {error.strerror}; run as a user who may, or choose another place")
    if isinstance(error, ConnectionError):
        return Unavailable(f"a server does not answer ({error}); is `usdc-arb up` running?")
    return None


def _as_text(error: Exception) -> str:
    where = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
    if isinstance(error, SpecError) and len(error.problems) > 1:
        return f"error: {where}{len(error.problems)} problems:\n" + "\n".join(f"  {problem}" for problem in error.problems)
    if isinstance(error, Internal) or is_expected(error):
        return f"error: {where}{error}"
    return f"error: {where}this is a fault of usdc-arb ({type(error).__name__}); the lines above say where; please report them"


def _as_json(error: Exception) -> str:
    problems = {"problems": [{"path": p.path, "message": p.message} for p in error.problems]} if isinstance(error, SpecError) else {}
    return json.dumps({"error": {"code": answer(error).code, "message": str(error), "where": list(getattr(error, "__notes__", ())), **problems}})

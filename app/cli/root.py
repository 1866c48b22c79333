"""The tree of commands, and what an error looks like from outside: one message, an exit code, no traceback."""

import errno
import json
import sys
import traceback

from app.cli import admin, backtest, box, data, server
from app.cli.options import group
from app.errors import AppError, DiskFull, Forbidden, Internal, Unavailable, answer, is_expected
from engine.errors import SpecError

app = group("Backtest cross-venue USDC arbitrage after everything that it costs.")
app.info.name = "usdc-arb"
app.add_typer(box.app)
app.add_typer(data.app, name="data")
app.add_typer(backtest.app, name="backtest")
app.add_typer(server.app)
app.add_typer(admin.database, name="db")
app.add_typer(admin.token, name="token")
app.add_typer(admin.ops, name="ops")


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app(prog_name="usdc-arb")
    except Exception as error:  # noqa: BLE001 - the last border: everything is told, in the form that was asked for
        found = _of_the_system(error) or error
        if not is_expected(found):
            traceback.print_exception(error)
        print(_as_json(found) if "--json" in sys.argv else _as_text(found), file=sys.stderr)
        sys.exit(answer(found).exit_code)


def _of_the_system(error: Exception) -> AppError | None:
    if not isinstance(error, OSError):
        return None
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
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
    if not is_expected(error):
        return f"error: {where}this is a fault of usdc-arb ({type(error).__name__}); the lines above say where; please report them"
    return f"error: {where}{error}"


def _as_json(error: Exception) -> str:
    code = answer(error).code if is_expected(error) else Internal.code
    problems = {"problems": [{"path": p.path, "message": p.message} for p in error.problems]} if isinstance(error, SpecError) else {}
    return json.dumps({"error": {"code": code, "message": str(error), "where": list(getattr(error, "__notes__", ())), **problems}})

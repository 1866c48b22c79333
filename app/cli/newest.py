"""What the box has of runs or sweeps, newest first."""

from httpx2 import Client

from app import client
from app.errors import NotFound

_PAGE = 100
_LAST = "last"
_SUBMITTED_BY = {"Runs": "backtest run SPEC", "Sweeps": "sweep run SWEEP"}


def newest(http: Client, operation: str, limit: int) -> tuple[list[client.Form], bool]:
    """Return at most so many of `Runs` or `Sweeps`, and whether there are more."""
    found: list[client.Form] = []
    after, more = None, True
    while more and len(found) < limit:
        page = client.ask(http, operation, first=min(_PAGE, limit - len(found)), after=after)[operation.lower()]
        found += [edge["node"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found, more


def meant(http: Client, operation: str, given: str) -> str:
    """Return the id that is meant: `last` is the newest; NotFound where there is none yet."""
    if given != _LAST:
        return given
    found, _ = newest(http, operation, 1)
    if not found:
        raise NotFound(f"there are no {operation.lower()} yet; submit one: usdc-arb {_SUBMITTED_BY[operation]}")
    return str(found[0]["id"])

"""Identifiers as clients hand them over."""

from uuid import UUID

from app.errors import NotFound


def run_id(text: str) -> UUID:
    """Return a run's identifier; NotFound for what cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"there is no run {text[:80]!r}; an identifier is a UUID, as `submitRun` returns it") from None

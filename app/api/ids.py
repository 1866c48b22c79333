"""Identifiers as clients hand them over."""

from uuid import UUID

from app.errors import NotFound


def run_id(text: str) -> UUID:
    """Return a run's identifier; NotFound for what cannot be one."""
    return _identifier(text, what="run", by="submitRun")


def sweep_id(text: str) -> UUID:
    """Return a sweep's identifier; NotFound for what cannot be one."""
    return _identifier(text, what="sweep", by="submitSweep")


def key_id(text: str) -> UUID:
    """Return a key's identifier; NotFound for what cannot be one."""
    return _identifier(text, what="key", by="createKey")


def sign_in_id(text: str) -> UUID:
    """Return the identifier of what somebody is signed in to; NotFound for what cannot be one."""
    return _identifier(text, what="sign-in", by="signIns")


def _identifier(text: str, *, what: str, by: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"there is no {what} {text[:80]!r}; an identifier is a UUID, as `{by}` returns it") from None

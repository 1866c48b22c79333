"""Pages of lists: opaque cursors, and how many items a client may ask for at once."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from app.errors import BadInput


def encode_cursor(kind: str, key: object) -> str:
    """Return a cursor that stands for an item's key in one kind of list."""
    return urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("=")


def decode_cursor(kind: str, cursor: str) -> str:
    """Return the key that a cursor of this kind of list stands for; BadInput for anything else."""
    try:
        found, _, key = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
    except ValueError:
        found = key = ""
    if found != kind:
        raise BadInput(f"after: expected a cursor of this list (`pageInfo.endCursor` of the page before), found {cursor[:80]!r}")
    return key


def page_size(first: int, most: int, *, name: str = "first") -> int:
    """Return how many items to read; BadInput names the argument where it is more than a page may have."""
    if not 1 <= first <= most:
        raise BadInput(f"{name}: expected 1 to {most}, found {first}")
    return first

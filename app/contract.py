"""The named operations of `graphql/operations`: what the CLI sends, and the names that the API counts by."""

import hashlib
from functools import cache
from pathlib import Path

# A wheel carries them beside this module; a checkout keeps them at its root. The wheel's place comes first: beside an
# installed `app` lies graphql-core, whose folder has the same name.
_PLACES = (Path(__file__).parent / "operations", Path(__file__).parent.parent / "graphql" / "operations")


@cache
def operations() -> dict[str, str]:
    """Return the text of every operation by its name."""
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"the GraphQL operations are missing: expected one of {', '.join(map(str, _PLACES))}; install the package again")
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.graphql"))}


@cache
def documents() -> dict[str, str]:
    """Return the text of every operation by its document identifier: `sha256:` and the hash of the text."""
    return {f"sha256:{hashlib.sha256(text.encode()).hexdigest()}": text for text in operations().values()}


def operation(name: str) -> str:
    """Return the text of one operation; KeyError lists the names there are."""
    found = operations()
    if name not in found:
        raise KeyError(f"no operation {name!r}; there are {', '.join(found)}")
    return found[name]

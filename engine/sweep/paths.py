"""Where a parameter stands in a spec: dotted paths, with venues, routes and instruments by their names."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, JsonValue

from engine.config import Spec
from engine.errors import Problem, SpecError

SCALE = "scale"
"""The parameter that is none of the spec's: it multiplies balances, notionals, amounts of risk and what rebalancing aims at."""

Keys = tuple[str | int, ...]
"""Where a value stands in the canonical form."""

FIXED = frozenset({"version", "name", "numeraire", "start", "end"})
"""What all trials have in common, or their figures could not be compared."""


def keys_of(spec: Spec, path: str) -> Keys:
    """Return where a path leads; SpecError names paths that may have been meant."""
    top = path.partition(".")[0]
    if top in FIXED:
        raise _wrong(path, f"{top} is the same for all trials of a sweep: their figures could not be compared")
    found, rest = _down(spec.canonical(), path)
    if rest is not None:
        raise _wrong(path, rest + _near(spec, path))
    return found


def _down(form: object, path: str) -> tuple[Keys, str | None]:
    # as far as the path leads, and what is wrong where it leads no further
    found: Keys = ()
    here, rest = form, path
    while rest:
        if here is None:
            return found, f"{'.'.join(map(str, found))} is not set in the spec: set it there, and it can vary"
        step = _step(here, rest)
        if step is None:
            return found, f"the spec has no {rest!r}{' in ' + '.'.join(map(str, found)) if found else ''}"
        key, here, rest = step
        found = (*found, key)
    return found, None


def _step(here: object, rest: str) -> tuple[str | int, object, str] | None:
    # names may have dots: the longest that fits
    names = sorted(_named(here), key=lambda pair: -len(pair[0]))
    for name, key in names:
        if rest == name or rest.startswith(name + "."):
            return key, here[key], rest[len(name) + 1 :]  # type: ignore[index]
    if isinstance(here, Mapping) and "." not in rest and all(isinstance(value, str) for value in here.values()) and rest.isupper():
        return rest, "0", ""  # an amount of a currency that is not named yet
    return None


def _named(here: object) -> Iterator[tuple[str, str | int]]:
    if isinstance(here, Mapping):
        yield from ((str(key), str(key)) for key in here)
    elif isinstance(here, list):
        for place, entry in enumerate(here):
            yield str(place), place
            if isinstance(entry, Mapping) and "venue" in entry and "name" in entry:
                yield f"{entry['venue']}.{entry['name']}", place
            elif isinstance(entry, Mapping) and "name" in entry:
                yield str(entry["name"]), place


def known_paths(form: object, *, before: str = "") -> Iterator[str]:
    """Return the path of every value of a canonical form."""
    if isinstance(form, Mapping | list) and form:
        labels = {key: name for name, key in _named(form)}  # the last one of each: by name, where it has one
        for key, name in labels.items():
            yield from known_paths(form[key], before=f"{before}{name}.")  # type: ignore[index]
    else:
        yield before.removesuffix(".")


def _near(spec: Spec, path: str) -> str:
    known = [p for p in known_paths(spec.canonical()) if p.partition(".")[0] not in FIXED]
    last = path.rpartition(".")[2]
    close = [*difflib.get_close_matches(path, known, n=3), *(p for p in known if p.rpartition(".")[2] == last)]
    return f"; did you mean {' or '.join(map(repr, dict.fromkeys(close[:3])))}?" if close else ""


def _wrong(path: str, message: str) -> SpecError:
    return SpecError([Problem(path=f"parameters.{path}", message=message)])


def typed_at(table: object, keys: Keys) -> object:
    """Return the value at a place of a parsed spec."""
    here = table
    for key in keys:
        here = here[key] if isinstance(here, Mapping | tuple) else getattr(here, str(key))  # type: ignore[index]
    return here


def with_form(form: dict[str, object], changes: Iterable[tuple[Keys, JsonValue]]) -> dict[str, object]:
    """Return a canonical form with values replaced."""
    found: object = form
    for keys, value in changes:
        found = _replaced(found, keys, value)
    assert isinstance(found, dict)
    return found


def _replaced(here: object, keys: Keys, value: object) -> object:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(here, list):
        return [_replaced(entry, rest, value) if place == key else entry for place, entry in enumerate(here)]
    assert isinstance(here, dict)
    return {**here, key: _replaced(here.get(key), rest, value)}


def with_typed(spec: Spec, keys: Keys, value: object) -> Spec:
    """Return a parsed spec with a value replaced that was checked before."""
    found = _retyped(spec, keys, value)
    assert isinstance(found, Spec)
    return found


def _retyped(here: object, keys: Keys, value: object) -> object:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(here, BaseModel):
        return here.model_copy(update={str(key): _retyped(getattr(here, str(key)), rest, value)})
    if isinstance(here, tuple):
        return tuple(_retyped(entry, rest, value) if place == key else entry for place, entry in enumerate(here))
    assert isinstance(here, dict)
    return {**here, key: _retyped(here.get(key), rest, value)}

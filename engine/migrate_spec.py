"""Specs of earlier versions, brought to the present one."""

from collections.abc import Mapping

from engine.errors import Problem, SpecError

VERSION = 2
"""The version that this engine reads and writes."""

_KEPT = (
    ("execution", "residual", "carry", "what unequal legs leave stays in the wallets"),
    ("risk", "max_gross_edge_bps", 1_000_000, "no edge is too large to be traded"),
    ("quality", "wick_bps", 1_000_000, "no wick blocks a bar"),
)
"""What version 1 did without saying so: table, key, value, and what it means."""


def migrate(form: object) -> tuple[object, list[str]]:
    """Return a spec's form in the present version, and what was set so that it keeps its meaning; SpecError where the version is not known."""
    if not isinstance(form, Mapping):
        return form, []  # no spec of any version: for the validation to say so
    version = form.get("version", 1)
    known = type(version) is int  # True is no 1, and 2.0 no 2
    if known and version == VERSION:
        return form, []
    if not known or version != 1:
        raise SpecError([Problem(path="version", message=f"expected 1 or {VERSION}, found {version!r}; this engine knows no other")])
    migrated: dict[str, object] = {**form, "version": VERSION}
    notes = []
    for table, key, value, meaning in _KEPT:
        present = migrated.get(table, {})
        if isinstance(present, Mapping) and key not in present:
            migrated[table] = {**present, key: value}
            shown = f'"{value}"' if isinstance(value, str) else f"{value}"
            notes.append(f"{table}.{key} = {shown} was set, as in version 1: {meaning}; write version = {VERSION} and choose")
    return migrated, notes

"""A spec as TOML, from its canonical form: what a reader copies to run it again."""

import json
from collections.abc import Mapping


def as_toml(form: Mapping[str, object]) -> str:
    """Return a document of tables as TOML, keys in order; a null is left out, which is what it means there."""
    return "\n".join(_table(form, ())).strip() + "\n"


def _table(form: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in sorted(form.items()) if _is_plain(value)]
    for key, value in sorted(form.items()):
        inner = (*path, _key(key))
        if isinstance(value, Mapping):
            lines += ["", f"[{'.'.join(inner)}]", *_table(value, inner)]
        elif _is_tables(value) and isinstance(value, list):
            lines += [line for row in value for line in ("", f"[[{'.'.join(inner)}]]", *_table(row, inner))]
    return lines


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping) and not _is_tables(value)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # of text, numbers and truth values TOML writes what JSON does
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

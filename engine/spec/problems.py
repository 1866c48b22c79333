"""What pydantic found wrong with a spec, in sentences that say what to do."""

from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.errors import Problem, suggest
from engine.spec.spec import Spec
from engine.units import FORMS


def problems(error: ErrorDetails, table: type[BaseModel] = Spec) -> list[Problem]:
    """Return one error of pydantic in a table as problems with their path."""
    if error["type"] == "too_short" and error["input"]:
        return []  # pydantic does not count the wrong ones, which have problems of their own
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return [Problem(path=path, message=f"unknown key; {suggest(str(error['loc'][-1]), _keys_at(table, error['loc'][:-1]))}")]
    if error["type"] == "missing":
        return [Problem(path=path, message="is required")]
    if error["type"] == "string_pattern_mismatch":
        return [Problem(path=path.removesuffix(".[key]"), message=f"expected {FORMS[error['ctx']['pattern']]}, found {error['input']!r}")]
    message = error["msg"].removeprefix("Value error, ")
    found = "" if error["type"] == "value_error" else f", found {error['input']!r}"
    return [Problem(path=path, message=f"{line}{found}") for line in message.splitlines()]


def _keys_at(table: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    parts = iter(loc)
    for part in parts:
        inner, listed = _table_of(table.model_fields[str(part)].annotation)
        table = inner or table
        if listed:
            next(parts, None)  # a venue's name or a row's number
    return list(table.model_fields)


def _table_of(annotation: object) -> tuple[type[BaseModel] | None, bool]:
    # the table that a field holds, and whether it holds several
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for part in get_args(annotation):
        inner, listed = _table_of(part)
        if inner is not None:
            return inner, listed or getattr(annotation, "__origin__", None) in {dict, tuple}
    return None, False

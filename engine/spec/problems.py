"""What pydantic found wrong with a spec, in sentences that say what to do."""

from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.errors import Problem, suggest
from engine.spec.spec import Spec
from engine.strategies.registry import STRATEGIES
from engine.units import FORMS


def problems(error: ErrorDetails, table: type[BaseModel] = Spec) -> list[Problem]:
    """Return one error of pydantic in a table as problems with their path."""
    if error["type"] == "too_short" and error["ctx"]["actual_length"] < len(error["input"]):
        return []  # pydantic does not count the wrong ones, which have problems of their own
    path = ".".join(str(part) for at, part in enumerate(error["loc"]) if not (at == 1 and error["loc"][0] == "strategy"))  # its kind, told already
    if error["type"] == "extra_forbidden":
        return [Problem(path=path, message=f"unknown key; {suggest(str(error['loc'][-1]), _keys_at(table, error['loc'][:-1]))}")]
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return [_kind(path, error)]
    if error["type"] == "missing":
        return [Problem(path=path, message="is required")]
    if error["type"] == "string_pattern_mismatch":
        return [Problem(path=path.removesuffix(".[key]"), message=f"expected {FORMS[error['ctx']['pattern']]}, found {error['input']!r}")]
    message = error["msg"].removeprefix("Value error, ")
    found = "" if error["type"] == "value_error" else f", found {error['input']!r}"
    return [Problem(path=path, message=f"{line}{found}") for line in message.splitlines()]


def _kind(path: str, error: ErrorDetails) -> Problem:
    kinds = sorted(STRATEGIES)
    if error["type"] == "union_tag_not_found":
        return Problem(path=f"{path}.kind", message=f"is required: {', '.join(kinds)}")
    found = error["ctx"]["tag"]
    return Problem(path=f"{path}.kind", message=f"there is no strategy {found!r}; {suggest(found, kinds)}")


def _keys_at(table: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    if loc[:1] == ("strategy",) and table is Spec:
        return list(STRATEGIES[str(loc[1])].model_fields)
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

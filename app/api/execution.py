"""Execution of operations, with a short way for objects of which nothing but stored values is asked.

graphql-core takes each field through a dozen calls, which a list of a hundred runs with thirty metrics each makes six thousand times. An object whose
fields are all plain, attributes of scalar or enum type without a resolver or a permission, is read by a plan instead, made once a selection. Whatever
a plan cannot do, a value that is no value of its type for example, is left to the usual way, which says what is wrong and where.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import GraphQLList, GraphQLObjectType, get_nullable_type, is_leaf_type, is_non_null_type
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

Fields = dict[str, Any]


class Step(NamedTuple):
    """How to read a field: its name in the answer, the attribute, and how its type coerces it."""

    name: str
    attribute: str
    coerce: Callable[[Any], Any]
    is_required: bool


Steps = list[Step]


class Plan(NamedTuple):
    """The steps of a selection, where it is plain; and the selection, so that its identity stays its own."""

    steps: Steps | None
    fields: Fields


class _NotPlainError(Exception):
    """A value that the usual way has to look at."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """The executor of one operation."""

    _plans: dict[int, Plan] | None = None

    def execute_fields(  # the types of its arguments are graphql-core's own
        self,
        parent_type: GraphQLObjectType,
        source_value: object,
        path: Path | None,
        grouped_field_set: Fields,
        position_context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Read an object by its plan, or field by field."""
        steps = self._planned(parent_type, grouped_field_set)
        if steps is not None:
            try:
                return _read(source_value, steps)
            except Exception:  # noqa: BLE001, S110  the usual way meets the same, and reports it
                pass
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: list[Any],
        info: Any,  # noqa: ANN401
        path: Path,
        result: Any,  # noqa: ANN401
        position_context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Read the objects of a list by their plan, or one by one."""
        item = get_nullable_type(return_type.of_type)
        if isinstance(item, GraphQLObjectType) and isinstance(result, list):
            steps = self._planned(item, self.collect_subfields(item, field_details_list)[0])
            if steps is not None:
                try:
                    return [_read(one, steps) for one in result]
                except Exception:  # noqa: BLE001, S110  likewise
                    pass
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _planned(self, parent_type: GraphQLObjectType, fields: Fields) -> Steps | None:
        plans = self._plans = self._plans if self._plans is not None else {}
        if id(fields) not in plans:
            plans[id(fields)] = Plan(self._steps(parent_type, fields), fields)
        return plans[id(fields)].steps

    def _steps(self, parent_type: GraphQLObjectType, fields: Fields) -> Steps | None:
        found = [(name, self._step(parent_type, details[0].node.name.value)) for name, details in fields.items()]
        plain = [Step(name, *step) for name, step in found if step is not None]
        return plain if len(plain) == len(found) else None

    def _step(self, parent_type: GraphQLObjectType, name: str) -> tuple[str, Callable[[Any], Any], bool] | None:
        known = self.schema.get_field(parent_type, name)
        ours = known.extensions.get("strawberry-definition") if known else None
        if known is None or known.args or not isinstance(ours, StrawberryField) or not ours.is_basic_field:
            return None
        leaf = get_nullable_type(known.type)
        return (ours.python_name, leaf.coerce_output_value, is_non_null_type(known.type)) if is_leaf_type(leaf) else None


def _read(source: object, steps: Steps) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, attribute, coerce, is_required in steps:
        value = getattr(source, attribute)
        coerced = None if value is None else coerce(value)
        if coerced is None and (is_required or value is not None):
            raise _NotPlainError
        found[name] = coerced
    return found

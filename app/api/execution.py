"""Execution of operations, with a short way for objects of which nothing is asked that has to be waited for.

graphql-core takes each field through a dozen calls, which a list of a hundred runs with thirty metrics each makes six thousand times. A selection of
which all fields are stored values, or properties computed from them without arguments, context or permission, down to the leaves, is compiled into a
plan instead, once a document, and read by it. Whatever a plan cannot do, a value that is no value of its type for example, is left to the usual way,
which says what is wrong and where.
"""

from collections.abc import Callable, Hashable
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, cast

from graphql import GraphQLObjectType, get_nullable_type, is_leaf_type, is_list_type, is_non_null_type, is_object_type
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

Fields = dict[str, Any]
Read = Callable[[Any], Any]


class Step(NamedTuple):
    """How to read a field: its name in the answer, how to get its value, and what the answer shows of that."""

    name: str
    get: Read
    show: Read
    is_required: bool


Steps = list[Step]
Plans = dict[Hashable, Steps | None]
"""The plans of a document, by the selections; None where one has to be taken field by field."""


class _NotPlainError(Exception):
    """A value that the usual way has to look at."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """The executor of one operation; `plans` are those of its document, where directives do not make them differ from request to request."""

    def __init__(self, *args: Any, plans: Plans | None = None, **kwargs: Any) -> None:  # noqa: ANN401  graphql-core's own
        super().__init__(*args, **kwargs)
        self._plans: Plans = {} if plans is None else plans

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
        return_type: Any,  # noqa: ANN401
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
        selection = (parent_type.name, *(id(detail.node) for details in fields.values() for detail in details))
        if selection not in self._plans:
            self._plans[selection] = self._steps(parent_type, fields)
        return self._plans[selection]

    def _steps(self, parent_type: GraphQLObjectType, fields: Fields) -> Steps | None:
        steps: Steps = []
        for name, details in fields.items():
            step = self._step(parent_type, name, details)
            if step is None:
                return None
            steps.append(step)
        return steps

    def _step(self, parent_type: GraphQLObjectType, name: str, details: list[Any]) -> Step | None:
        known = self.schema.get_field(parent_type, details[0].node.name.value)
        ours = known.extensions.get("strawberry-definition") if known else None
        if known is None or known.args or not isinstance(ours, StrawberryField) or ours.extensions:
            return None
        get, show = _getter(ours), self._shown(get_nullable_type(known.type), details)
        return Step(name, get, show, is_non_null_type(known.type)) if get and show else None

    def _shown(self, kind: Any, details: list[Any]) -> Read | None:  # noqa: ANN401  a type of graphql-core's without its null
        if is_leaf_type(kind):
            return kind.coerce_output_value
        if is_list_type(kind):
            show = self._shown(get_nullable_type(kind.of_type), details)
            return partial(_read_list, show=show) if show else None
        steps = self._steps(kind, self.collect_subfields(kind, details)[0]) if is_object_type(kind) else None
        return partial(_read, steps=steps) if steps is not None else None


def _getter(field: StrawberryField) -> Read | None:
    # A resolver of our own is a function of its object, unless it takes more or has to be awaited.
    resolver: StrawberryResolver[Any] | None = field.base_resolver
    if resolver is None:
        return attrgetter(field.python_name)
    takes_more = resolver.arguments or resolver.info_parameter or resolver.parent_parameter or resolver.root_parameter
    return None if resolver.is_async or takes_more or not resolver.self_parameter else cast(Read, resolver.wrapped_func)


def _read(source: object, steps: Steps) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, get, show, is_required in steps:
        value = get(source)
        shown = None if value is None else show(value)
        if shown is None and (is_required or value is not None):
            raise _NotPlainError
        found[name] = shown
    return found


def _read_list(source: object, show: Read) -> list[object]:
    # One that may hold nulls and does is rare, and left to the usual way.
    if not isinstance(source, list) or None in source:
        raise _NotPlainError
    return [show(one) for one in source]

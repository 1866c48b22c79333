"""The schema, put together, and how a document becomes one that may be executed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

import graphql
import strawberry
from graphql import ASTValidationRule, DocumentNode, ExecutionResult, GraphQLError, NoSchemaIntrospectionCustomRule, specified_rules, validate
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.api.context import Context
from app.api.cost import Price, price
from app.api.execution import Executor, Plans
from app.api.guard import Limits, read_document
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.scalars import SCALARS
from app.api.subscriptions import Subscription

_REMEMBERED = 64  # documents; clients have few, and a hostile one of 2,000 tokens takes about a megabyte
_RULES: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Prepared(NamedTuple):
    """A document within the limits, what is wrong with it, and what it costs."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    prices: Mapping[str, Price]
    """Of its operations, by their names."""
    plans: Plans | None
    """Of its selections, as they were first read; None where directives may make them differ from request to request."""


Prepare = Callable[[str], Prepared]


def make_schema(*, limits: Limits, introspection: bool) -> tuple[strawberry.Schema, Prepare]:
    """Return the schema, and the one way by which documents get to it: parsed, weighed, validated, remembered."""
    rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)

    @lru_cache(maxsize=_REMEMBERED)
    def prepare(text: str) -> Prepared:
        document = read_document(text, limits)
        errors = tuple(validate(schema._schema, document, rules))  # noqa: SLF001  there is no public name
        return Prepared(document, errors, price(document), plans=None if "@" in text else {})

    config = StrawberryConfig(scalar_map=SCALARS, relay_max_results=100)
    schema = strawberry.Schema(Query, Mutation, Subscription, config=config, execution_context_class=Executor)
    return schema, prepare


async def execute(schema: strawberry.Schema, prepared: Prepared, *, name: str | None, variables: dict[str, Any], context: Context) -> ExecutionResult:
    """Execute an operation of a document that was prepared; what is wrong with that is the answer.

    Strawberry's own way leads through its extensions, of which there are none here, to the same function.
    """
    if prepared.errors:
        return ExecutionResult(data=None, errors=list(prepared.errors))
    result = graphql.execute(
        schema._schema,  # noqa: SLF001  there is no public name
        prepared.document,
        context_value=context,
        variable_values=variables,
        operation_name=name,
        executor_class=Executor,
        is_awaitable=cast(Any, optimized_is_awaitable),
        plans=prepared.plans,
    )
    return result if isinstance(result, ExecutionResult) else await result


async def subscribe(
    schema: strawberry.Schema, prepared: Prepared, *, name: str | None, variables: dict[str, Any], context: Context
) -> AsyncIterator[ExecutionResult] | ExecutionResult:
    """Return the results of a subscription of a document that was prepared, as they come, or why there are none."""
    if prepared.errors:
        return ExecutionResult(data=None, errors=list(prepared.errors))
    found = graphql.subscribe(
        schema._schema,  # noqa: SLF001  there is no public name
        prepared.document,
        context_value=context,
        variable_values=variables,
        operation_name=name,
        executor_class=Executor,
        is_awaitable=cast(Any, optimized_is_awaitable),
        plans=prepared.plans,
    )
    return await found if isinstance(found, Awaitable) else found


def sdl() -> str:
    """Return the schema as text, as `graphql/schema.graphql` holds it."""
    schema, _ = make_schema(limits=Limits(), introspection=True)
    return f"{schema.as_str()}\n"

"""The schema, put together, and how a document becomes one that may be executed."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import strawberry
from graphql import ASTValidationRule, DocumentNode, GraphQLError, NoSchemaIntrospectionCustomRule, specified_rules, validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types import ExecutionContext

from app.api.cost import Price, price
from app.api.execution import Executor
from app.api.guard import Limits, read_document
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.scalars import SCALARS

_REMEMBERED = 64  # documents; clients have few, and a hostile one of 2,000 tokens takes about a megabyte
_RULES: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Prepared(NamedTuple):
    """A document within the limits, what is wrong with it, and what it costs."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    prices: Mapping[str, Price]
    """Of its operations, by their names."""


Prepare = Callable[[str], Prepared]


class Schema(strawberry.Schema):
    """Strawberry's schema without its log of errors: `app.api.errors` writes each once."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Leave errors to the endpoint."""


def make_schema(*, limits: Limits, introspection: bool) -> tuple[Schema, Prepare]:
    """Return the schema, and the one way by which documents get to it: parsed, weighed, validated, remembered."""
    rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)

    @lru_cache(maxsize=_REMEMBERED)
    def prepare(text: str) -> Prepared:
        document = read_document(text, limits)
        return Prepared(document, tuple(validate(schema._schema, document, rules)), price(document))  # noqa: SLF001  there is no public name

    class Guard(SchemaExtension):
        def on_parse(self) -> Iterator[None]:
            self.execution_context.graphql_document = prepare(self.execution_context.query or "").document
            yield

        def on_validate(self) -> Iterator[None]:
            self.execution_context.pre_execution_errors = list(prepare(self.execution_context.query or "").errors)
            yield

    config = StrawberryConfig(scalar_map=SCALARS, relay_max_results=100)
    schema = Schema(Query, Mutation, extensions=[Guard], config=config, execution_context_class=Executor)
    return schema, prepare


def sdl() -> str:
    """Return the schema as text, as `graphql/schema.graphql` holds it."""
    schema, _ = make_schema(limits=Limits(), introspection=True)
    return f"{schema.as_str()}\n"

"""What a GraphQL document may weigh, decided before validation in time linear in its size."""

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from graphql import GraphQLError, TokenKind, parse
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

_OPENING = frozenset({TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L})
_CLOSING = frozenset({TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest request that is read. The introspection query of GraphiQL is 15 deep and has 200 fields."""

    body_bytes: int = 1 << 20
    characters: int = 50_000
    tokens: int = 2_000
    nesting: int = 40
    """Brackets inside brackets, in selections and in values."""
    fragments: int = 40
    depth: int = 16
    """Fields inside fields, fragments spread out."""
    fields: int = 1_000
    """Fields, spreads and inline fragments of the whole document, fragments spread out wherever they are used."""
    aliases: int = 30
    directives: int = 50
    cost: int = 100_000
    """What one operation may cost with its variables, by `app.api.cost`."""
    repeats: int = 40
    """Fields asked for once more at the same place: validation compares each with each of the others."""


class Weight(NamedTuple):
    """What a selection comes to when its fragments are spread out."""

    depth: int
    fields: int
    aliases: int
    directives: int


_NOTHING = Weight(0, 0, 0, 0)


class LimitError(GraphQLError):
    """A document over a limit."""


def read_document(text: str, limits: Limits) -> DocumentNode:
    """Return the parsed document; LimitError names the limit that it breaks, GraphQLError where it is no GraphQL."""
    document = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens, max_source_length=limits.characters)
    _check("nested brackets", _nesting(document), limits.nesting)
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    _check("fragments", len(fragments), limits.fragments)
    weights = _fragment_weights(fragments)
    operations = [_weigh(d.selection_set, weights) for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    _check("levels of fields", max((w.depth for w in operations), default=0), limits.depth)
    _check("fields and fragments in use", sum(w.fields for w in operations), limits.fields)
    _check("aliases", sum(w.aliases for w in operations), limits.aliases)
    _check("directives", sum(w.directives for w in operations), limits.directives)
    _check("fields that are asked for twice", _repeats(document, fragments), limits.repeats)
    return document


def check_cost(found: int, limits: Limits) -> None:
    """Refuse an operation that costs more than one may."""
    if found > limits.cost:
        raise LimitError(
            f"The operation costs {found}, and may cost {limits.cost}: lists count what is below them as often as `first` says; ask for less."
        )


def _check(what: str, found: int, most: int) -> None:
    if found > most:
        raise LimitError(f"The document has more than {most} {what}; ask for less, or in several requests.")


def _nesting(document: DocumentNode) -> int:
    # Before anything that recurses: the parser guards itself, visitors do not.
    deepest = depth = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        depth += (token.kind in _OPENING) - (token.kind in _CLOSING)
        deepest = max(deepest, depth)
        token = token.next
    return deepest


def _fragment_weights(fragments: dict[str, FragmentDefinitionNode]) -> dict[str, Weight]:
    # A fragment is weighed once, after those that it spreads: a chain in which each spreads the next twice has 2^n
    # fields, and is weighed in n steps.
    uses = {name: set(_spreads(fragment.selection_set)) for name, fragment in fragments.items()}
    weights: dict[str, Weight] = {}
    try:
        for name in TopologicalSorter(uses).static_order():
            weights[name] = _weigh(fragments[name].selection_set, weights) if name in fragments else _NOTHING
    except CycleError as error:
        raise LimitError(f"Fragments spread each other in a circle: {' -> '.join(error.args[1])}.") from None
    return weights


def _spreads(selection: SelectionSetNode | None) -> Iterator[str]:
    for node in selection.selections if selection else ():
        if isinstance(node, FragmentSpreadNode):
            yield node.name.value
        elif isinstance(node, FieldNode | InlineFragmentNode):
            yield from _spreads(node.selection_set)


def _weigh(selection: SelectionSetNode | None, weights: dict[str, Weight]) -> Weight:
    depth = fields = aliases = directives = 0
    for node in selection.selections if selection else ():
        is_field = isinstance(node, FieldNode)
        if isinstance(node, FragmentSpreadNode):
            inner = weights.get(node.name.value, _NOTHING)
        else:
            assert isinstance(node, FieldNode | InlineFragmentNode)
            inner = _weigh(node.selection_set, weights)
        depth = max(depth, inner.depth + is_field)
        fields += inner.fields + 1
        aliases += inner.aliases + (isinstance(node, FieldNode) and node.alias is not None)
        directives += inner.directives + len(node.directives or ())
    return Weight(depth, fields, aliases, directives)


class _Place(dict[str, "_Place"]):
    """The answers asked for at a place, by their names; fields of one name share the place below."""


def _repeats(document: DocumentNode, fragments: dict[str, FragmentDefinitionNode]) -> int:
    # After the number of fields is known to be small: this one spreads the fragments out.
    operations = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    return sum(_repeated(d.selection_set, _Place(), fragments) for d in operations)


def _repeated(selection: SelectionSetNode | None, place: _Place, fragments: dict[str, FragmentDefinitionNode]) -> int:
    found = 0
    for node in selection.selections if selection else ():
        if isinstance(node, FieldNode):
            name = (node.alias or node.name).value
            found += name in place
            found += _repeated(node.selection_set, place.setdefault(name, _Place()), fragments)
        elif isinstance(node, InlineFragmentNode):
            found += _repeated(node.selection_set, place, fragments)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
            found += _repeated(fragments[node.name.value].selection_set, place, fragments)
    return found

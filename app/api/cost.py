"""What an operation costs: its fields, those of a list as often as the list may have items.

`runs(first: 100) { edges { node { id name } } }` costs 1 + 100 × 4: `first` counts what is below it so often. A series costs a point for every
hundred that may come (`maxPoints`), beside its fields.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode
from graphql.language import IntValueNode, SelectionSetNode, ValueNode, VariableNode

Variables = Mapping[str, Any]

POINTS_A_UNIT = 100
"""Points of a series that cost as much as a field."""

_USUAL = 20  # items of a list of which the document does not say how many it may have


class Price(NamedTuple):
    """The cost of a selection: what is fixed, and what lists and series make of their sizes."""

    fixed: int
    lists: tuple[tuple["Size", "Price"], ...]
    series: tuple["Size", ...]


class Size(NamedTuple):
    """How many items or points were asked for: as it stands in the document, or the value of a variable."""

    number: int
    variable: str | None

    def of(self, variables: Variables) -> int:
        """Return the size of one request; what is no number is refused later, and costs the usual."""
        found = variables.get(self.variable, self.number) if self.variable else self.number
        return max(found, 0) if isinstance(found, int) else self.number


def price(document: DocumentNode) -> Mapping[str, Price]:
    """Return the prices of the operations of a document that passed the guard, by their names."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return {d.name.value if d.name else "": _priced(d.selection_set, fragments, _sizes(d)) for d in operations}


def cost(found: Price, variables: Variables) -> int:
    """Return what an operation costs with the variables of a request."""
    lists = sum(size.of(variables) * cost(below, variables) for size, below in found.lists)
    return found.fixed + lists + sum(size.of(variables) // POINTS_A_UNIT for size in found.series)


def _sizes(operation: OperationDefinitionNode) -> Callable[[ValueNode], Size]:
    defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}

    def size(value: ValueNode) -> Size:
        name = value.name.value if isinstance(value, VariableNode) else None
        plain = defaults.get(name) if name else value
        return Size(int(plain.value) if isinstance(plain, IntValueNode) else _USUAL, name)

    return size


def _priced(selection: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], size: Callable[[ValueNode], Size]) -> Price:
    fixed = 0
    lists: list[tuple[Size, Price]] = []
    series: list[Size] = []
    for node in selection.selections if selection else ():
        if isinstance(node, FragmentSpreadNode):
            below = _priced(fragments[node.name.value].selection_set, fragments, size) if node.name.value in fragments else Price(0, (), ())
        else:
            below = _priced(getattr(node, "selection_set", None), fragments, size)
        sizes = {a.name.value: size(a.value) for a in node.arguments or ()} if isinstance(node, FieldNode) else {}
        fixed += isinstance(node, FieldNode)
        if "first" in sizes and below != Price(0, (), ()):
            lists.append((sizes["first"], below))
        else:
            fixed, lists, series = fixed + below.fixed, [*lists, *below.lists], [*series, *below.series]
        series += [sizes["maxPoints"]] if "maxPoints" in sizes else []
    return Price(fixed, tuple(lists), tuple(series))

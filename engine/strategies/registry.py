"""Every strategy that there is: the subclasses of `Strategy` in the files of this package, by their kind."""

from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field

from engine import strategies
from engine.strategies.strategy import Strategy

for _file in sorted(module.name for module in iter_modules(strategies.__path__)):
    import_module(f"{strategies.__name__}.{_file}")

STRATEGIES: dict[str, type[Strategy]] = {get_args(found.model_fields["kind"].annotation)[0]: found for found in Strategy.__subclasses__()}
"""Every kind of strategy, with the table of its parameters."""

if TYPE_CHECKING:
    AnyStrategy = Strategy
else:
    AnyStrategy = Annotated[reduce(or_, STRATEGIES.values()), Field(discriminator="kind")]

"""`triangular`: trade through instruments that lead back to the currency that they began with, and end up with more of it."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.schema import SeriesKey
from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.strategies.names import Names
from engine.strategies.strategy import Sends, Strategy
from engine.units import Currency

_STEPS = 3


class Triangular(Strategy):
    """Parameters of `triangular` (docs/model.md, "Strategy triangular")."""

    kind: Literal["triangular"]
    start: Currency
    """The currency that every cycle begins and ends in."""
    cycles: Annotated[
        tuple[Annotated[tuple[str, ...], Field(min_length=2, max_length=8)], ...], AfterValidator(lambda found: tuple(sorted(set(found))))
    ] = ()
    """Each a list of instruments, `"venue BASE/QUOTE"`, in the order of trading; none: all of three."""
    venues: Literal["one", "all"] = "one"
    """Whether cycles that are not listed stay at one venue, or go over all of them."""
    send: Literal["together", "sequence"] = "together"
    """`together`: all steps at once, each from its own wallet; `sequence`: each at the notice of the one before, with what that brought."""

    names: ClassVar[Names] = Names(
        package="the steps of a cycle each",
        chance="times at which a round through a cycle paid for all its fees",
        stands="one cycle had an edge after fees",
        missed="packages with a step missed, whole or in part",
        missed_means="where less was filled than was planned, so that something was left on the way",
    )

    @model_validator(mode="after")
    def _venues_suit(self) -> Self:
        if self.cycles and self.venues == "all":
            raise ValueError('venues = "all" belongs to cycles that are not listed: leave it out, or cycles')
        if self.send == "sequence" and self.venues == "all":
            raise ValueError('venues = "all" and send = "sequence" exclude each other: nothing moves money between the steps')
        return self

    @property
    def sends(self) -> Sends:
        """What is sent as one package."""
        return self.send

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return the cycles as steps, in their order; listed ones that are none are left out (`complaints` says why)."""
        chosen = (self._listed(names, legs) for names in self.cycles) if self.cycles else self._of_three(legs)
        return tuple(sorted({cycle for ordinals in chosen if (cycle := _walked(self.start, ordinals, legs)[0])}))

    def comparison(self, legs: Sequence[SeriesKey], numeraire: str) -> str:
        """Return what cycles begin with."""
        del legs, numeraire
        return self.start

    def complaints(self, legs: Sequence[SeriesKey], residual: str) -> Iterator[tuple[str, str]]:
        """Yield why listed cycles are none, and what does not suit them."""
        for names in self.cycles:
            complaint = self._complaint(names, legs)
            if complaint:
                yield "strategy.cycles", f"{', '.join(names)}: {complaint}"
        if self.send == "sequence" and residual == "unwind":
            yield "execution.residual", 'must be "hedge" or "carry" with send = "sequence": what a step has left is no use where it came from'
        if not self.cycles and not self.combinations(legs):
            where = "over all venues" if self.venues == "all" else "within a venue"
            yield "strategy", f"no three instruments lead from {self.start} back to it {where}: list cycles, or add instruments"

    def _complaint(self, names: Sequence[str], legs: Sequence[SeriesKey]) -> str:
        # why a listed cycle is none; nothing where it is one
        unknown = [name for name in names if _key(name) not in legs]
        if unknown:
            return f'{unknown[0]!r} is no instrument with use = "trade"; there are {", ".join(map(str, legs))}'
        if self.send == "sequence" and len({_key(name).venue for name in names}) > 1:
            return 'goes over several venues, and nothing moves money between its steps: with send = "sequence" it must stay at one'
        return _walked(self.start, self._listed(names, legs), legs)[1]

    def _listed(self, names: Sequence[str], legs: Sequence[SeriesKey]) -> list[int]:
        return [legs.index(key) for key in map(_key, names) if key in legs]

    def _of_three(self, legs: Sequence[SeriesKey]) -> Iterator[Sequence[int]]:
        for chosen in itertools.permutations(range(len(legs)), _STEPS):
            if self.venues == "all" or len({legs[leg].venue for leg in chosen}) == 1:
                yield chosen


def _key(name: str) -> SeriesKey:
    venue, _, instrument = name.partition(" ")
    return SeriesKey(venue, instrument)


def _walked(start: str, chosen: Sequence[int], legs: Sequence[SeriesKey]) -> tuple[Combination, str]:
    # the sides that lead from each currency to the next; else why there are none
    steps, currency, seen = [], start, [start]
    for at, leg in enumerate(chosen):
        key, is_last = legs[leg], at + 1 == len(chosen)
        if currency not in {key.base, key.quote}:
            return (), f"has {currency} when it comes to {key}"
        steps.append(Step(leg, BUY if currency == key.quote else SELL))
        currency = key.base if currency == key.quote else key.quote
        if currency in seen and not (currency == start and is_last):
            return (), f"comes to {currency} twice"
        seen.append(currency)
    if currency != start:
        return (), f"does not close: it begins with {start} and ends with {currency}"
    return (tuple(steps), "") if len(set(chosen)) == len(chosen) else ((), "goes back over the instrument that it came by")

"""The position of a perpetual, and the payments on it."""

from dataclasses import dataclass

from engine.config import Instrument


@dataclass(slots=True, kw_only=True)
class Payment:
    """A payment of funding: times in µs, amounts in atoms; `paid` is None until it is."""

    due: int
    known: int
    rate: float
    on: int = 0  # the position that it is on
    amount: int = 0
    paid: int | None = None


@dataclass(slots=True, kw_only=True)
class Position:
    """What is held of a perpetual, as far as notices told, and at the venue [atoms of base]; cost and margin in atoms of quote."""

    leg: Instrument
    payments: list[Payment]
    known: int = 0
    cost: int = 0
    margin: int = 0
    at_venue: int = 0
    since: int = 0
    is_closing: bool = False

    @property
    def wallet(self) -> tuple[str, str]:
        """Its margin wallet."""
        return self.leg.venue, self.leg.key.quote

    @property
    def initial(self) -> float:
        """What opening it takes [fraction of its value]."""
        assert self.leg.perpetual is not None
        return self.leg.perpetual.initial_margin_bps * 1e-4

    @property
    def maintenance(self) -> float:
        """Below which it is closed [fraction of its value]."""
        assert self.leg.perpetual is not None
        return self.leg.perpetual.maintenance_margin_bps * 1e-4

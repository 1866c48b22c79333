"""From the spec to what the kernels are told of the desk that redeems a coin (docs/model.md, "Redemption")."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.arrays import Int64s, Records
from engine.config import Spec
from engine.kernels.transfers import DESK
from engine.schema import micros
from engine.spec.desk_hours import HORIZON_US, Window, closures, windows
from engine.spec.redemption import Redemption
from engine.units import atoms


class Desk(NamedTuple):
    """The desk of a run, as the fields of `engine.kernels.transfers.Funding` have it."""

    desk: Records
    back: Int64s
    starts: Int64s
    pays: Int64s


def desk(spec: Spec) -> Desk:
    """Return the desk of a run; empty where nothing is redeemed."""
    redemption, none = spec.strategy.redeems, np.empty((0, 2), np.int64)
    if redemption is None or spec.base is None:
        return Desk(np.empty(0, DESK).view(np.recarray), np.full(len(spec.legs), -1), none, none)
    wallets, coin, pays = spec.wallets, (redemption.desk, spec.base), (redemption.desk, redemption.pays)
    terms = (redemption.fee_bps * 1e-4, atoms(redemption.fee), atoms(redemption.minimum), redemption.delay, redemption.after, redemption.gain_bps)
    row = (wallets.index(coin), wallets.index(pays), *terms)
    home = [(leg.venue, redemption.pays) for leg in spec.legs]
    return Desk(
        desk=np.array([row], dtype=DESK).view(np.recarray),
        back=np.array([wallets.index(wallet) if wallet in wallets else -1 for wallet in home], dtype=np.int64),
        starts=_windows(spec, redemption, suspended=suspensions(spec, coin, "withdrawals")),
        pays=_windows(spec, redemption, suspended=suspensions(spec, pays, "deposits")),
    )


def suspensions(spec: Spec, wallet: tuple[str, str], what: str) -> list[Window]:
    """Return when withdrawals, or deposits, of a wallet are suspended, by time [µs]."""
    return closures(spec.suspensions, wallet, what)


def _windows(spec: Spec, redemption: Redemption, *, suspended: Sequence[Window]) -> Int64s:
    found = windows(redemption.hours, suspended, micros(spec.start), micros(spec.end) + HORIZON_US)
    return np.array(found, dtype=np.int64).reshape(-1, 2)

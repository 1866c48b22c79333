"""When a mark has been off par for long enough, and when it has been back for as long."""

import numpy as np

from engine.arrays import Bools
from engine.kernels.cache import compiled


@compiled
def held_off(off: Bools, near: Bools, ticks: int) -> Bools:
    """Return at which ticks a currency counts as off par.

    Parameters
    ----------
    off, near : (K,) bool
        Whether it is off par at the tick; whether it is within half of that.
    ticks : int
        So many in a row of `off` begin it, so many in a row of `near` end it; the last of them counts.

    Returns
    -------
    (K,) bool
    """
    held = np.zeros(off.size, np.bool_)
    is_off = False
    run = 0
    for k in range(off.size):
        run = run + 1 if (near[k] if is_off else off[k]) else 0
        if run == ticks:
            is_off = not is_off
            run = 0
        held[k] = is_off
    return held

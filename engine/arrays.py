"""Names for array types."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
Records = np.recarray[tuple[int, ...], np.dtype[np.void]]
"""Rows of named fields, one an element."""
Ordinals = Int32s | Int64s
"""Places in a list, one a row."""


def read_only(column: NDArray[_T]) -> NDArray[_T]:
    """Return a column that nobody may write to, as those of frames are: one type for the kernels."""
    column.setflags(write=False)
    return column

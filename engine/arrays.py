"""Names for array types."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
Records = np.recarray[tuple[int, ...], np.dtype[np.void]]
"""Rows of named fields, one an element."""
Ordinals = Int32s | Int64s
"""Places in a list, one a row."""

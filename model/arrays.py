"""Names for kinds of arrays; their shapes are given in docstrings, such as [n, d]."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
Texts = NDArray[np.object_]

"""Whose doing is it? From what lies behind a linear map back to what went into it.

Whitening is as close to the identity as can be, but not the identity: what is far out in one feature shows in all that
usually go with it. A score may count it there; a reason may not. The alert for a payment 9,000 km away must not begin
with the amount.
"""

from typing import Any

from eddy.model.arrays import Floats

OWN = 0.1
"""What a feature counts for, besides its size, in what bears its name behind the map: where nothing is far out, each
answers for itself."""


def traced(values: Any, sizes: Any, matrix: Floats) -> Any:
    """Shares values [n, k], of what lies behind a map, out to what went into it [n, k]; sums stay the same.

    Each takes part by |size_i matrix_ik|, what it brought, over that of all; nothing becomes negative.

    Args:
        values: arrays, or what the scoring graph computes instead; sizes likewise.
        sizes: what went in, less its centre [n, k].
        matrix: the map [k, k].
    """
    sizes, matrix = abs(sizes), abs(matrix)
    each = values / (sizes @ matrix + OWN)
    return sizes * (each @ matrix.T) + OWN * each

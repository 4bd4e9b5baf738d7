"""The score: how unusual a transaction is by itself, and how much of it the network could not reconstruct.

    w_in  = W_in(z)                    how unusual the features z are together
    u     = sign(w_in) log(1 + |w_in|) what the network sees: far-out values stay far out, but never explode
    w_ae  = W_ae(u - network(u))       what the network could not reconstruct
    score = sum over features of |w_in| + |w_ae|

A feature's two terms are its contribution; a field's is the sum over its features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.autoencoder import Layer
from model.features import Encoder
from model.schema import Columns
from model.whitening import Whitening

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScoreModel:
    """All that was learned. `lowest` and `highest` [d] are the bounds of u among the rows that the network learned."""

    encoder: Encoder
    inputs: Whitening
    layers: tuple[Layer, ...]
    residuals: Whitening
    lowest: Floats32
    highest: Floats32

    def score(self, columns: Columns, reconstruct: Callable[[Floats32], Floats32]) -> Floats:
        """Scores [n] of n transactions with the network itself: what the scoring graph is held against."""
        white = self.inputs.apply(self.encoder.encode(columns))
        u = compress(white).astype(np.float32)
        missed = self.residuals.apply((u - reconstruct(u)).astype(np.float64))
        return np.asarray((np.abs(white) + np.abs(missed)).sum(axis=1))


def compress(white: Floats) -> Floats:
    return np.sign(white) * np.log1p(np.abs(white))

"""How unusual numbers are together: robust whitening, which the score is the length of.

Squared errors of raw columns let the noisiest and the most copied ones decide. Whitening gives each direction the same
say; the fit leaves out the outermost rows, so that a few frauds among them do not make fraud look normal. It is
symmetric (as close to the identity as can be), so a whitened column still belongs to the feature that it came from.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from eddy.model.arrays import Bools, Floats

ROUNDS = 3
FIT_LIMIT = 20.0
SHRINKAGE = 0.02
LEAST_SCALE = 0.1
MOST_ROWS = 50_000
"""Fitted on more rows it is no better, only later."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """white = (values - center) matrix, for values [n, d]."""

    center: Floats
    matrix: Floats

    def apply(self, values: Floats) -> Floats:
        return (values - self.center) @ self.matrix

    @property
    def inverse(self) -> Floats:
        return np.asarray(np.linalg.inv(self.matrix))


def fit(values: Floats, unit: Floats, excluded: float = 0.02, steady: Bools | None = None) -> Whitening:
    """Learns the whitening of values [n, d] from all rows but the outermost; of many rows from some, drawn at random.

    Args:
        unit: what counts as one, per column [d]: the standard deviation of the network's input there.
        excluded: the share of the rows that is left out.
        steady: columns [d] that nearly always have the same value (`steady`). Their usual deviation is 0, and by
            it any other value would be farther out than all else in the row: they are scaled by `unit` at least.
    """
    least = LEAST_SCALE if steady is None else np.where(steady, 1.0, LEAST_SCALE)
    some = np.random.default_rng(0).choice(len(values), MOST_ROWS, replace=False) if len(values) > MOST_ROWS else ...
    relative = values[some] / unit
    center = np.median(relative, axis=0)
    deviation = np.median(np.abs(relative - center), axis=0) / 0.6745
    scale = np.maximum(deviation, np.maximum(0.05 * relative.std(axis=0), least))
    z = np.clip((relative - center) / scale, -FIT_LIMIT, FIT_LIMIT)
    kept = np.ones(len(z), np.bool_)
    with threadpool_limits(1):  # beside other work, threads wait for each other far longer than they save
        for _ in range(ROUNDS):
            size = ((z @ _rotation(z, kept)) ** 2).sum(axis=1)
            kept = size <= np.quantile(size, 1 - excluded)
        rotation = _rotation(z, kept)
    return Whitening(center * unit, rotation / (unit * scale)[:, None])


def compress(values: Floats) -> Floats:
    """sign(v) log(1 + |v|): what is far out stays far out, but nothing explodes."""
    return np.sign(values) * np.log1p(np.abs(values))


def steady(values: Floats) -> Bools:
    """The columns [d] of values [n, d] that equal their median in more than half of the rows."""
    return np.asarray((values == np.median(values, axis=0)).mean(axis=0) > 0.5)


def _rotation(z: Floats, kept: Bools) -> Floats:
    """The matrix [d, d] after which the kept rows have spread one and no correlation."""
    spread = np.maximum(z[kept].std(axis=0), 0.5 * z.std(axis=0))
    spread[spread < 1e-9] = 1.0
    standard = (z[kept] - z[kept].mean(axis=0)) / spread
    own = standard.std(axis=0)
    correlation = (standard.T @ standard) / len(standard) / np.outer(own, own).clip(1e-9)
    np.fill_diagonal(correlation, 1.0)
    shrinkage = min(1.0, max(SHRINKAGE, len(own) / len(standard)))
    values, vectors = np.linalg.eigh((1 - shrinkage) * correlation + shrinkage * np.eye(len(own)))
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T / spread[:, None])

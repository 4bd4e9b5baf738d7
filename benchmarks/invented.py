"""Eight invented tables, each with one way to be anomalous that a detector may be blind to.

Anomalies are 2 % of the rows, labelled `y`. The same table at every call.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Made = tuple[Floats, Floats]

ROWS, ANOMALIES = 20_000, 400


def factors(rng: np.random.Generator) -> Made:
    """Twenty numbers made of five factors; of anomalies five numbers go with nothing."""
    loadings = rng.normal(size=(5, 20))

    def normal(rows: int) -> Floats:
        return rng.normal(size=(rows, 5)) @ loadings + 0.3 * rng.normal(size=(rows, 20))

    odd, other = normal(ANOMALIES), normal(ANOMALIES)
    odd[:, :5] = other[:, :5]
    return normal(ROWS), odd


def ring(rng: np.random.Generator) -> Made:
    """A ring in two of ten dimensions; anomalies are in its middle."""
    angle = rng.uniform(0, 2 * np.pi, ROWS)
    around = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(ROWS, 2))
    middle = 0.2 * rng.normal(size=(ANOMALIES, 2))
    return np.hstack([around, rng.normal(size=(ROWS, 8))]), np.hstack([middle, rng.normal(size=(ANOMALIES, 8))])


def kinds(rng: np.random.Generator) -> Made:
    """Twelve kinds of rows in six dimensions; anomalies are half-way between two of them."""
    centers = 6 * rng.normal(size=(12, 6))
    normal = centers[rng.integers(0, 12, ROWS)] + rng.normal(size=(ROWS, 6))
    pairs = np.array([rng.choice(12, 2, replace=False) for _ in range(ANOMALIES)])
    return normal, centers[pairs].mean(axis=1) + rng.normal(size=(ANOMALIES, 6))


def local(rng: np.random.Generator) -> Made:
    """A dense and a wide kind of rows; anomalies are as far from the dense one as rows of the wide one are apart."""
    wide = rng.normal(size=(ROWS // 2, 5)) * 5
    dense = rng.normal(size=(ROWS // 2, 5)) * 0.2 + 20
    away = rng.normal(size=(ANOMALIES, 5))
    away *= 2.5 / np.linalg.norm(away, axis=1, keepdims=True)
    return np.vstack([wide, dense]), 20 + away


def sparse(rng: np.random.Generator) -> Made:
    """Five numbers that are nearly always zero, five that are not; of anomalies one of the latter is far out."""

    def normal(rows: int) -> Floats:
        rare = np.where(rng.random((rows, 5)) < 0.98, 0.0, rng.exponential(10.0, (rows, 5)))
        return np.hstack([rare, rng.lognormal(3.0, 0.5, (rows, 5))])

    odd = normal(ANOMALIES)
    odd[np.arange(ANOMALIES), 5 + rng.integers(0, 5, ANOMALIES)] *= 8
    return normal(ROWS), odd


def copies(rng: np.random.Generator) -> Made:
    """One number 30 times over, and ten of their own; of anomalies two of the latter are out."""

    def normal(rows: int) -> Floats:
        shared = rng.normal(size=(rows, 1)) + 0.01 * rng.normal(size=(rows, 30))
        return np.hstack([shared, rng.normal(size=(rows, 10))])

    odd = normal(ANOMALIES)
    odd[:, 30:32] += 4 * rng.choice([-1, 1], (ANOMALIES, 2))
    return normal(ROWS), odd


def heavy(rng: np.random.Generator) -> Made:
    """Heavy-tailed numbers that rise together; of anomalies one is high where the others are low."""

    def normal(rows: int) -> Floats:
        return np.asarray(np.exp(rng.normal(size=(rows, 1)) + 0.4 * rng.normal(size=(rows, 8))))

    odd = normal(ANOMALIES)
    odd[np.arange(ANOMALIES), rng.integers(0, 8, ANOMALIES)] *= 8
    return normal(ROWS), odd


def noise(rng: np.random.Generator) -> Made:
    """Forty numbers that say nothing, and three that are nearly equal; of anomalies the three differ a little."""

    def normal(rows: int) -> Floats:
        equal = rng.normal(size=(rows, 1)) + 0.05 * rng.normal(size=(rows, 3))
        return np.hstack([equal, rng.exponential(size=(rows, 40))])

    odd = normal(ANOMALIES)
    odd[:, 0] += 0.6 * rng.choice([-1, 1], ANOMALIES)
    return normal(ROWS), odd


MAKERS: tuple[Callable[[np.random.Generator], Made], ...] = (
    factors,
    ring,
    kinds,
    local,
    sparse,
    copies,
    heavy,
    noise,
)


def table(make: Callable[[np.random.Generator], Made]) -> pd.DataFrame:
    """The table with its label `y`."""
    normal, odd = make(np.random.default_rng(0))
    names = [f"n{number:02}" for number in range(normal.shape[1])]
    label = np.r_[np.zeros(len(normal), np.int8), np.ones(len(odd), np.int8)]
    return pd.DataFrame(np.vstack([normal, odd]), columns=names).assign(y=label)

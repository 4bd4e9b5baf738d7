"""What columns and rows have in common: correlated columns, the same row twice, the same identifier twice."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from eddy.model.arrays import Floats, Indices
from eddy.model.exploration.typed_table import View, sample_indices

ROWS = 50_000
FEWEST_TOGETHER = 20
"""Rows in which both columns must have a number before a correlation is given."""


@dataclass(frozen=True, eq=False)
class Correlations:
    """Rank correlations (Spearman) of the numeric columns that vary.

    Args:
        names: [k], similar columns side by side.
        matrix: [k, k], NaN where too few rows have both.
        pairs: (name, name, correlation), the strongest first, every pair once.
        rows: on how many rows, drawn at random.
    """

    names: tuple[str, ...]
    matrix: Floats
    pairs: tuple[tuple[str, str, float], ...]
    rows: int


@dataclass(frozen=True)
class Duplicates:
    """Rows and identifiers that are there more than once.

    Args:
        rows: rows that are a copy of an earlier one in every column.
        but_identifier: the same, whatever the transaction's identifier is.
        column: that of the transactions' identifiers, if there is one.
        identifiers: identifiers that more than one row has; repeats: rows that have one which an earlier row has.
        places: the first rows (of the source, from 1) that repeat an identifier, at most five.
    """

    rows: int
    but_identifier: int
    column: str | None
    identifiers: int
    repeats: int
    places: tuple[int, ...]


def correlations(view: View, seed: int = 0) -> Correlations | None:
    """None where fewer than two numeric columns vary."""
    chosen = sample_indices(len(view), ROWS, seed)
    numbers = {name: values[chosen] for name, values in view.numbers.items()}
    varying = {name: values for name, values in numbers.items() if len(np.unique(values[~np.isnan(values)])) > 1}
    if len(varying) < 2:
        return None
    ranks = pd.DataFrame(varying).rank()
    matrix = ranks.corr(min_periods=min(FEWEST_TOGETHER, max(2, len(chosen)))).to_numpy()
    order = _alike(matrix)
    names = tuple(ranks.columns[order])
    matrix = matrix[np.ix_(order, order)]
    return Correlations(names, matrix, _pairs(names, matrix), len(chosen))


def _alike(matrix: Floats) -> Indices:
    if len(matrix) < 3:
        return np.arange(len(matrix))
    distance = 1.0 - np.abs(np.nan_to_num(matrix))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    return np.asarray(leaves_list(tree), np.intp)


def _pairs(names: tuple[str, ...], matrix: Floats) -> tuple[tuple[str, str, float], ...]:
    above = np.triu_indices(len(names), 1)
    values = matrix[above]
    order = [place for place in np.argsort(-np.abs(values), kind="stable") if not np.isnan(values[place])]
    return tuple((names[above[0][place]], names[above[1][place]], float(values[place])) for place in order)


def duplicates(view: View) -> Duplicates:
    """Among the rows looked at: a sample shows fewer than there are."""
    rows = int(_hashes(view.table).duplicated().sum())
    column = view.role("transaction")
    if column is None:
        return Duplicates(rows, rows, None, 0, 0, ())
    others = view.table.drop(columns=column)
    alike = int(_hashes(others).duplicated().sum()) if others.shape[1] else 0
    identifiers = view.table[column].dropna()
    repeated = identifiers.duplicated()
    places = tuple(
        view.row(int(place)) for place in np.flatnonzero(view.table[column].duplicated() & view.table[column].notna())
    )
    return Duplicates(rows, alike, column, int(identifiers[repeated].nunique()), int(repeated.sum()), places[:5])


def _hashes(table: pd.DataFrame) -> "pd.Series[int]":
    """One number a row; two different rows share one with a chance that can be neglected."""
    try:
        return pd.util.hash_pandas_object(table, index=False)
    except TypeError:  # lists, dictionaries
        return pd.util.hash_pandas_object(table.astype(str), index=False)

"""Anomalies made from normal rows: what settings are evaluated on where nobody has labelled any.

Each is a normal row in which something was replaced, so that values no longer fit together, or one is far out. A model
that gives such rows higher scores than untouched ones has learned what goes together. Whether frauds look like them,
nobody knows.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.arrays import Bools, Indices
from eddy.model.schema.schema import Columns

Cells = list[NDArray[Any]]
"""The scored columns one by one: numbers, categories, times."""

SHARE, FEWEST = 0.05, 50
REDRAWS = 30
TAIL, TAIL_REACH = 0.999, (0.8, 1.5)
RARE_SHARE = 0.01
NEVER_SEEN = "\N{SNOWMAN} never seen"


def inject(columns: Columns, seed: int) -> Mapping[str, tuple[Columns, Indices]]:
    """For each kind of anomaly rows made from these, and which they were made from; 5 for 100 rows, at least 50.

    Every row differs from the one that it was made from. A kind that these columns do not allow is left out: nothing
    can be swapped in one column, and a tail needs numbers. The same columns and seed give the same rows.
    """
    rng = np.random.default_rng(seed)
    made = {}
    for kind, make in KINDS.items():
        rows = rng.integers(len(columns), size=max(FEWEST, int(SHARE * len(columns))))
        cells = make(columns, rows, rng)
        changed = np.any([~_same(now, was) for now, was in zip(cells, _cells(columns[rows]), strict=True)], axis=0)
        if changed.any():
            made[kind] = (_columns([column[changed] for column in cells], columns), rows[changed])
    return made


def _one_swapped(columns: Columns, rows: Indices, rng: np.random.Generator) -> Cells:
    return _swapped(columns, rows, np.ones(len(rows), np.intp), rng)


def _few_swapped(columns: Columns, rows: Indices, rng: np.random.Generator) -> Cells:
    return _swapped(columns, rows, rng.integers(2, 4, size=len(rows)), rng)


def _half_swapped(columns: Columns, rows: Indices, rng: np.random.Generator) -> Cells:
    half = max(1, len(_varying(_cells(columns))) // 2)
    return _swapped(columns, rows, np.full(len(rows), half), rng)


def _tail(columns: Columns, rows: Indices, rng: np.random.Generator) -> Cells:
    """One number of each row is put about as far out as the most extreme of a thousand, or farther."""
    out = _cells(columns[rows])
    numbers = [index for index in _varying(_cells(columns)) if index < columns.numeric.shape[1]]
    for index, here in _deal(numbers, len(rows), rng):
        low, middle, high = np.nanquantile(columns.numeric[:, index], (1 - TAIL, 0.5, TAIL))
        ends = [end for end in (low, high) if end != middle] or [middle]
        away = rng.choice(ends, size=len(here)) - middle
        out[index][here] = middle + rng.uniform(*TAIL_REACH, size=len(here)) * away
    return out


def _rare_level(columns: Columns, rows: Indices, rng: np.random.Generator) -> Cells:
    """One category of each row gets one of its rarest levels, below a hundredth; where there is none, a new one."""
    out, numbers = _cells(columns[rows]), columns.numeric.shape[1]
    for index, here in _deal(range(columns.categorical.shape[1]), len(rows), rng):
        levels, counts = np.unique(columns.categorical[:, index].astype(str), return_counts=True)
        rare = levels[counts < RARE_SHARE * len(columns)]
        out[numbers + index][here] = rng.choice(rare if len(rare) else [NEVER_SEEN], size=len(here))
    return out


KINDS: dict[str, Callable[[Columns, Indices, np.random.Generator], Cells]] = {
    "one column swapped": _one_swapped,
    "two or three columns swapped": _few_swapped,
    "half of the columns swapped": _half_swapped,
    "one number far out": _tail,
    "one rare level": _rare_level,
}


def _swapped(columns: Columns, rows: Indices, counts: Indices, rng: np.random.Generator) -> Cells:
    """Rows in which so many columns hold what other rows hold there, each from a row of its own."""
    cells, out = _cells(columns), _cells(columns[rows])
    varying = _varying(cells)
    if len(varying) < 2:
        return out
    order = rng.random((len(rows), len(varying))).argsort(axis=1).argsort(axis=1)
    for rank, index in enumerate(varying):
        here = np.flatnonzero(order[:, rank] < counts)
        for _ in range(REDRAWS):
            out[index][here] = cells[index][rng.integers(len(columns), size=len(here))]
            here = here[_same(out[index][here], cells[index][rows[here]])]
    return out


def _deal(indices: Iterable[int], rows: int, rng: np.random.Generator) -> Iterable[tuple[int, Indices]]:
    """Each row goes to one of the indices, at random."""
    choices = list(indices)
    chosen = rng.integers(max(1, len(choices)), size=rows)
    return [(index, np.flatnonzero(chosen == number)) for number, index in enumerate(choices)]


def _varying(cells: Cells) -> list[int]:
    return [index for index, column in enumerate(cells) if not _same(column, np.roll(column, 1)).all()]


def _same(some: NDArray[Any], others: NDArray[Any]) -> Bools:
    """Equal, or both missing."""
    return np.asarray((some == others) | ((some != some) & (others != others)), np.bool_)


def _cells(columns: Columns) -> Cells:
    return [column.copy() for part in (columns.numeric, columns.categorical, columns.timestamp) for column in part.T]


def _columns(cells: Cells, like: Columns) -> Columns:
    rows, columns = len(cells[0]), iter(cells)

    def side_by_side(part: NDArray[Any]) -> NDArray[Any]:
        return np.array(list(islice(columns, part.shape[1])), part.dtype).reshape(-1, rows).T.copy()

    return Columns(side_by_side(like.numeric), side_by_side(like.categorical), side_by_side(like.timestamp))

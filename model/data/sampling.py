"""Rows of a source: all, a piece at a time, or a sample drawn at random."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as of_each
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data.files.opening import TEXT, MixedColumn, TableError
from eddy.model.data.files.sources import ROWS, STANDARD_INPUT, Piece, pieces

Report = Callable[[int], None]
"""Called with how many rows have been read so far."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a source: drawn uniformly at random, in its order.

    Args:
        table: the rows; the index tells their places in the source, from 0.
        rows: how many the source has.
    """

    table: pd.DataFrame
    rows: int

    @property
    def whole(self) -> bool:
        return len(self.table) == self.rows


def read_table(source: str | Path, texts: Collection[str] = ()) -> pd.DataFrame:
    """All rows of a source: a file, a glob pattern, or "-" for lines of JSON on standard input (see
    `model.data.files.sources`).

    Args:
        texts: columns that are text even where they look like numbers.

    Raises:
        TableError: there is no such file, it is of another kind, cannot be read, or has no rows.
    """
    return read_sample(source, 0, texts=texts).table


def read_sample(
    source: str | Path,
    rows: int,
    seed: int = 0,
    progress: Report = lambda _: None,
    texts: Collection[str] = (),
) -> Sample:
    """So many rows of a source, drawn uniformly at random, or all if it has no more; 0: all.

    The source is read in pieces: memory holds at most twice the sample and a piece. The same rows in another
    format give the same sample.

    Raises:
        TableError: as `read_table`.
    """
    known = dict.fromkeys(texts, TEXT)
    while True:
        try:
            return _read_sample(source, rows, seed, progress, known)
        except MixedColumn as mixed:
            # What the first rows seemed to be it is not: read again, as the whole column is.
            if known.get(mixed.column) == TEXT or str(source) == STANDARD_INPUT:
                raise
            known[mixed.column] = TEXT if mixed.column in known else mixed.wanted


def read_pieces(
    source: str | Path, rows: int = ROWS, texts: Collection[str] = (), *, consistent: bool = True
) -> Iterator[pd.DataFrame]:
    """The rows of a source in order, at most `rows` at a time; the index tells their places in the source, from 0.

    Args:
        texts: columns that are text even where they look like numbers.
        consistent: refuse columns that are numbers at first and text later. Where a schema names what is needed,
            `columns_of` refuses what matters.

    Raises:
        TableError: as `read_table`, but for a source without rows.
    """
    seen = 0
    for piece in pieces(source, rows, dict.fromkeys(texts, TEXT), consistent=consistent):
        table = _placed(piece, seen)
        table.attrs[FILES] = ((piece.file, seen - piece.first),)
        seen += len(table)
        yield table


def _read_sample(source: str | Path, rows: int, seed: int, progress: Report, known: Mapping[str, str]) -> Sample:
    reservoir = _Reservoir(rows, seed)
    files: dict[str, int] = {}
    for piece in pieces(source, known=known):
        files.setdefault(piece.file, reservoir.seen)
        reservoir.add(_placed(piece, reservoir.seen))
        progress(reservoir.seen)
    if not reservoir.seen:
        raise TableError(f"{source} has no rows: give a table of past transactions")
    table = reservoir.table()
    table.attrs[FILES] = tuple(files.items())
    table.attrs |= {ROWS_OF_SOURCE: reservoir.seen, ROWS_DRAWN: len(table)}
    return Sample(table, reservoir.seen)


def _placed(piece: Piece, first: int) -> pd.DataFrame:
    return piece.table.set_axis(pd.RangeIndex(first, first + len(piece.table)))


FILES = "files"
"""Among a table's attributes: the name of each file and the place of its first row, for errors."""


ROWS_OF_SOURCE, ROWS_DRAWN = "rows_of_source", "rows_drawn"
"""Among a table's attributes: how many rows its source has, and how many of them it was made of."""


@dataclass(eq=False)
class _Reservoir:
    """Keeps the `limit` rows with the smallest of as many random keys as there are rows."""

    limit: int
    seed: int
    seen: int = 0
    _frames: list[pd.DataFrame] = of_each(default_factory=list)
    _keys: list[NDArray[np.float64]] = of_each(default_factory=list)
    _bar: float = 1.0

    def __post_init__(self) -> None:
        # Not the plain seed: a table that was made with it would be drawn by its own values.
        self._rng = np.random.default_rng([self.seed, 0x5A3B1E])

    def add(self, frame: pd.DataFrame) -> None:
        self.seen += len(frame)
        keys = self._rng.random(len(frame))
        below = keys < self._bar
        self._frames.append(frame if below.all() else frame[below])
        self._keys.append(keys[below])
        if self.limit and sum(map(len, self._keys)) > 2 * self.limit:
            self._prune()

    def _prune(self) -> None:
        keys = np.concatenate(self._keys)
        if len(keys) > self.limit:
            self._bar = float(np.partition(keys, self.limit)[self.limit])
        self._frames = [frame[keys < self._bar] for frame, keys in zip(self._frames, self._keys, strict=True)]
        self._keys = [keys[keys < self._bar] for keys in self._keys]

    def table(self) -> pd.DataFrame:
        if self.limit:
            self._prune()
        return pd.concat(self._frames)

"""Tables of past transactions, read the way messages will be: the same columns, whatever the file.

Uses pandas; only the training side imports this.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as of_each
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data import values
from eddy.model.data.files import TEXT, MixedColumn
from eddy.model.data.files import TableError as TableError
from eddy.model.data.formats import SPARSE
from eddy.model.data.sources import ROWS, STANDARD_INPUT, Piece, pieces
from eddy.model.schema.columns import lacking
from eddy.model.schema.schema import EARLIEST_S, LATEST_S, NUMBER_MAX, Columns, Field, Kind, TransactionSchema

NORMAL_WORDS = frozenset(
    {
        "",
        "0",
        "0.0",
        "false",
        "f",
        "no",
        "n",
        "none",
        "nan",
        "normal",
        "legit",
        "genuine",
        "honest",
        "nein",
        "non",
        "nee",
        "nej",
    }
)
"""What a text label says of a normal row; everything else is an anomaly."""

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
    `model.data.sources`).

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
        table.attrs[_FILES] = ((piece.file, seen - piece.first),)
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
    table.attrs[_FILES] = tuple(files.items())
    table.attrs |= {ROWS_OF_SOURCE: reservoir.seen, ROWS_DRAWN: len(table)}
    return Sample(table, reservoir.seen)


def _placed(piece: Piece, first: int) -> pd.DataFrame:
    return piece.table.set_axis(pd.RangeIndex(first, first + len(piece.table)))


_FILES = "files"
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


def columns_of(table: pd.DataFrame, schema: TransactionSchema) -> Columns:
    """The scored fields of a table's rows, as the stream would see them.

    Raises:
        TableError: a column is missing or holds what the schema does not say.
    """
    table = completed(table, schema)
    absent = [name for name in schema.scored if name not in table]
    if absent:
        table_name = next((name for name, _ in table.attrs.get(_FILES, ())), "the table")
        raise TableError(
            f"{table_name} has no column {', '.join(absent)}: rename, or have the schema ignore it and train again"
        )
    numeric = [_numbers(table[field.name], field) for field in schema.of_kind(Kind.NUMERIC)]
    categorical = [_levels(table[field.name], field) for field in schema.of_kind(Kind.CATEGORICAL)]
    timestamp = [_seconds(table[field.name], field) for field in schema.of_kind(Kind.TIMESTAMP)]
    return Columns(
        _side_by_side(numeric, len(table), np.float64),
        _side_by_side(categorical, len(table), np.object_),
        _side_by_side(timestamp, len(table), np.float64),
    )


def completed(table: pd.DataFrame, schema: TransactionSchema) -> pd.DataFrame:
    """With the nullable fields that none of a table's lines of JSON has; other tables are as they are."""
    absent = [field.name for field in schema.fields if field.nullable and field.name not in table]
    return table.assign(**dict.fromkeys(absent)) if absent and table.attrs.get(SPARSE) else table


def anomalous(table: pd.DataFrame, schema: TransactionSchema) -> NDArray[np.bool_]:
    """Which rows any label calls an anomaly [n]; none where there is no label."""
    found = np.zeros(len(table), np.bool_)
    for field in schema.of_kind(Kind.LABEL):
        if field.name in table:
            found |= ~words_of(table[field.name]).isin(NORMAL_WORDS).to_numpy(np.bool_)
    return found


def words_of(label: "pd.Series[Any]") -> "pd.Series[Any]":
    """What a label says, row by row, in lower case; "" where it says nothing. Whole numbers have no decimal point."""
    return values.whole(label).astype("object").fillna("").astype(str).str.strip(" \t'\"").str.lower()


def _side_by_side(columns: list[NDArray[Any]], rows: int, kind: type) -> NDArray[Any]:
    return np.column_stack(columns).astype(kind, copy=False) if columns else np.empty((rows, 0), kind)


_CURE = "correct it, or set the column to categorical or ignored in the schema"
_CURE_OF_AMOUNT = "write amounts as numbers with a decimal point and without a currency, such as 12.50"


def _numbers(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    numbers = values.numbers(column)
    _refuse(
        column,
        np.isnan(numbers) & column.notna().to_numpy(),
        f"is not a number: {_CURE_OF_AMOUNT if field.role == 'amount' else _CURE}",
    )
    _refuse(column, np.isinf(numbers), "is not finite: leave the cell empty, or correct it")
    numbers = lacking(numbers, field.missing) if field.missing else numbers
    _refuse(column, np.abs(numbers) > NUMBER_MAX, f"is beyond {NUMBER_MAX:g} in size: correct it, or set another unit")
    return numbers


def _levels(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    found = values.texts(_integers(column) if field.unit == "integer" else column)
    found[column.isna().to_numpy()] = ""
    return found


def _integers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Whole numbers, also where they are written as text: 0042 is 42, as in messages."""
    if pd.api.types.is_integer_dtype(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    _refuse(
        column,
        (numbers.isna() & column.notna()).to_numpy() | (numbers % 1 > 0).to_numpy(np.bool_, na_value=False),
        'is not a whole number: correct it, or remove unit = "integer" from the schema',
    )
    return numbers.astype("Int64")


def _seconds(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    seconds = values.seconds(column, field.unit, field.format)
    _refuse(
        column,
        ~((seconds >= EARLIEST_S) & (seconds < LATEST_S)),
        f"is no time from 1970 to 2199 in unit {field.unit}: {_finer_unit(seconds, field)}correct it, or set another "
        "unit in the schema (iso8601, s, ms)",
    )
    if field.unit == "ms":
        early = np.full(len(seconds), bool((seconds < _SECONDS_TAKEN_FOR_MS).all()))
        _refuse(column, early, 'is in January 1970 in unit ms, as all are: set unit = "s" in the schema')
    return seconds


_SECONDS_TAKEN_FOR_MS = 2.5e6


def _finer_unit(seconds: NDArray[np.float64], field: Field) -> str:
    """What times are that are far too large for their unit, as databases write them."""
    known = seconds[~np.isnan(seconds)]
    number = float(np.median(known)) * (1000.0 if field.unit == "ms" else 1.0) if len(known) else 0.0
    for name, factor in (("microseconds", 1e6), ("nanoseconds", 1e9)):
        if field.unit in ("s", "ms") and 1e8 <= number / factor < LATEST_S:
            return f'it looks like {name}: divide by {factor / 1e3:,.0f} and set unit = "ms", or '
    return ""


def _refuse(column: "pd.Series[Any]", bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        at = int(bad.argmax())
        value = column.iloc[at]
        shown = repr(value.item()) if isinstance(value, np.generic) else repr(value)
        raise TableError(f"{_place(column, at)}: {shown} {why} ({int(bad.sum()):,} such rows)")


def _place(column: "pd.Series[Any]", at: int) -> str:
    """Where a cell is: file, column and row (from 1), as far as they are known."""
    row = int(column.index[at]) if pd.api.types.is_integer_dtype(column.index) else at
    begun = [(name, first) for name, first in column.attrs.get(_FILES, ()) if first <= row]
    if not begun:
        return f"column {column.name}, row {row + 1}"
    name, first = begun[-1]
    return f"{name}: column {column.name}, row {row - first + 1}"

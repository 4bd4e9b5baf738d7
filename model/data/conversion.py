"""Tables of past transactions, read the way messages will be: the same columns, whatever the file.

Uses pandas; only the training side imports this.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data import values
from eddy.model.data.files.formats import SPARSE
from eddy.model.data.files.opening import TableError as TableError
from eddy.model.data.sampling import FILES
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


def columns_of(table: pd.DataFrame, schema: TransactionSchema) -> Columns:
    """The scored fields of a table's rows, as the stream would see them.

    Raises:
        TableError: a column is missing or holds what the schema does not say.
    """
    table = completed(table, schema)
    absent = [name for name in schema.scored if name not in table]
    if absent:
        table_name = next((name for name, _ in table.attrs.get(FILES, ())), "the table")
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
    begun = [(name, first) for name, first in column.attrs.get(FILES, ()) if first <= row]
    if not begun:
        return f"column {column.name}, row {row + 1}"
    name, first = begun[-1]
    return f"{name}: column {column.name}, row {row - first + 1}"

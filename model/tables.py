"""Tables of past transactions, read the way messages will be: the same columns, whatever the file.

Uses pandas; only the training side imports this.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.schema import EARLIEST_S, LATEST_S, Columns, Field, Kind, TransactionSchema

NORMAL_WORDS = frozenset(
    {"", "0", "0.0", "false", "f", "no", "n", "none", "nan", "normal", "legit", "genuine", "honest"}
)
"""What a text label says of a normal row; everything else is an anomaly."""


class TableError(ValueError):
    """A table cannot be used; the message names file, column, row where it can, and says what to do."""


def read_table(path: Path) -> pd.DataFrame:
    """Reads a CSV (`.csv`, also compressed) or Parquet (`.parquet`, `.pq`) file.

    Raises:
        TableError: there is no such file, it is of another kind, cannot be read, or has no rows.
    """
    if not path.is_file():
        raise TableError(f"there is no file {path}: give a CSV or Parquet file of transactions")
    try:
        table = _read(path)
    except TableError:
        raise
    except (ValueError, OSError, UnicodeError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise TableError(f"{path} cannot be read as {path.suffix.lstrip('.')}: {first_line}") from None
    if table.empty:
        raise TableError(f"{path} has no rows: give a table of past transactions")
    table.columns = table.columns.astype(str)
    return table


def _read(path: Path) -> pd.DataFrame:
    if path.suffix in (".parquet", ".pq"):
        return pd.read_parquet(path)
    if ".csv" in path.suffixes[-2:]:
        return pd.read_csv(path, low_memory=False)
    raise TableError(f"{path} is neither .csv nor .parquet: convert it, or name it as what it is")


def columns_of(table: pd.DataFrame, schema: TransactionSchema) -> Columns:
    """The scored fields of a table's rows, as the stream would see them.

    Raises:
        TableError: a column is missing or holds what the schema does not say.
    """
    absent = [name for name in schema.scored if name not in table]
    if absent:
        raise TableError(f"the table has no column {', '.join(absent)}: rename, or set it to ignored in the schema")
    numeric = [_numbers(table[field.name]) for field in schema.of_kind(Kind.NUMERIC)]
    categorical = [_levels(table[field.name]) for field in schema.of_kind(Kind.CATEGORICAL)]
    timestamp = [_seconds(table[field.name], field) for field in schema.of_kind(Kind.TIMESTAMP)]
    return Columns(
        _side_by_side(numeric, len(table), np.float64),
        _side_by_side(categorical, len(table), np.object_),
        _side_by_side(timestamp, len(table), np.float64),
    )


def anomalous(table: pd.DataFrame, schema: TransactionSchema) -> NDArray[np.bool_]:
    """Which rows any label calls an anomaly [n]; none where there is no label."""
    found = np.zeros(len(table), np.bool_)
    for field in schema.of_kind(Kind.LABEL):
        if field.name in table:
            words = table[field.name].astype("object").fillna("").astype(str).str.strip().str.lower()
            found |= ~words.isin(NORMAL_WORDS).to_numpy(np.bool_)
    return found


def _side_by_side(columns: list[NDArray[Any]], rows: int, kind: type) -> NDArray[Any]:
    return np.column_stack(columns).astype(kind, copy=False) if columns else np.empty((rows, 0), kind)


def _numbers(column: "pd.Series[Any]") -> NDArray[Any]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    _refuse(
        column,
        np.isnan(numbers) & column.notna().to_numpy(),
        "is not a number: correct it, or set the column to categorical or ignored in the schema",
    )
    _refuse(column, np.isinf(numbers), "is not finite: leave the cell empty, or correct it")
    return numbers


def _levels(column: "pd.Series[Any]") -> NDArray[Any]:
    return column.astype("object").where(column.notna(), "").astype(str).to_numpy(np.object_)


def _seconds(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    if field.unit == "iso8601":
        times = pd.to_datetime(column, utc=True, errors="coerce", format=_text_format(column))
        seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)
    else:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        seconds = numbers / (1000.0 if field.unit == "ms" else 1.0)
    within = (seconds >= EARLIEST_S) & (seconds < LATEST_S)
    _refuse(
        column,
        ~within,
        f"is no time from 1970 to 2199 in unit {field.unit}: correct it, or set another unit in the "
        "schema (iso8601, s, ms)",
    )
    return np.asarray(seconds)


def _text_format(column: "pd.Series[Any]") -> str | None:
    return None if pd.api.types.is_datetime64_any_dtype(column) else "ISO8601"


def _refuse(column: "pd.Series[Any]", bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise TableError(
            f"column {column.name}, row {row + 1}: {column.iloc[row]!r} {why} ({int(bad.sum())} such rows)"
        )

"""One column of a table as numbers, text or times, whatever its file made of it. What cannot be read is missing."""

from datetime import UTC
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from eddy.model.schema import spellings


def numbers(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """The numbers of a column [n]; NaN where there is none."""
    if types.is_datetime64_any_dtype(column):
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def texts(column: "pd.Series[Any]") -> NDArray[np.object_]:
    """The text of a column [n]; None where there is none. Whole numbers have no decimal point."""
    return objects(whole(column).astype("object").map(_text, na_action="ignore"))


def objects(column: "pd.Series[Any]") -> NDArray[np.object_]:
    """The values of a column as Python's own [n]; None where there is none."""
    values = column.to_numpy(np.object_, copy=True)
    values[column.isna().to_numpy()] = None
    return values


def whole(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Floats as integers where all are whole: gaps have made them floats."""
    if types.is_float_dtype(column) and bool((column.dropna() % 1 == 0).all()):
        return column.astype("Int64")
    return column


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def times(column: "pd.Series[Any]", form: str | None = None) -> NDArray[np.datetime64]:
    """Times in UTC [n], to the microsecond; those without an offset are UTC, NaT where there is none.

    Args:
        form: how they may be written besides ISO 8601, as of a timestamp's `Field`.
    """
    if types.is_numeric_dtype(column):  # would pass for nanoseconds
        return np.full(len(column), np.datetime64("NaT", "us"))
    written = None if types.is_datetime64_any_dtype(column) else "ISO8601"
    read: pd.Series[Any] = pd.to_datetime(column, utc=True, errors="coerce", format=written)
    if written and form:
        read = read.fillna(pd.to_datetime(column.astype(str).str.strip(), utc=True, errors="coerce", format=form))
    found = np.array(read.dt.tz_localize(None), "datetime64[us]")
    if written:
        for index in np.flatnonzero(np.isnat(found) & column.notna().to_numpy()):
            found[index] = _time(column.iloc[index])
    return found


def _time(value: Any) -> np.datetime64:
    """A time that pandas does not read, though messages may have it: with spaces around it, in lower case."""
    try:
        time = spellings.time(value)
    except spellings.SpellingError:
        return np.datetime64("NaT")
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time)


def seconds(column: "pd.Series[Any]", unit: str | None, form: str | None = None) -> NDArray[np.float64]:
    """Times in Unix seconds [n]; NaN where there is none.

    Args:
        unit, form: as of a timestamp's `Field`.
    """
    if unit != "iso8601":
        return numbers(column) / (1000.0 if unit == "ms" else 1.0)
    read = times(column, form)
    return np.where(np.isnat(read), np.nan, read.astype(np.int64) / 1e6)

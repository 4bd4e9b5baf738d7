"""Replaying a table of transactions as the stream it once was: in the order of its own times, labels left out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.producer.messages import Outgoing, encode
from eddy.producer.tables import ROWS, Table, TableError, open_table

if TYPE_CHECKING:
    import pandas as pd

BATCH = 5_000
_UNSENT = (Kind.LABEL, Kind.IGNORED)
_EXAMPLES = 5


@dataclass
class BadRows:
    """Rows that could not be sent: how many, and some of them as (row of the table, counted from 1; what is wrong)."""

    count: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, rows: NDArray[np.int64], reason: str) -> None:
        self.count += len(rows)
        self.examples += [(int(row) + 1, reason) for row in rows[: _EXAMPLES - len(self.examples)]]


class Replay:
    """A table that has been looked through once, ready to be sent.

    Args:
        path: a Parquet or CSV file.
        schema: what its columns are, None: inferred from its first rows.

    Attributes:
        schema: as given or inferred.
        in_order: whether the rows are sorted by time already; else all of them are read and sorted first.
        bad: rows that `batches` could not send so far.

    Raises:
        TableError: the file cannot be read, a column is missing, there is no card or no time, or it is not in order
            and too large to be sorted here.
    """

    def __init__(self, path: Path, schema: TransactionSchema | None = None) -> None:
        self._table = open_table(path)
        self.schema = schema or _inferred(self._table)
        self._card, self._time = _role(self.schema, "card", path), _role(self.schema, "time", path)
        self._sent = tuple(field for field in self.schema.fields if field.kind not in _UNSENT)
        _check_columns(self._table, self._sent)
        self.in_order = self._is_in_order()
        if not self.in_order:
            _check_memory(self._table, self._time.name)
        self.bad = BadRows()

    def batches(self) -> Iterator[Outgoing]:
        """Messages of all rows that have a card and a time, in order of time; equal times in the order of the file."""
        for frame in self._frames() if self.in_order else self._sorted():
            for begin in range(0, len(frame), BATCH):
                batch = self._outgoing(frame.iloc[begin : begin + BATCH])
                if len(batch):
                    yield batch

    def _outgoing(self, frame: "pd.DataFrame") -> Outgoing:
        times_s = _seconds(frame[self._time.name], self._time)
        cards = _texts(frame[self._card.name])
        no_card = np.array([card is None for card in cards], dtype=np.bool_)
        no_time = np.isnan(times_s) & ~no_card
        rows = frame.index.to_numpy()
        self.bad.add(rows[no_card], f"no card in column {self._card.name}")
        self.bad.add(rows[no_time], f"no readable time in column {self._time.name}")
        good = ~(no_card | no_time)
        return Outgoing(
            keys=[card.encode() for card in cards[good]],
            values=encode({field.name: _values(frame[field.name], field)[good] for field in self._sent}),
            times_s=times_s[good],
        )

    def _frames(self) -> Iterator["pd.DataFrame"]:
        """The table in the order of the file; the index counts its rows."""
        first = 0
        for frame in self._table.frames([part.name for part in self._sent], _text_columns(self._sent)):
            frame.index = range(first, first + len(frame))  # type: ignore[assignment]
            first += len(frame)
            yield frame

    def _sorted(self) -> Iterator["pd.DataFrame"]:
        import pandas as pd

        frame = pd.concat(list(self._frames()))
        order = np.argsort(_seconds(frame[self._time.name], self._time), kind="stable")
        for begin in range(0, len(frame), ROWS):
            yield frame.iloc[order[begin : begin + ROWS]]

    def _is_in_order(self) -> bool:
        latest = -np.inf
        for frame in self._table.frames([self._time.name]):
            times = _seconds(frame[self._time.name], self._time)
            times = np.concatenate([[latest], times[~np.isnan(times)]])
            if (np.diff(times) < 0).any():
                return False
            latest = times[-1]
        return True


def _inferred(table: Table) -> TransactionSchema:
    from eddy.model.data.schema_inference import infer

    head = next(table.frames(), None)
    if head is None or head.empty:
        raise TableError(f"{table.path} has no rows")
    return infer(head, drop=False)


def _role(schema: TransactionSchema, role: Any, path: Path) -> Field:
    found = schema.role(role)
    if found is None:
        names = ", ".join(field.name for field in schema.fields)
        raise TableError(
            f"which column of {path} is the {role}? None of {names} is known to be; "
            f'write a schema with role = "{role}" at one of them, and give it with --schema'
        )
    return found


def _check_columns(table: Table, sent: tuple[Field, ...]) -> None:
    missing = [field.name for field in sent if field.name not in table.columns]
    if missing:
        raise TableError(
            f"{table.path} has no column {', '.join(missing)}, which the schema names; it has "
            f"{', '.join(table.columns)}: correct the schema, or mark the field as ignored"
        )


def _check_memory(table: Table, time: str) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if table.size > memory / 2:
        raise TableError(
            f"{table.path} is not sorted by {time} and too large to be sorted here (about {table.size / 2**30:.1f} GiB "
            f"of {memory / 2**30:.1f} GiB of memory): sort the file by {time} first"
        )


def _text_columns(fields: tuple[Field, ...]) -> list[str]:
    return [
        field.name for field in fields if field.kind in (Kind.CATEGORICAL, Kind.IDENTIFIER) and field.unit != "integer"
    ]


def _seconds(column: "pd.Series[Any]", field: Field) -> NDArray[np.float64]:
    """Times in seconds since 1970; NaN where there is none."""
    import pandas as pd

    if field.unit in ("s", "ms"):
        seconds = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        return seconds / (1000 if field.unit == "ms" else 1)
    times = _datetimes(column)
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _datetimes(column: "pd.Series[Any]") -> NDArray[np.datetime64]:
    """Times in UTC; those without an offset are taken to be in UTC."""
    import pandas as pd

    text = not pd.api.types.is_datetime64_any_dtype(column)
    times = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601" if text else None)
    found: NDArray[np.datetime64] = times.dt.tz_localize(None).to_numpy("datetime64[us]")
    return found


def _values(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    """A column as it travels; what is not what the schema says travels as it is, and will be refused by name."""
    if field.kind is Kind.TIMESTAMP and field.unit == "iso8601":
        return _datetimes(column)
    if field.kind is Kind.NUMERIC and field.unit == "boolean":
        return column.to_numpy(object)
    if field.kind in (Kind.NUMERIC, Kind.TIMESTAMP) or field.unit == "integer":
        return _numbers(column, whole=field.unit == "integer")
    return _texts(column)


def _numbers(column: "pd.Series[Any]", whole: bool) -> NDArray[Any]:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    strange = numbers.isna() & column.notna()
    if strange.any():
        return np.where(strange, column.to_numpy(object), numbers.to_numpy(object))
    if pd.api.types.is_integer_dtype(numbers) and not numbers.isna().any():
        return numbers.to_numpy(np.int64)
    if whole and (numbers.dropna() % 1 == 0).all():  # gaps have made them floats
        return np.array([None if np.isnan(number) else int(number) for number in numbers], object)
    return numbers.to_numpy(np.float64, na_value=np.nan)


def _texts(column: "pd.Series[Any]") -> NDArray[np.object_]:
    """Text; whole numbers without a decimal point, also where gaps have made them floats; None where there is none."""
    import pandas as pd

    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    missing = column.isna().to_numpy(np.bool_)
    text = np.array([str(value) for value in column], dtype=object)
    text[missing] = None
    return text

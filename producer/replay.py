"""Replaying a table of transactions as the stream it once was: in the order of its own times, labels left out.

Tables are read by `model.data`, as training reads them: what a message says is what a model learned from the same row.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data import values
from eddy.model.data.conversion import TableError, completed
from eddy.model.data.files.sources import ROWS, STANDARD_INPUT
from eddy.model.data.sampling import read_pieces, read_sample
from eddy.model.data.schema_inference import LOOK_ROWS, infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.producer.messages import Outgoing, encode

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
        source: a file or a pattern, as of `model.data.files.sources`.
        schema: what its columns are, None: inferred from a sample of its rows.

    Attributes:
        schema: as given or inferred.
        in_order: whether the rows are sorted by time already; else all of them are read and sorted first.
        bad: rows that `batches` could not send so far.

    Raises:
        TableError: the table cannot be read, a column is missing, there is no card or no time, or it is not in order
            and too large to be sorted here.
    """

    def __init__(self, source: str | Path, schema: TransactionSchema | None = None) -> None:
        if str(source) == STANDARD_INPUT:
            raise TableError("a replay reads its table more than once, so not from standard input: save it as a file")
        self._source = source
        self.schema = schema or infer(read_sample(source, LOOK_ROWS).table, drop=False)
        self._card, self._time = _role(self.schema, "card", source), _role(self.schema, "time", source)
        self._sent = tuple(field for field in self.schema.fields if field.kind not in _UNSENT)
        self.in_order = self._is_in_order()
        self.bad = BadRows()

    def batches(self) -> Iterator[Outgoing]:
        """Messages of all rows that have a card and a time, in order of time; equal times in the order of the file."""
        for frame in self._frames() if self.in_order else self._sorted():
            for begin in range(0, len(frame), BATCH):
                batch = self._outgoing(frame.iloc[begin : begin + BATCH])
                if len(batch):
                    yield batch

    def _outgoing(self, frame: pd.DataFrame) -> Outgoing:
        times_s = self._seconds(frame)
        cards = values.texts(frame[self._card.name])
        no_card = np.array([card is None for card in cards], dtype=np.bool_)
        no_time = np.isnan(times_s) & ~no_card
        rows = frame.index.to_numpy()
        self.bad.add(rows[no_card], f"no card in column {self._card.name}")
        self.bad.add(rows[no_time], f"no readable time in column {self._time.name}")
        good = ~(no_card | no_time)
        return Outgoing(
            keys=[card.encode() for card in cards[good]],
            values=encode({field.name: _as_sent(frame[field.name], field)[good] for field in self._sent}),
            times_s=times_s[good],
        )

    def _seconds(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return values.seconds(frame[self._time.name], self._time.unit, self._time.format)

    def _frames(self) -> Iterator[pd.DataFrame]:
        """What is sent of the table, in the order of the file; the index counts its rows."""
        for piece in read_pieces(self._source, texts=self.schema.texts, consistent=False):
            table = completed(piece, self.schema)
            _check_columns(self._source, table, self._sent)
            yield table[[field.name for field in self._sent]]

    def _sorted(self) -> Iterator[pd.DataFrame]:
        frame = pd.concat(list(self._frames()))
        order = np.argsort(self._seconds(frame), kind="stable")
        for begin in range(0, len(frame), ROWS):
            yield frame.iloc[order[begin : begin + ROWS]]

    def _is_in_order(self) -> bool:
        latest, in_order, size = -np.inf, True, 0
        for frame in self._frames():
            times = self._seconds(frame)
            times = np.concatenate([[latest], times[~np.isnan(times)]])
            latest, in_order = times[-1], in_order and bool((np.diff(times) >= 0).all())
            size += int(frame.memory_usage().sum())
        if not in_order:
            _check_memory(self._source, size, self._time.name)
        return in_order


def _role(schema: TransactionSchema, role: Any, source: str | Path) -> Field:
    found = schema.role(role)
    if found is None:
        names = ", ".join(field.name for field in schema.fields)
        raise TableError(
            f"which column of {source} is the {role}? None of {names} is known to be; "
            f'write a schema with role = "{role}" at one of them, and give it with --schema'
        )
    return found


def _check_columns(source: str | Path, table: pd.DataFrame, sent: tuple[Field, ...]) -> None:
    missing = [field.name for field in sent if field.name not in table]
    if missing:
        raise TableError(
            f"{source} has no column {', '.join(missing)}, which the schema names; it has "
            f"{', '.join(table.columns)}: correct the schema, or mark the field as ignored"
        )


def _check_memory(source: str | Path, size: int, time: str) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory / 2:
        raise TableError(
            f"{source} is not sorted by {time} and too large to be sorted here (about {size / 2**30:.1f} GiB "
            f"of {memory / 2**30:.1f} GiB of memory): sort the file by {time} first"
        )


def _as_sent(column: "pd.Series[Any]", field: Field) -> NDArray[Any]:
    """A column as it travels; what is not what the schema says travels as it is, and will be refused by name."""
    if field.kind is Kind.TIMESTAMP and field.unit == "iso8601":
        return values.times(column, field.format)
    if field.kind is Kind.NUMERIC and field.unit == "boolean":
        return values.objects(column)
    if field.kind in (Kind.NUMERIC, Kind.TIMESTAMP) or field.unit == "integer":
        return _numbers(column, whole=field.unit == "integer")
    return values.texts(column)


def _numbers(column: "pd.Series[Any]", whole: bool) -> NDArray[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    no_number = numbers.isna() & column.notna()
    if no_number.any():
        return np.where(no_number, values.objects(column), values.objects(numbers))
    numbers = values.whole(numbers) if whole else numbers
    if pd.api.types.is_integer_dtype(numbers):
        return values.objects(numbers)
    return numbers.to_numpy(np.float64, na_value=np.nan)

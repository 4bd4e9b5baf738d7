"""From decoded rows to arrays: the hot path of the stream, where every microsecond is paid once per transaction.

The readers are built once from the names of the fields; after that no Python code runs per value, but for times and
nullable text.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.arrays import Floats, Texts


@dataclass(frozen=True, slots=True)
class Columns:
    """The scored fields of n transactions, by kind, each in the schema's order.

    numeric: float64 [n, k], null is NaN. categorical: str objects [n, c], null is "".
    timestamp: float64 [n, t], Unix seconds.
    """

    numeric: Floats
    categorical: Texts
    timestamp: Floats

    def __len__(self) -> int:
        return len(self.numeric)

    def __getitem__(self, rows: slice | NDArray[Any]) -> "Columns":
        return Columns(self.numeric[rows], self.categorical[rows], self.timestamp[rows])


def lacking(numbers: Floats, missing: Sequence[float]) -> Floats:
    """The numbers, NaN where they are one of those that stand for a missing value."""
    return np.where(np.isin(numbers, missing), np.nan, numbers)


Rows = Sequence[Any]
Values = Callable[[Rows], Iterable[Any]]


class RowReader:
    """Reads columns out of decoded rows.

    Args:
        numeric, categorical: attributes of a row.
        timestamps: attributes and units ("iso8601", "s", "ms").
        null_texts: whether text may be None.
        whole_texts: whether some categories are whole numbers on the wire.
        missing: by index of a numeric attribute, the numbers that stand for a missing value.
    """

    def __init__(
        self,
        numeric: Sequence[str],
        categorical: Sequence[str],
        timestamps: Sequence[tuple[str, str]],
        null_texts: bool,
        whole_texts: bool = False,
        missing: Mapping[int, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        self._numbers, self._number_count = _values(numeric), len(numeric)
        self._texts, self._text_count = _values(categorical), len(categorical)
        self._times = [(_values([name]), _SECONDS[unit]) for name, unit in timestamps]
        self._null_texts, self._whole_texts, self._missing = null_texts, whole_texts, missing

    def __call__(self, rows: Rows) -> Columns:
        return Columns(self._read_numbers(rows), self._read_texts(rows), self._read_times(rows))

    def _read_numbers(self, rows: Rows) -> Floats:
        shape = (len(rows), self._number_count)
        try:
            flat = np.fromiter(self._numbers(rows), np.float64, shape[0] * shape[1])
        except TypeError:  # null somewhere: numpy makes it NaN on the slower way through a list
            flat = np.array(list(self._numbers(rows)), np.float64)
        numbers = flat.reshape(shape)
        for column, missing in self._missing.items():
            numbers[:, column] = lacking(numbers[:, column], missing)
        return numbers

    def _read_texts(self, rows: Rows) -> Texts:
        shape = (len(rows), self._text_count)
        values = self._texts(rows)
        if self._whole_texts:
            values = ("" if value is None else str(value) for value in values)
        elif self._null_texts:
            values = (value or "" for value in values)
        return np.fromiter(values, np.object_, shape[0] * shape[1]).reshape(shape)

    def _read_times(self, rows: Rows) -> Floats:
        out = np.empty((len(rows), len(self._times)))
        for column, (values, seconds) in enumerate(self._times):
            out[:, column] = seconds(values(rows), len(rows))
        return out


def _values(attributes: Sequence[str]) -> Values:
    """Reads some attributes, row by row, as one flat stream."""
    if not attributes:
        return lambda _: ()
    get = attrgetter(*attributes)
    if len(attributes) == 1:
        return lambda rows: map(get, rows)
    return lambda rows: chain.from_iterable(map(get, rows))


def _of_datetimes(values: Iterable[datetime], count: int) -> Floats:
    """A time without an offset is UTC."""
    seconds = ((value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp() for value in values)
    return np.fromiter(seconds, np.float64, count)


def _of_numbers(values: Iterable[float], count: int) -> Floats:
    return np.fromiter(values, np.float64, count)


_SECONDS: dict[str, Callable[[Iterable[Any], int], Floats]] = {
    "iso8601": _of_datetimes,
    "s": _of_numbers,
    "ms": lambda values, count: _of_numbers(values, count) / 1000.0,
}

"""One column of a table with what the rules about its kind ask of it."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from eddy.model.data import column_names as names

_LOOK = 500
_MOSTLY = 0.9
_LOCAL_TIME = re.compile(r"\s*(\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./]\d{1,2}[./]\d{1,2})[ T]\d{1,2}:\d{2}.*")


@dataclass(frozen=True, eq=False)
class Seen:
    """A column with what the rules ask of it.

    Args:
        name, words: its name, and that in words.
        values: what is not missing.
        rows: how many it has, missing or not.
    """

    name: str
    words: tuple[str, ...]
    values: "pd.Series[Any]"
    rows: int

    @property
    def filled(self) -> int:
        return len(self.values)

    @cached_property
    def levels(self) -> int:
        """Different values; -1 where values cannot be compared (lists, objects)."""
        try:
            return int(self.values.nunique())
        except TypeError:
            return -1

    @cached_property
    def is_boolean(self) -> bool:
        return types.is_bool_dtype(self.values) or types.infer_dtype(self.values, skipna=True) == "boolean"

    @cached_property
    def is_number(self) -> bool:
        return types.is_numeric_dtype(self.values) and not self.is_boolean

    @cached_property
    def is_time(self) -> bool:
        return types.is_datetime64_any_dtype(self.values)

    @cached_property
    def is_text(self) -> bool:
        return not (self.is_boolean or self.is_number or self.is_time)

    @cached_property
    def is_whole(self) -> bool:
        """Integers, also where gaps have made them floats."""
        if not self.is_number:
            return False
        if types.is_integer_dtype(self.values):
            return True
        return self.filled < self.rows and bool((self.numbers % 1 == 0).all())

    @property
    def has_fractions(self) -> bool:
        return self.is_number and bool((self.numbers % 1 != 0).any())

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The values as numbers; NaN where text is none."""
        return pd.to_numeric(self.values, errors="coerce").to_numpy(np.float64, na_value=np.nan)

    @cached_property
    def some(self) -> list[str]:
        """Text of some values, evenly spread."""
        return [str(value) for value in self.values.iloc[:: max(1, self.filled // _LOOK)]]

    @cached_property
    def is_local_time(self) -> bool:
        """Text that may be days and times of day, but not in ISO 8601."""
        return self.is_text and self.look_like(_LOCAL_TIME) >= _MOSTLY

    def look_like(self, pattern: "re.Pattern[str]") -> float:
        """The share of some values that match from begin to end."""
        return float(np.mean([pattern.fullmatch(text) is not None for text in self.some]))


def look_at(name: str, column: "pd.Series[Any]") -> Seen:
    return Seen(name, names.words_of(name), column.dropna(), len(column))

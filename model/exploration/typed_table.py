"""A table as an analyst looks at it: every column readable by kind, whatever is wrong with some of its cells.

Training refuses cells that are no numbers or not finite; exploration has to show that they are there, so it reads them
as missing and counts them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from eddy.model.arrays import Bools, Floats, Indices, Texts
from eddy.model.data import values
from eddy.model.data.conversion import NORMAL_WORDS, words_of
from eddy.model.data.schema_inference import Guess
from eddy.model.schema.schema import EARLIEST_S, LATEST_S, Field, Kind, Role, TransactionSchema

FEW_LEVELS = 10
"""So many different words in a column that is ignored do not make it free text."""

_PERSONAL = re.compile(
    r"(first|last|full|sur|given|middle|family|nick|user|customer|client|card_?holder|holder|account)?_?name|first|last"
    r"|(.*_)?(e_?mail|phone|mobile|street|address|ssn|iban|bic|passport|dob|birth_?(day|date)|date_of_birth|ip)(_.*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Levels:
    """A column of categories: codes int64 [n], -1 is missing; names and counts [levels], the most frequent first."""

    codes: Indices
    names: Texts
    counts: Indices


@dataclass(frozen=True, eq=False)
class View:
    """What is known of n rows of a table.

    Args:
        table: the rows, in the order of the source; the index gives their places in it, from 0.
        source_rows: how many rows the source has.
        guesses: what each column is, and why.
        numbers: numeric columns, float64 [n], NaN where there is none; so is what is infinite or no number.
        infinite, unreadable: how many cells of a numeric or timestamp column were infinite, or could not be read.
        levels: categorical columns.
        times: timestamp columns, float64 [n], Unix seconds.
        anomalous: which rows a label calls an anomaly [n]; None without a label.
    """

    table: pd.DataFrame
    source_rows: int
    guesses: tuple[Guess, ...]
    numbers: Mapping[str, Floats]
    infinite: Mapping[str, int]
    unreadable: Mapping[str, int]
    levels: Mapping[str, Levels]
    times: Mapping[str, Floats]
    anomalous: Bools | None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(guess.field for guess in self.guesses)

    def named(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.kind in kinds)

    def role(self, role: Role) -> str | None:
        return next((field.name for field in self.fields if field.role == role), None)

    def row(self, place: int) -> int:
        """The number of a row in the source, from 1."""
        return int(self.table.index[place]) + 1

    @property
    def whole(self) -> bool:
        """Whether every row of the source is looked at."""
        return len(self) == self.source_rows

    @property
    def time(self) -> Floats | None:
        """When the transactions happened, Unix seconds [n]; None without a time."""
        name = self.role("time")
        return self.times[name] if name else None

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Columns whose values no report shows: identifiers, free text, and what is named like a person's detail."""
        personal = {field.name for field in self.fields if _PERSONAL.fullmatch(field.name)}
        free = {name for name in self.named(Kind.IGNORED) if _free_text(self.table[name])}
        return frozenset(self.named(Kind.IDENTIFIER)) | personal | free

    @cached_property
    def by_time(self) -> Indices:
        """Indices of the rows, earliest first; without a time, of all rows in their order."""
        if self.time is None:
            return np.arange(len(self))
        known = np.flatnonzero(~np.isnan(self.time))
        return known[np.argsort(self.time[known], kind="stable")]


def view(table: pd.DataFrame, source_rows: int, guesses: Sequence[Guess]) -> View:
    """Reads n rows as what their columns were guessed or said to be; no cell is refused."""
    there = [guess for guess in guesses if guess.field.name in table]
    fields = [guess.field for guess in there]
    table = _with_missing(table, fields)
    numeric = {field.name: values.numbers(table[field.name]) for field in fields if field.kind is Kind.NUMERIC}
    times = {field.name: _seconds(table[field.name], field) for field in fields if field.kind is Kind.TIMESTAMP}
    levels = {field.name: _levels(table[field.name]) for field in fields if field.kind is Kind.CATEGORICAL}
    labels = [field for field in fields if field.kind is Kind.LABEL]
    read = {**numeric, **times}
    unreadable = {name: int(np.isnan(cells).sum() - table[name].isna().sum()) for name, cells in read.items()}
    finite = {name: np.where(np.isinf(cells), np.nan, cells) for name, cells in numeric.items()}
    return View(
        table,
        source_rows,
        tuple(there),
        finite,
        {name: int(np.isinf(cells).sum()) for name, cells in numeric.items()},
        {name: count for name, count in unreadable.items() if count > 0},
        levels,
        times,
        _anomalous(table, labels) if labels else None,
    )


def _with_missing(table: pd.DataFrame, fields: Sequence[Field]) -> pd.DataFrame:
    """With no value in the cells whose number stands for a missing one."""
    declared = {field.name: field.missing for field in fields if field.missing}
    masked = {
        name: table[name].mask(np.isin(values.numbers(table[name]), missing)) for name, missing in declared.items()
    }
    return table.assign(**masked)


def by_schema(table: pd.DataFrame, schema: TransactionSchema) -> tuple[Guess, ...]:
    """What a schema file says of a table's columns; those that it does not name are ignored."""
    said = {field.name: Guess(field, "as the schema file says") for field in schema.fields}
    unnamed = "the schema file does not name it"
    return tuple(said.get(name) or Guess(Field(name, Kind.IGNORED), unnamed) for name in map(str, table.columns))


def sample_indices(rows: int, most: int, seed: int) -> Indices:
    """Of all rows, or of `most` of them at random; ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _anomalous(table: pd.DataFrame, labels: Sequence[Field]) -> Bools:
    found = [~words_of(table[field.name]).isin(NORMAL_WORDS).to_numpy(np.bool_) for field in labels]
    return np.asarray(np.logical_or.reduce(found), np.bool_)


def _free_text(column: "pd.Series[Any]") -> bool:
    """Words that are no levels, since hardly any comes back."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    words = column.dropna().astype(str)
    return bool(words.nunique() > max(FEW_LEVELS, len(words) // 100))


def _levels(column: "pd.Series[Any]") -> Levels:
    counts = column.value_counts(sort=False)
    counts = counts[counts > 0].sort_values(ascending=False, kind="stable")  # a category may have no row
    names = np.array([str(name) for name in counts.index], dtype=object)
    return Levels(counts.index.get_indexer(pd.Index(column)), names, np.asarray(counts, np.intp))


def _seconds(column: "pd.Series[Any]", field: Field) -> Floats:
    seconds = values.seconds(column, field.unit, field.format)
    within = (seconds >= EARLIEST_S) & (seconds < LATEST_S)
    return np.where(within, seconds, np.nan)

"""Guesses a schema from a table, by names, types and values. A guess: it can be written out, corrected, given back.

First what each column is by itself (`model.data.column_kinds`), then which plays a role, then which only repeats what
others or the card say already: copies dilute a score that sums over columns.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data import column_names as names
from eddy.model.data import local_times, values
from eddy.model.data.column import Seen, look_at
from eddy.model.data.column_kinds import kind_of
from eddy.model.schema.schema import NULLABLE, Field, Kind, Role, SchemaError, TransactionSchema

LOOK_ROWS = 100_000
"""Kinds are told from so many rows, evenly spread; only whether something is missing is told from all."""

ROWS_PER_CARD = 1.5
"""A column with fewer rows per value has no history to speak of, so it is no card, unless it is plainly named so."""

_STATIC_PAIRS, _STATIC_EVIDENCE, _STATIC_SHARE, _STATIC_DISTANCE = 200, 20, 0.01, 0.005
_SAME_TIME_S = 1.0


@dataclass(frozen=True)
class Guess:
    """What a column seems to be, and why, in one sentence."""

    field: Field
    why: str


def infer(table: pd.DataFrame, drop: bool = True) -> TransactionSchema:
    """What the columns of a table seem to be.

    >>> infer(pd.DataFrame({"amount": [1.5, 2.0], "card_id": ["c1", "c2"], "is_fraud": [0, 1]})).numeric
    ('amount',)

    Args:
        drop: set columns to ignored that say nothing, or nothing new, though they could be scored.

    Raises:
        SchemaError: no column can be scored.
    """
    return as_schema(guess(table, drop))


def as_schema(guesses: tuple[Guess, ...]) -> TransactionSchema:
    """The schema that guesses make.

    Raises:
        SchemaError: no column can be scored.
    """
    try:
        return TransactionSchema(tuple(guessed.field for guessed in guesses))
    except SchemaError:
        reasons = "; ".join(f"{guessed.field.name} {guessed.why}" for guessed in guesses[:10])
        raise SchemaError(
            f"no field can be scored: {reasons}. Give a table with amounts, categories or times, or a schema"
        ) from None


def guess(table: pd.DataFrame, drop: bool = True) -> tuple[Guess, ...]:
    """What each column of a table seems to be, in its order, with the reason.

    Args:
        drop: as for `infer`.
    """
    look = table.iloc[:: max(1, len(table) // LOOK_ROWS)]
    seen = [look_at(str(name), look.iloc[:, place]) for place, name in enumerate(table.columns)]
    guesses = [_guess(column) for column in seen]
    guesses = _with_roles(guesses, seen)
    if drop:
        guesses = _without_constants(guesses, seen)
        guesses = _without_copies_of_time(guesses, look)
        guesses = _without_facts_about_the_card(guesses, look)
    return tuple(_nullable(guessed, table.iloc[:, place]) for place, guessed in enumerate(guesses))


def _guess(column: Seen) -> Guess:
    kind, unit, why = kind_of(column)
    written = local_times.formats_of(column.values) if unit == "iso8601" and column.is_local_time else ()
    return Guess(Field(column.name, kind, None, unit, format=next(iter(written), None)), why)


def _nullable(guessed: Guess, column: "pd.Series[Any]") -> Guess:
    if guessed.field.kind not in NULLABLE or not column.isna().any():
        return guessed
    return Guess(replace(guessed.field, nullable=True), f"{guessed.why}; missing in {column.isna().mean():.2g} of rows")


def _with_roles(guesses: list[Guess], seen: list[Seen]) -> list[Guess]:
    """The best name of each role, if it is there as the right kind; the only timestamp is the time."""
    for role, kinds, rank in _ROLES:
        ranked = [
            (rank(column.words), place)
            for place, column in enumerate(seen)
            if guesses[place].field.kind in kinds and guesses[place].field.unit != "boolean"
            and (role != "card" or _has_history(column))
        ]  # fmt: skip
        fitting = sorted((place_in_list, place) for place_in_list, place in ranked if place_in_list is not None)
        if role == "time" and not fitting:
            times = [place for place, one in enumerate(guesses) if one.field.kind is Kind.TIMESTAMP]
            fitting = [(0, times[0])] if times else []
        for _, place in fitting[:1]:
            guesses[place] = _given_role(guesses[place], role)
    return guesses


_ROLES: tuple[tuple[Role, tuple[Kind, ...], Callable[[tuple[str, ...]], int | None]], ...] = (
    ("transaction", (Kind.IDENTIFIER,), names.rank_as_transaction),
    ("card", (Kind.IDENTIFIER,), names.rank_as_card),
    ("amount", (Kind.NUMERIC,), names.rank_as_amount),
    ("time", (Kind.TIMESTAMP,), names.rank_as_time),
)
_ROLE_WORDS = {
    "transaction": "the transaction's own identifier by its name",
    "card": "whose history counts, by its name",
    "amount": "what was paid, by its name",
    "time": "when it happened",
}


def _given_role(guessed: Guess, role: Role) -> Guess:
    return Guess(replace(guessed.field, role=role), f"{guessed.why}; {_ROLE_WORDS[role]}")


def _has_history(column: Seen) -> bool:
    return names.is_plain_card(column.words) or column.filled >= ROWS_PER_CARD * column.levels


def _ignored(guessed: Guess, why: str) -> Guess:
    return Guess(Field(guessed.field.name, Kind.IGNORED), why)


_SCORED = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.TIMESTAMP)


def _without_constants(guesses: list[Guess], seen: list[Seen]) -> list[Guess]:
    return [
        _ignored(guessed, "has the same value in every row")
        if guessed.field.kind in _SCORED and column.levels == 1 and column.filled == column.rows > 1
        else guessed
        for guessed, column in zip(guesses, seen, strict=True)
    ]


def _without_copies_of_time(guesses: list[Guess], table: pd.DataFrame) -> list[Guess]:
    """A second time that is always as far from the first says nothing new."""
    main = next((place for place, one in enumerate(guesses) if one.field.role == "time"), None)
    if main is None:
        return guesses
    time = _seconds(table.iloc[:, main], guesses[main].field)
    for place, guessed in enumerate(guesses):
        if guessed.field.kind is Kind.TIMESTAMP and place != main:
            apart = _seconds(table.iloc[:, place], guessed.field) - time
            if np.nanstd(apart) <= _SAME_TIME_S:
                guesses[place] = _ignored(
                    guessed, f"is always as far from {guesses[main].field.name}: it says the same"
                )
    return guesses


def _seconds(column: "pd.Series[Any]", field: Field) -> NDArray[np.float64]:
    return values.seconds(column, field.unit, field.format)


def _without_facts_about_the_card(guesses: list[Guess], table: pd.DataFrame) -> list[Guess]:
    """What never changes while a card is used describes its owner, not the transaction."""
    card = next((place for place, one in enumerate(guesses) if one.field.role == "card"), None)
    if card is None:
        return guesses
    pairs = _PairsOfRows.of_cards(table.iloc[:, card])
    if len(pairs.first) < _STATIC_PAIRS:
        return guesses
    owner = guesses[card].field.name
    return [
        _ignored(guessed, f"stays the same for a {owner}: it describes the owner, not the transaction")
        if guessed.field.kind in (Kind.NUMERIC, Kind.CATEGORICAL)
        and guessed.field.role is None
        and pairs.agree_on(table.iloc[:, place])
        else guessed
        for place, guessed in enumerate(guesses)
    ]


@dataclass(frozen=True, eq=False)
class _PairsOfRows:
    """Places of successive rows of the same card, and for comparison of rows at random."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    other: NDArray[np.intp]

    @classmethod
    def of_cards(cls, card: "pd.Series[Any]") -> "_PairsOfRows":
        codes = pd.factorize(card)[0]
        order = np.argsort(codes, kind="stable")
        same = (codes[order][1:] == codes[order][:-1]) & (codes[order][1:] >= 0)
        first, second = order[:-1][same], order[1:][same]
        return cls(first, second, np.random.default_rng(0).integers(0, max(len(codes), 1), len(first)))

    def agree_on(self, column: "pd.Series[Any]") -> bool:
        """Whether rows of the same card hardly ever differ in a column in which rows at random do."""
        codes = pd.factorize(column)[0]
        differ = codes[self.first] != codes[self.other]
        if differ.sum() < _STATIC_EVIDENCE:
            return False
        if float(np.mean(codes[self.first] != codes[self.second])) <= _STATIC_SHARE * differ.mean():
            return True
        return bool(pd.api.types.is_numeric_dtype(column)) and self._are_near(
            column.to_numpy(np.float64, na_value=np.nan)
        )

    def _are_near(self, values: NDArray[np.float64]) -> bool:
        """Whether rows of the same card are next to each other, as the ages of a cardholder are."""
        ranks = pd.Series(values).rank().to_numpy()  # one mistyped number is as far from all others as infinity
        within, anywhere = (np.abs(ranks[self.first] - ranks[rows]) for rows in (self.second, self.other))
        return bool(np.nanmean(within) <= _STATIC_DISTANCE * np.nanmean(anywhere))

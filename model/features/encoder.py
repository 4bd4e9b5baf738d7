"""The fitted encoder: raw columns to features, numbers that each belong to one field. `model.features.fit` learns it.

    numbers             missing -> median; as they are
    amount              log(1 + amount / mean amount)
    amount_by_category  log(1 + amount / mean amount of the category)
    categories          missing -> most usual level; surprisal -log p(level), so a rare level is far from usual ones
    hour                sine and cosine of the hour of day (UTC)
    hour_by_category    surprisal -log p(hour given the category)

All are standardised by mean and standard deviation. "The category" is the categorical field that says most about the
amount; where there is one, the hour is compared with it and not by itself: features that repeat each other, or carry
nothing, dilute the score. A missing value is no feature: it adds its own surprisal to the score, and the rest of the
row is scored as if the value were usual. Only where a category is often missing, that is one more level.
`model.onnx_export.graph` builds the same from the numbers learned here, and checks at every export that it gives the
same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eddy.model.arrays import Bools, Floats, Indices, Texts
from eddy.model.schema.columns import Columns, lacking

GROUPS = ("numbers", "missing", "amount", "amount_by_category", "categories", "hour", "hour_by_category")

BEYOND = 3.0
"""How far features may go beyond the outermost training rows, in standard deviations."""

DAY_S, HOUR_S = 86_400.0, 3_600.0


SetAside = Mapping[int, tuple[float, ...]]
"""By index of a numeric column, numbers that seem to stand for a missing value, though nobody has said so."""


def set_aside(columns: Columns, values: SetAside) -> Columns:
    """The columns, with those numbers missing: their size says nothing, and would hide all other sizes."""
    if not values:
        return columns
    numeric = columns.numeric.copy()
    for index, numbers in values.items():
        numeric[:, index] = lacking(numeric[:, index], numbers)
    return replace(columns, numeric=numeric)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numeric columns at `indices` [k]: `fill` for what is missing; where `logged`, log(1 + |value| / unit), signed.

    Logarithms below `floor` count as the floor.
    """

    indices: Indices
    fill: Floats
    logged: Bools
    unit: Floats
    floor: float

    def missing(self, columns: Columns) -> Bools:
        """What is filled in [n, k]."""
        return np.isnan(columns.numeric[:, self.indices])

    def encode(self, columns: Columns) -> Floats:
        return self.of(np.where(self.missing(columns), self.fill, columns.numeric[:, self.indices]))

    def of(self, filled: Floats) -> Floats:
        """The features of values [..., k], none of which is missing."""
        features, amounts = filled.copy(), filled[..., self.logged]
        features[..., self.logged] = _logarithm(amounts, self.unit[self.logged], self.floor)
        return features


@dataclass(frozen=True, eq=False)
class Categories:
    """Categorical columns at `indices` [c]: surprisal of each level in nats, `unseen` for all others.

    What is missing is a level, too, but for the columns of `filled`: there the most usual level takes its place.
    """

    indices: Indices
    surprisals: tuple[dict[str, float], ...]
    unseen: Floats
    filled: Bools

    @property
    def usual(self) -> Floats:
        """The surprisal [c] of the most usual level."""
        return np.array([min(known.values()) for known in self.surprisals])

    def missing(self, columns: Columns) -> Bools:
        """What is filled in [n, c]."""
        return np.asarray(self.filled & (columns.categorical[:, self.indices] == ""))

    def encode(self, columns: Columns) -> Floats:
        out = np.empty((len(columns), len(self.indices)))
        for feature, index in enumerate(self.indices):
            known, unseen = self.surprisals[feature], self.unseen[feature]
            out[:, feature] = [known.get(level, unseen) for level in columns.categorical[:, index]]
        return np.where(self.missing(columns), self.usual, out)


@dataclass(frozen=True, eq=False)
class ByCategory:
    """What is usual for each level of the category, and for levels never seen (the last row).

    Args:
        category, amount, time: indices of the columns; amount and time None where not used.
        levels: the rows' names. mean: mean amount [levels + 1]. hours: -log p(hour) [levels + 1, 24].
        floor: logarithms of the amount below this count as this.
    """

    category: int
    levels: tuple[str, ...]
    amount: int | None
    fill: float
    mean: Floats
    time: int | None
    hours: Floats
    floor: float

    def encode(self, columns: Columns) -> Floats:
        rows = indices_of(columns.categorical[:, self.category], self.levels)
        parts = []
        if self.amount is not None:
            amount = columns.numeric[:, self.amount]
            filled = np.where(np.isnan(amount), self.fill, amount)
            parts.append(_logarithm(filled, self.mean[rows], self.floor))
        if self.time is not None:
            parts.append(self.hours[rows, hour_of_day(columns.timestamp[:, self.time])])
        return np.column_stack(parts) if parts else np.empty((len(columns), 0))


@dataclass(frozen=True, eq=False)
class Hours:
    """Timestamps at `indices` [t] as sines and cosines of the hour of day [2 t]."""

    indices: Indices

    def encode(self, columns: Columns) -> Floats:
        angle = 2 * np.pi * (columns.timestamp[:, self.indices] % DAY_S) / DAY_S
        return np.hstack([np.sin(angle), np.cos(angle)])


@dataclass(frozen=True, eq=False)
class Encoder:
    """Everything learned about the columns of one schema.

    Features are ordered numbers, categories, by category (amount, hour), sines, cosines. They are standardised
    with `center` and `scale` and clipped to `lowest` and `highest`, a little beyond the outermost rows: what is farther
    out is no more anomalous, and must not make all that goes together with it look anomalous too. `field_of_feature`
    gives for each the index of its field in `TransactionSchema.scored`, `group_of_feature` one of `GROUPS`. `absent`
    [numbers + categories] is -log p of the value missing, in nats, 0 where that is not to count; `ever_absent`: it
    counts, and training rows lack some. `usual_hour` is the most frequent hour of day of each timestamp, `usual_level`
    the most frequent level of each categorical column, whether it makes a feature or not. Numbers `aside` count as
    missing ones.
    """

    aside: SetAside
    numbers: Numbers
    absent: Floats
    ever_absent: bool
    categories: Categories
    by_category: ByCategory | None
    hours: Hours
    field_of_feature: Indices
    group_of_feature: tuple[str, ...]
    usual_level: tuple[str, ...]
    usual_hour: Floats
    center: Floats
    scale: Floats
    lowest: Floats
    highest: Floats

    @property
    def groups(self) -> tuple[str, ...]:
        """Those of `GROUPS` that have a feature."""
        used = (*self.group_of_feature, *(["missing"] if self.ever_absent else []))
        return tuple(group for group in GROUPS if group in used)

    @property
    def upper(self) -> Bools:
        """Features [d] of which only large values are anomalous: amounts and surprisals."""
        return np.array([group not in ("numbers", "hour") for group in self.group_of_feature])

    @property
    def bounded(self) -> Bools:
        """Features [d] that have an end: surprisals, sines and cosines."""
        return np.array([group not in ("numbers", "amount", "amount_by_category") for group in self.group_of_feature])

    def encode(self, columns: Columns) -> Floats:
        """Features x [n, d] of n transactions, standardised, from `lowest` to `highest`."""
        return self.clip(self.standardised(columns))

    def standardised(self, columns: Columns) -> Floats:
        """Features [n, d] of n transactions, standardised, however far out."""
        return np.asarray((self.raw(columns) - self.center) / self.scale)

    def clip(self, x: Floats) -> Floats:
        return np.clip(x, self.lowest, self.highest)

    def lacking(self, columns: Columns) -> Floats:
        """What missing values add to the score, by feature [n, d], in nats."""
        nats = np.zeros((len(columns), len(self.center)))
        known = set_aside(columns, self.aside)
        missing = np.hstack([self.numbers.missing(known), self.categories.missing(known)])
        nats[:, : len(self.absent)] = np.where(missing, self.absent, 0.0)
        return nats

    @property
    def usual(self) -> Floats:
        """What takes the place of a missing value, as a feature [d]; NaN where nothing does."""
        usual = np.full(len(self.center), np.nan)
        usual[: len(self.absent)] = np.r_[self.numbers.of(self.numbers.fill), self.categories.usual]
        return (usual - self.center) / self.scale

    def raw(self, columns: Columns) -> Floats:
        """Features [n, d] before they are standardised."""
        parts = (self.numbers, self.categories, self.by_category, self.hours)
        return raw_features(parts, set_aside(columns, self.aside))


Part = Numbers | Categories | ByCategory | Hours


def raw_features(parts: Sequence[Part | None], columns: Columns) -> Floats:
    return np.hstack([part.encode(columns) for part in parts if part])


def _logarithm(values: Floats, unit: Floats, floor: float) -> Floats:
    return np.asarray(np.maximum(np.sign(values) * np.log1p(np.abs(values) / unit), floor))


def indices_of(column: Texts, levels: Sequence[str]) -> Indices:
    """The index of each text [n] among the levels; of all others, one more than the last."""
    index = {level: number for number, level in enumerate(levels)}
    return np.array([index.get(level, len(index)) for level in column], np.intp)


def hour_of_day(seconds: Floats) -> Indices:
    """The hour of day (UTC), 0 to 23, of Unix seconds."""
    return (seconds % DAY_S // HOUR_S).astype(np.intp)

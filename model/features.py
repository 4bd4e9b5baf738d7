"""The fitted encoder: raw columns to the numbers that the network sees, learned with scikit-learn.

    numbers      missing -> median; symmetric log where heavy-tailed; robust scaling
    categories   surprisal -log p(level), so a rare level is far from usual ones; standardised
    times        sine and cosine of the hour of day (UTC)

`model.graph` builds the same from the numbers learned here, and checks at every export that it gives the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import RobustScaler, StandardScaler

from model.schema import Columns, TransactionSchema

Floats = NDArray[np.float64]

PSEUDO_COUNTS = 5.0
"""Spread over the levels of a category, as if each had been seen that often between them; unseen ones get none."""

HEAVY_TAIL_SKEWNESS = 2.0
DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numeric columns [k]: `fill` for what is missing, `unit` of the logarithm where `heavy`, `center`, `scale`."""

    fill: Floats
    heavy: NDArray[np.bool_]
    unit: Floats
    center: Floats
    scale: Floats

    def encode(self, values: Floats) -> Floats:
        filled = np.where(np.isnan(values), self.fill, values)
        logs = np.sign(filled) * np.log1p(np.abs(filled) / self.unit)
        return np.asarray((np.where(self.heavy, logs, filled) - self.center) / self.scale)

    def decode(self, z: Floats) -> Floats:
        values = z * self.scale + self.center
        return np.where(self.heavy, np.sign(values) * np.expm1(np.abs(values)) * self.unit, values)


@dataclass(frozen=True, eq=False)
class Categories:
    """Categorical columns [c]: surprisal of each level in nats, `unseen` for all others, `center`, `scale`."""

    surprisals: tuple[dict[str, float], ...]
    unseen: Floats
    center: Floats
    scale: Floats

    def encode(self, levels: NDArray[np.object_]) -> Floats:
        return (self.nats(levels) - self.center) / self.scale

    def nats(self, levels: NDArray[np.object_]) -> Floats:
        out = np.empty(levels.shape)
        for place, (known, unseen) in enumerate(zip(self.surprisals, self.unseen, strict=True)):
            out[:, place] = [known.get(level, unseen) for level in levels[:, place]]
        return out

    @property
    def usual(self) -> tuple[str, ...]:
        """The most frequent level of each column."""
        return tuple(min(known, key=lambda level: (known[level], level)) for known in self.surprisals)


@dataclass(frozen=True, eq=False)
class Times:
    """Timestamps [t] as sines and cosines of the hour [2 t], `center`, `scale`."""

    center: Floats
    scale: Floats

    def encode(self, seconds: Floats) -> Floats:
        return (self.circle(seconds) - self.center) / self.scale

    def hours(self, z: Floats) -> Floats:
        sine, cosine = np.split(z * self.scale + self.center, 2, axis=1)
        return np.arctan2(sine, cosine) / (2 * np.pi) * 24 % 24

    @staticmethod
    def circle(seconds: Floats) -> Floats:
        angle = 2 * np.pi * (seconds % DAY_S) / DAY_S
        return np.hstack([np.sin(angle), np.cos(angle)])


@dataclass(frozen=True, eq=False)
class Encoder:
    """Everything learned about the columns of one schema; features are ordered numbers, categories, sines, cosines."""

    numbers: Numbers
    categories: Categories
    times: Times

    @property
    def center(self) -> Floats:
        return np.concatenate([self.numbers.center, self.categories.center, self.times.center])

    @property
    def scale(self) -> Floats:
        return np.concatenate([self.numbers.scale, self.categories.scale, self.times.scale])

    @property
    def field_of_feature(self) -> NDArray[np.intp]:
        """For each feature the index of its field in `TransactionSchema.scored`."""
        plain = len(self.numbers.fill) + len(self.categories.unseen)
        times = plain + np.arange(len(self.times.center) // 2)
        return np.concatenate([np.arange(plain), times, times])

    def encode(self, columns: Columns) -> Floats:
        """Features z [n, d] of n transactions."""
        return np.hstack(
            [
                self.numbers.encode(columns.numeric),
                self.categories.encode(columns.categorical),
                self.times.encode(columns.timestamp),
            ]
        )

    def decode(self, z: Floats) -> Floats:
        """What features z [n, d] mean, per field [n, f]: numbers in original units, hours of day, NaN for levels."""
        numbers, categories = len(self.numbers.fill), len(self.categories.unseen)
        levels = np.full((len(z), categories), np.nan)
        return np.hstack([self.numbers.decode(z[:, :numbers]), levels, self.times.hours(z[:, numbers + categories :])])


def fit(columns: Columns, schema: TransactionSchema) -> Encoder:
    """Learns the encoder from the columns of normal transactions."""
    amount = schema.role("amount")
    amounts = np.array([amount is not None and name == amount.name for name in schema.numeric], np.bool_)
    return Encoder(
        _fit_numbers(columns.numeric, amounts), _fit_categories(columns.categorical), _fit_times(columns.timestamp)
    )


def _fit_numbers(values: Floats, amounts: NDArray[np.bool_]) -> Numbers:
    if not values.shape[1]:
        none = np.empty(0)
        return Numbers(none, amounts, none, none, none)
    imputer = SimpleImputer(strategy="median").fit(values)
    filled = imputer.transform(values)
    heavy = amounts | (_skewness(filled) > HEAVY_TAIL_SKEWNESS)
    unit = np.array([_unit(column) for column in filled.T])
    logs = np.sign(filled) * np.log1p(np.abs(filled) / unit)
    chosen = np.where(heavy, logs, filled)
    scaler = RobustScaler(unit_variance=True).fit(chosen)
    return Numbers(imputer.statistics_, heavy, unit, scaler.center_, _scale(scaler.scale_, chosen))


def _scale(robust: Floats, values: Floats) -> Floats:
    """The quartiles' scale, but the standard deviation where more than half of the values are the same."""
    narrow = np.ptp(np.quantile(values, (0.25, 0.75), axis=0), axis=0) == 0
    deviation = values.std(axis=0)
    usable = np.where(deviation > 0, deviation, 1.0)
    return np.where(narrow, usable, np.maximum(robust, 0.05 * usable))


def _skewness(values: Floats) -> Floats:
    """Of each column; 0 where constant or where there are negative values."""
    deviation = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return np.where(values.min(axis=0) >= 0, np.mean(z**3, axis=0), 0.0)


def _unit(column: Floats) -> float:
    sizes = np.abs(column[column != 0])
    return float(np.median(sizes)) if len(sizes) else 1.0


def _fit_categories(levels: NDArray[np.object_]) -> Categories:
    if not levels.shape[1]:
        return Categories((), np.empty(0), np.empty(0), np.empty(0))
    fitted = [_surprisals(column) for column in levels.T]
    known, unseen = tuple(table for table, _ in fitted), np.array([worst for _, worst in fitted])
    unscaled = Categories(known, unseen, np.zeros(len(known)), np.ones(len(known)))
    scaler = StandardScaler().fit(unscaled.nats(levels))
    return Categories(known, unseen, scaler.mean_, scaler.scale_)


def _surprisals(column: NDArray[np.object_]) -> tuple[dict[str, float], float]:
    """-log p(level) of each level, and of a level never seen; a level more is counted for all those unseen."""
    names, counts = np.unique(column.astype(str), return_counts=True)
    share = PSEUDO_COUNTS / (len(names) + 1)
    total = len(column) + PSEUDO_COUNTS
    nats = -np.log((counts + share) / total)
    return dict(zip(names.tolist(), nats.tolist(), strict=True)), float(-np.log(share / total))


def _fit_times(seconds: Floats) -> Times:
    circle = Times.circle(seconds)
    deviation = circle.std(axis=0)
    return Times(circle.mean(axis=0), np.where(deviation > 1e-3, deviation, 1.0))

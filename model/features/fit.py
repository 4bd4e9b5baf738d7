"""Learns the features of a schema's columns from normal rows, with scikit-learn where it has what is needed."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from eddy.model.arrays import Bools, Floats, Indices, Texts
from eddy.model.config import ConfigError
from eddy.model.data import sentinels
from eddy.model.features.encoder import (
    BEYOND,
    GROUPS,
    ByCategory,
    Categories,
    Encoder,
    Hours,
    Numbers,
    SetAside,
    hour_of_day,
    raw_features,
    set_aside,
)
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Kind, TransactionSchema

PSEUDO_COUNTS = 5.0
"""Spread over the levels of a category, as if each had been seen that often between them; unseen ones get none."""

MOST_LEVELS = 200
"""A categorical field with more levels than this is not taken for the category."""
OFTEN_MISSING = 0.05
"""From this share of rows on, a category that is missing is a level: rows enough to learn what goes with it."""
LEAST_EXPLAINED = 0.02
"""A categorical field that explains less than this share of the log amount's variance is not taken for the category."""


def fit(
    columns: Columns, schema: TransactionSchema, groups: tuple[str, ...] | None = None, hinge: bool = False
) -> Encoder:
    """Learns the encoder from the columns of normal transactions.

    Args:
        groups: of `GROUPS`; by default all that the columns have something for.
        hinge: amounts below the mean count as the mean.

    Raises:
        ConfigError: a group is unknown, or none of them makes a feature of these columns.
    """
    chosen = _chosen(groups)
    aside = _to_set_aside(columns, schema)
    columns = set_aside(columns, aside)
    amount = _amount(schema)
    floor = float(np.log(2.0)) if hinge else -np.inf
    numbers = _fit_numbers(columns, amount, chosen, floor)
    categories = _fit_categories(columns, chosen)
    by_category = _fit_by_category(columns, schema, amount, chosen, floor)
    hours = _hours(columns, by_category, chosen)
    features = _features(schema, numbers, categories, by_category, hours)
    if not features:
        raise ConfigError(f"features {', '.join(chosen)} make nothing of these columns; choose of {', '.join(GROUPS)}")
    scaler = StandardScaler()
    x = scaler.fit_transform(raw_features((numbers, categories, by_category, hours), columns))
    missing, counts = np.hstack([numbers.missing(columns), categories.missing(columns)]), "missing" in chosen
    return Encoder(
        aside=aside,
        numbers=numbers,
        absent=_absent(missing) * counts,
        ever_absent=counts and bool(missing.any()),
        categories=categories,
        by_category=by_category,
        hours=hours,
        field_of_feature=np.array([field for _, field in features], np.intp),
        group_of_feature=tuple(group for group, _ in features),
        usual_level=tuple(_most_usual(column) for column in columns.categorical.T),
        usual_hour=np.array([np.bincount(hour_of_day(t)).argmax() + 0.5 for t in columns.timestamp.T], np.float64),
        center=scaler.mean_,
        scale=scaler.scale_,
        lowest=x.min(axis=0) - BEYOND,
        highest=x.max(axis=0) + BEYOND,
    )


def _to_set_aside(columns: Columns, schema: TransactionSchema) -> SetAside:
    """What stands for a missing value in the columns of which the schema does not say what does."""
    fields = zip(schema.of_kind(Kind.NUMERIC), columns.numeric.T, strict=True)
    found = {k: sentinels.find(column) for k, (field, column) in enumerate(fields) if field.missing is None}
    return {index: tuple(each.value for each in those) for index, those in found.items() if those}


def _chosen(groups: tuple[str, ...] | None) -> tuple[str, ...]:
    unknown = [group for group in groups or () if group not in GROUPS]
    if unknown:
        raise ConfigError(f"features are groups of {', '.join(GROUPS)}; received {', '.join(unknown)}")
    return GROUPS if groups is None else groups


def _amount(schema: TransactionSchema) -> int | None:
    """The index of the amount among the numeric columns."""
    field = schema.role("amount")
    return None if field is None else schema.numeric.index(field.name)


def _fit_numbers(columns: Columns, amount: int | None, groups: tuple[str, ...], floor: float) -> Numbers:
    indices = np.array(
        [index for index in range(columns.numeric.shape[1]) if ("amount" if index == amount else "numbers") in groups],
        np.intp,
    )
    values = columns.numeric[:, indices]
    if not len(indices):
        return Numbers(indices, np.empty(0), np.empty(0, np.bool_), np.empty(0), floor)
    fill = np.nanmedian(values, axis=0)  # scikit-learn's SimpleImputer takes nine times as long
    logged = indices == amount if amount is not None else np.zeros(len(indices), np.bool_)
    mean = np.nanmean(np.abs(values), axis=0)
    return Numbers(indices, fill, logged, np.where(logged & (mean > 0), mean, 1.0), floor)


def _absent(missing: Bools) -> Floats:
    """-log p of each value missing, of rows [n, k]; where none ever was, twice that of half a row: more than any value
    can say."""
    counts = missing.sum(axis=0)
    return np.asarray(-np.log((counts + 0.5) / (len(missing) + 1)) * np.where(counts, 1.0, 2.0))


def _fit_categories(columns: Columns, groups: tuple[str, ...]) -> Categories:
    indices = np.arange(columns.categorical.shape[1] if "categories" in groups else 0)
    fitted = [_surprisals(columns.categorical[:, index]) for index in indices]
    rare = (columns.categorical[:, indices] == "").mean(axis=0) < OFTEN_MISSING
    surprisals, unseen = tuple(known for known, _ in fitted), np.array([worst for _, worst in fitted])
    return Categories(indices, surprisals, unseen, np.asarray(rare, np.bool_))


def _surprisals(column: Texts) -> tuple[dict[str, float], float]:
    """-log p(level) of each level, and of a level never seen; a level more is counted for all those unseen."""
    names, counts = np.unique(column.astype(str), return_counts=True)
    share = PSEUDO_COUNTS / (len(names) + 1)
    total = len(column) + PSEUDO_COUNTS
    nats = -np.log((counts + share) / total)
    return dict(zip(names.tolist(), nats.tolist(), strict=True)), float(-np.log(share / total))


def _fit_by_category(
    columns: Columns, schema: TransactionSchema, amount: int | None, groups: tuple[str, ...], floor: float
) -> ByCategory | None:
    category = _category(columns, amount)
    time = schema.role("time")
    with_amount = amount if "amount_by_category" in groups else None
    with_time = schema.timestamps.index(time.name) if time and "hour_by_category" in groups else None
    if category is None or (with_amount is None and with_time is None):
        return None
    levels, rows = np.unique(columns.categorical[:, category].astype(str), return_inverse=True)
    amounts = np.abs(columns.numeric[:, amount]) if amount is not None else np.empty(len(columns))
    fill = float(np.nanmedian(columns.numeric[:, amount])) if amount is not None else 0.0
    mean = _means(np.where(np.isnan(amounts), abs(fill), amounts), rows, len(levels))
    hours = np.zeros((len(levels) + 1, 24))
    if with_time is not None:
        hours = _hour_surprisals(hour_of_day(columns.timestamp[:, with_time]), rows, len(levels))
    return ByCategory(category, tuple(levels.tolist()), with_amount, fill, mean, with_time, hours, floor)


def _category(columns: Columns, amount: int | None) -> int | None:
    """The categorical column that explains most of the variance of the log amount."""
    if amount is None or not columns.categorical.shape[1]:
        return None
    amounts = columns.numeric[:, amount]
    known = ~np.isnan(amounts)
    size = np.log1p(np.abs(amounts[known]))
    explained = [_explained(column[known], size) for column in columns.categorical.T]
    best = int(np.argmax(explained))
    return best if explained[best] >= LEAST_EXPLAINED else None


def _explained(levels: Texts, values: Floats) -> float:
    """The share of the values' variance that lies between levels, corrected for their number."""
    names, rows = np.unique(levels.astype(str), return_inverse=True)
    if not 2 <= len(names) <= MOST_LEVELS or len(values) <= len(names) or not values.std():
        return 0.0
    counts = np.bincount(rows)
    within = values - (np.bincount(rows, values) / counts)[rows]
    return float(1 - (within**2).sum() / (len(values) - len(names)) / values.var(ddof=1))


def _means(amounts: Floats, rows: Indices, levels: int) -> Floats:
    """Mean amount of each level, drawn to that of all by 5 pseudo-counts; of unseen levels that of all."""
    overall = float(amounts.mean()) or 1.0
    counts, sums = np.bincount(rows, minlength=levels + 1), np.bincount(rows, amounts, minlength=levels + 1)
    means = (sums + PSEUDO_COUNTS * overall) / (counts + PSEUDO_COUNTS)
    return np.where(means > 0, means, overall)


def _hour_surprisals(hours: Indices, rows: Indices, levels: int) -> Floats:
    """-log p(hour given level) [levels + 1, 24], counts smoothed around the clock, drawn to everyone's p(hour)."""
    counts = np.bincount(rows * 24 + hours, minlength=(levels + 1) * 24).reshape(-1, 24).astype(np.float64)
    smooth = (np.roll(counts, 1, axis=1) + 2 * counts + np.roll(counts, -1, axis=1)) / 4
    overall = (smooth.sum(axis=0) + PSEUDO_COUNTS / 24) / (smooth.sum() + PSEUDO_COUNTS)
    given = (smooth + PSEUDO_COUNTS * overall) / (smooth.sum(axis=1, keepdims=True) + PSEUDO_COUNTS)
    return np.asarray(-np.log(given))


def _hours(columns: Columns, by_category: ByCategory | None, groups: tuple[str, ...]) -> Hours:
    """The timestamps that count by themselves: all but the one that is compared with what is usual for the category."""
    compared = by_category.time if by_category else None
    times = range(columns.timestamp.shape[1]) if "hour" in groups else ()
    return Hours(np.array([index for index in times if index != compared], np.intp))


def _features(
    schema: TransactionSchema,
    numbers: Numbers,
    categories: Categories,
    by: ByCategory | None,
    hours: Hours,
) -> list[tuple[str, int]]:
    """The group of each feature, and the index of its field."""
    first_level, first_time = len(schema.numeric), len(schema.numeric) + len(schema.categorical)
    found = [
        ("amount" if log else "numbers", index) for index, log in zip(numbers.indices, numbers.logged, strict=True)
    ]
    found += [("categories", first_level + index) for index in categories.indices]
    found += [("amount_by_category", by.amount)] if by and by.amount is not None else []
    found += [("hour_by_category", first_time + by.time)] if by and by.time is not None else []
    return found + 2 * [("hour", first_time + index) for index in hours.indices]


def _most_usual(column: Texts) -> str:
    names, counts = np.unique(column.astype(str), return_counts=True)
    return str(names[np.argmax(counts)])

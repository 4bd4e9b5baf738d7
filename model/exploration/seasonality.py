"""Transactions over time: how many and how large, at which hours and on which days of the week (UTC)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eddy.model.arrays import Bools, Floats, Indices
from eddy.model.exploration.typed_table import View

HOUR_S, DAY_S = 3_600.0, 86_400.0
_WIDTHS = (
    (60.0, "minute"), (600.0, "10 minutes"), (HOUR_S, "hour"), (6 * HOUR_S, "6 hours"), (DAY_S, "day"),
    (7 * DAY_S, "week"), (30 * DAY_S, "30 days"), (365 * DAY_S, "365 days"),
)  # fmt: skip
MOST_BINS = 130
QUANTILES = np.array([0.1, 0.5, 0.9])
THURSDAY = 3
"""The weekday of 1970-01-01, Monday being 0."""


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Rows in time.

    Args:
        column: the column that says when.
        first, last: Unix seconds.
        bin, bin_s: the width of the bins, in words and in seconds; bin_starts: Unix seconds [b]; rows: in each bin [b].
        rates: share of the rows in a bin that are anomalous [b], NaN where it has none; None without labels.
        amount: the column of amounts, if there is one.
        amounts: its 10 %, 50 %, 90 % quantiles in each bin [b, 3], NaN where empty.
        hours: rows by weekday and hour, Monday first [7, 24].
        hour_rates: share of each hour's rows that are anomalous [24]; None without labels.
        pause_s: the longest time without a row, and when it began.
        ordered: whether the rows of the source are in the order of time.
        missing: share of rows without a time.
    """

    column: str
    first: float
    last: float
    bin: str
    bin_s: float
    bin_starts: Floats
    rows: Indices
    rates: Floats | None
    amount: str | None
    amounts: Floats | None
    hours: Indices
    hour_rates: Floats | None
    pause_s: float
    pause_at: float
    ordered: bool
    missing: float

    @property
    def span_s(self) -> float:
        return self.last - self.first


def rhythm(view: View) -> Rhythm | None:
    """None where no row has a time."""
    column, time = view.role("time"), view.time
    if column is None or time is None or not len(view.by_time):
        return None
    order = view.by_time
    seconds = time[order]
    anomalous = view.anomalous[order] if view.anomalous is not None else None
    width, name = _width(seconds)
    starts, places = _bins(seconds, width)
    amount = view.role("amount")
    pauses = np.diff(seconds)
    longest = int(pauses.argmax()) if len(pauses) else 0
    hours = (seconds // HOUR_S % 24).astype(np.intp)
    days = ((seconds // DAY_S + THURSDAY) % 7).astype(np.intp)
    return Rhythm(
        column,
        float(seconds[0]),
        float(seconds[-1]),
        name,
        width,
        starts,
        np.bincount(places, minlength=len(starts)),
        _rates(places, anomalous, len(starts)),
        amount,
        _quantiles(view.numbers[amount][order], places, len(starts)) if amount else None,
        np.bincount(days * 24 + hours, minlength=168).reshape(7, 24),
        _rates(hours, anomalous, 24),
        float(pauses[longest]) if len(pauses) else 0.0,
        float(seconds[longest]),
        bool((np.diff(order) > 0).all()),
        1.0 - len(order) / len(view),
    )


def _width(seconds: Floats) -> tuple[float, str]:
    """The narrowest width that keeps the number of bins readable."""
    span = float(seconds[-1] - seconds[0])
    return next((each for each in _WIDTHS if span / each[0] <= MOST_BINS), _WIDTHS[-1])


def _bins(seconds: Floats, width: float) -> tuple[Floats, Indices]:
    first = seconds[0] // width
    places = (seconds // width - first).astype(np.intp)
    return (first + np.arange(places[-1] + 1)) * width, places


def _rates(places: Indices, anomalous: Bools | None, count: int) -> Floats | None:
    if anomalous is None:
        return None
    return pd.Series(anomalous).groupby(places).mean().reindex(range(count)).to_numpy(np.float64)


def _quantiles(values: Floats, places: Indices, count: int) -> Floats:
    grouped = pd.Series(values).groupby(places).quantile(QUANTILES)
    return grouped.unstack().reindex(range(count)).to_numpy(np.float64)

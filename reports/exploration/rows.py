"""What an exploration shows of rows: repeated, far out, labelled, changing."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from eddy.model.arrays import Floats
from eddy.model.exploration.distributions import Distribution
from eddy.model.exploration.drift import ColumnDrift, Drift
from eddy.model.exploration.label_leakage import Labels, Separation
from eddy.model.exploration.outliers import FAR, OutlierRow
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import plots as draw
from eddy.reports.exploration.axes import percent

MOST_OUTLIERS, MOST_SEPARATIONS, MOST_DRIFTS, DRAWN_DRIFTS = 25, 30, 25, 8


def shown(found: Exploration) -> dict[str, Any]:
    """Rows of tables, and small plots with their titles and captions."""
    labels, drift = found.labels, found.drift
    return {
        "duplicates": _duplicates(found),
        "places": ", ".join(f"{place:,}" for place in found.duplicates.places),
        "outliers": _outliers(found),
        "farthest": [_farthest(row) for row in found.outlier_rows],
        "labels": _labels(labels, len(found.view)) if labels else [],
        "separations": [_separation(each) for each in labels.separations[:MOST_SEPARATIONS]] if labels else [],
        "drift_plots": _drift_plots(found, drift) if drift else [],
        "drift": [_drift(each, found) for each in drift.columns[:MOST_DRIFTS]] if drift else [],
    }


def _duplicates(found: Exploration) -> list[tuple[str, int]]:
    facts = found.duplicates
    rows = [("rows that equal an earlier one in every column", facts.rows)]
    if facts.column:
        rows += [
            (f"the same, apart from {facts.column}", facts.but_identifier),
            (f"different {facts.column} that several rows have", facts.identifiers),
            (f"rows that repeat a {facts.column}", facts.repeats),
        ]
    return rows


def _outliers(found: Exploration) -> list[tuple[object, ...]]:
    far = [(name, each) for name, each in found.outliers.items() if each.farthest >= FAR][:MOST_OUTLIERS]
    return [
        (name, percent(each.share), each.least, round(each.least_z, 1), each.most, round(each.most_z, 1))
        for name, each in far
    ]


def _farthest(row: OutlierRow) -> tuple[object, ...]:
    because = ", ".join(f"{name} = {value} ({far:.0f})" for name, value, far in row.reasons)
    label = [] if row.anomalous is None else ["anomalous" if row.anomalous else "normal"]
    return (row.row, round(row.distance, 1), *label, because or "nothing in particular")


def _labels(labels: Labels, rows: int) -> list[tuple[object, ...]]:
    return [(name, value, count, percent(count / rows)) for name, values in labels.columns for value, count in values]


def _separation(each: Separation) -> tuple[object, ...]:
    return (each.column, round(each.auc, 3), round(each.ap, 4), each.how, _suspicion(each))


def _suspicion(each: Separation) -> str:
    if each.second_label:
        return "may be a second label"
    return "leaks the label" if each.leak else "known in time?" if each.suspect else ""


def _drift_plots(found: Exploration, drift: Drift) -> list[tuple[Figure, str, str]]:
    """Of numeric columns, those that changed; a few where none did."""
    numeric = [each for each in drift.columns if each.level is None and each.column in found.distributions]
    drawn = [each for each in numeric if each.verdict != "same"][:DRAWN_DRIFTS] or numeric[:4]
    return [(_first_and_last(found, drift, each), each.column, f"PSI {each.psi:.2f}") for each in drawn]


def _first_and_last(found: Exploration, drift: Drift, each: ColumnDrift) -> Figure:
    spread, numbers = found.distributions[each.column], found.view.numbers[each.column]
    first, last = (_shares(numbers[rows], spread) for rows in (drift.first, drift.last))
    return draw.first_and_last(first, last, spread)


def _shares(numbers: Floats, spread: Distribution) -> Floats:
    return np.asarray(np.histogram(numbers[~np.isnan(numbers)], spread.edges)[0] / max(1, len(numbers)))


def _drift(each: ColumnDrift, found: Exploration) -> tuple[object, ...]:
    level = "a level" if each.column in found.view.hidden else each.level
    ends = [
        f"median {value:,.4g}" if each.level is None else f"{level}: {percent(value)}"
        for value in (each.first, each.last)
    ]
    ks = None if each.ks is None else round(each.ks, 3)
    return (each.column, round(each.psi, 3), ks, each.verdict, *ends)

"""Sections about rows: in time, twice, strange, labelled, changing. Each begins with what to look for."""

import numpy as np
from matplotlib.figure import Figure

from eddy.model.arrays import Floats
from eddy.model.exploration.distributions import Distribution
from eddy.model.exploration.drift import ColumnDrift, Drift
from eddy.model.exploration.findings_labels import duration
from eddy.model.exploration.label_leakage import FEWEST, Labels, Separation
from eddy.model.exploration.outliers import FAR
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import plots as draw
from eddy.reports.exploration.browsable_table import ROWS as BROWSABLE_ROWS
from eddy.reports.exploration.browsable_table import browsable
from eddy.reports.exploration.text import percent, when
from eddy.reports.page import Page

MOST_OUTLIERS, MOST_SEPARATIONS, MOST_DRIFTS, DRAWN_DRIFTS = 25, 30, 25, 8


def time(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for gaps, jumps and hours that cannot be: a model takes for normal what is common here, so the "
        "rows should cover at least a week without a break."
    )
    told = found.rhythm
    if told is None:
        page.paragraph("No column says when a transaction happened.")
        return
    band = f"; {told.amount}: median, and the band from the 10 % to the 90 % quantile" if told.amount else ""
    page.figure(draw.over_time(told), f"By {told.column} (UTC){band}.")
    page.figure(
        draw.hours(told), "The rhythm of the week. A single hour with everything in it: the times are days only."
    )
    if told.pause_s:
        page.paragraph(f"The longest time without a row: {duration(told.pause_s)}, from {when(told.pause_at)}.")


def duplicates(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for payments that are there twice: they count twice when the model learns what is normal; a few do no "
        "harm, a repeated identifier is a fault of the export."
    )
    told = found.duplicates
    rows: list[list[object]] = [["rows that equal an earlier one in every column", told.rows]]
    if told.column:
        rows += [
            [f"the same, {told.column} left aside", told.but_identifier],
            [f"different {told.column} that several rows have", told.identifiers],
            [f"rows that repeat a {told.column}", told.repeats],
        ]
    page.table(["", "rows"], rows)
    if told.places:
        page.paragraph(f"The first rows that do: {', '.join(f'{place:,}' for place in told.places)}.")
    if not found.view.whole:
        page.note("In a sample most copies have lost their original: the table holds more of them than these.")


def outliers(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for typing errors, wrong units and numbers that stand for nothing (-999): correct them; what is only "
        "large is what the model is there for, so leave it in."
    )
    far = [(name, each) for name, each in found.outliers.items() if each.farthest >= FAR][:MOST_OUTLIERS]
    if far:
        page.paragraph(f"Values {FAR:g} or more robust standard deviations from the middle, on the scale drawn above:")
        names = ["column", "share of its numbers", "least", "its distance", "most", "its distance "]
        page.table(
            names,
            [[name, percent(e.share), e.least, round(e.least_z, 1), e.most, round(e.most_z, 1)] for name, e in far],
        )
    else:
        page.paragraph(f"No value is {FAR:g} robust standard deviations or more from the middle of its column.")
    page.section("Strangest rows", 3)
    page.paragraph(
        "Over all columns together, rare levels included; no model was asked, so this is only a first guess."
    )
    head = ["row", "distance", *([] if found.labels is None else ["labelled"]), "because of"]
    page.table(head, [_strange(row.row, row.distance, row.anomalous, row.reasons) for row in found.outlier_rows])


def _strange(
    row: int, distance: float, anomalous: bool | None, reasons: tuple[tuple[str, str, float], ...]
) -> list[object]:
    because = ", ".join(f"{name} = {value} ({far:.0f})" for name, value, far in reasons) or "nothing in particular"
    label = [] if anomalous is None else ["anomalous" if anomalous else "normal"]
    return [row, round(distance, 1), *label, because]


def labels(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for a column that gives the label away: what was filled in after a fraud was found is not there when a "
        "transaction comes in; set it to ignored before you train."
    )
    told = found.labels
    if told is None:
        page.paragraph("There is no label, which is fine: none is needed for training, only for measuring.")
        return
    rows = [
        [name, value, count, percent(count / len(found.view))]
        for name, values in told.columns
        for value, count in values
    ]
    page.table(["label", "value", "rows", "share"], rows)
    if not told.separations:
        page.paragraph(f"With fewer than {FEWEST} rows of either kind, columns cannot be held against the label.")
        return
    page.paragraph(
        "How well each column alone tells anomalies from normal rows, measured on half of them "
        f"({told.tested[0]:,} anomalies, {told.tested[1]:,} normal rows): which values are strange was learned on the "
        "other half."
    )
    page.figure(draw.separations(told), "The best single columns. Average precision is at the true share of anomalies.")
    page.table(["column", "AUC", "average precision", "anomalies are", "note"], _separations(told))


def _separations(told: Labels) -> list[list[object]]:
    return [
        [each.column, round(each.auc, 3), round(each.ap, 4), each.how, _suspicion(each)]
        for each in told.separations[:MOST_SEPARATIONS]
    ]


def _suspicion(each: Separation) -> str:
    if each.second_label:
        return "may be a second label"
    return "gives the label away" if each.leak else "known in time?" if each.suspect else ""


def drift(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for columns that changed while the table was written: a model of the past will call the new normal "
        "strange, so train on the recent part if something differs."
    )
    told = found.drift
    if told is None:
        page.paragraph("There are too few rows to compare a beginning with an end.")
        return
    fifths = "fifth of time" if told.by_time else "fifth of the rows, in their order, since there is no time,"
    page.paragraph(
        f"The first {fifths} against the last ({len(told.first):,} and {len(told.last):,} rows). Below 0.1 the "
        "population stability index (PSI) calls two parts the same, from 0.25 on different; KS is the largest distance "
        "of the cumulative distributions."
    )
    numeric = [each for each in told.columns if each.level is None and each.column in found.distributions]
    drawn = [each for each in numeric if each.verdict != "same"][:DRAWN_DRIFTS] or numeric[:4]
    if drawn:
        page.paragraph("Filled: first fifth. Line: last fifth.")
        page.grid((_first_and_last(found, told, each), each.column, f"PSI {each.psi:.2f}") for each in drawn)
    page.table(
        ["column", "PSI", "KS", "verdict", "first", "last"],
        [_drift(each, found) for each in told.columns[:MOST_DRIFTS]],
    )
    if told.label_rates:
        page.paragraph(
            f"Anomalies: {percent(told.label_rates[0])} of the first, {percent(told.label_rates[1])} of the last."
        )


def _first_and_last(found: Exploration, told: Drift, each: ColumnDrift) -> Figure:
    spread, numbers = found.distributions[each.column], found.view.numbers[each.column]
    first, last = (_shares(numbers[rows], spread) for rows in (told.first, told.last))
    return draw.first_and_last(first, last, spread)


def _shares(numbers: Floats, spread: Distribution) -> Floats:
    return np.asarray(np.histogram(numbers[~np.isnan(numbers)], spread.edges)[0] / max(1, len(numbers)))


def _drift(each: ColumnDrift, found: Exploration) -> list[object]:
    if each.level is None:
        return [
            each.column,
            round(each.psi, 3),
            _rounded(each.ks),
            each.verdict,
            f"median {each.first:,.4g}",
            f"median {each.last:,.4g}",
        ]
    level = "a level" if each.column in found.view.hidden else each.level
    shares = [f"{level}: {percent(share)}" for share in (each.first, each.last)]
    return [each.column, round(each.psi, 3), _rounded(each.ks), each.verdict, *shares]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def map_of_rows(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look whether anomalies gather at the rims or in islands of their own, which a model can find, or sit among "
        "normal rows, which it cannot without more columns or the history of cards."
    )
    told = found.projection
    if told is None:
        page.paragraph("There are too few different rows for a map.")
        return
    strange, usual = told.drawn
    counts = f"{usual:,} normal and {strange:,} anomalous rows" if told.anomalous is not None else f"{usual:,} rows"
    share = strange / (strange + usual)
    more = ", the anomalies more than their share" if found.labels and share > 1.2 * found.labels.share else ""
    page.figure(
        draw.map_of_rows(told),
        f"t-SNE of {counts}, drawn at random{more}; numbers in robust standard deviations, frequent levels as yes and "
        "no. Who is beside whom means something; distances between groups and their sizes do not.",
    )


def table(page: Page, found: Exploration) -> None:
    page.paragraph("Browse some rows and click on columns: do they look like your payments? If so, go on.")
    hidden = found.view.hidden
    html = browsable(found.view.table, hidden)
    if hidden:
        page.paragraph(f"Left out, since they may name persons or cards: {', '.join(sorted(hidden))}.")
    if not html:
        page.paragraph("No column is left to show.")
        return
    if len(found.view) > BROWSABLE_ROWS:
        page.paragraph(f"Of {BROWSABLE_ROWS:,} rows drawn at random, by skrub's TableReport.")
    page.raw(html)

"""The report of a comparison: two models on the same rows, side by side."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from eddy.model.evaluation.compare import Comparison, Disagreement, Opinion
from eddy.model.evaluation.evaluate import Judged, Trial
from eddy.model.evaluation.metrics import precision_recall
from eddy.model.serving.text import one_in, shares_text
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.tables import FIGURES, budget_sentence, method_rows, textbook_sentence
from eddy.reports.page import Page, unbroken
from eddy.reports.training import plots as training_plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison_report(trial: Trial, found: Comparison, source: str) -> Page:
    """What two models make of the same rows, as a page of its own."""
    first, second = trial.judged[:2]
    page = Page("Comparison", f"Models {first.name} and {second.name} on {source}.")
    _summary(page, trial, found)
    _figures(page, trial)
    page.section("Rarities")
    page.figure(
        plots.against(first, second, trial.rows.anomalous),
        "Each row's rarity to one model against that to the other, strange ones towards the upper right. Dashed: the "
        "thresholds. What lies in the upper left or the lower right is flagged by one model alone.",
    )
    _fields(page, first, second)
    _disagreements(page, trial, found)
    return page


def _summary(page: Page, trial: Trial, found: Comparison) -> None:
    first, second = trial.judged[:2]
    page.section("Summary")
    page.raw(f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in trial.notes)}</ul>")
    page.table(
        ["", f"flagged by {second.name}", "passed"],
        [(f"flagged by {first.name}", found.both, found.only_first), ("passed", found.only_second, found.neither)],
    )
    page.paragraph(
        f"Rank correlation of the scores: {found.rank_correlation:.3f}. Of the strangest hundredth of the rows to one "
        f"model, {found.strangest_shared:.0%} are so to the other."
    )


def _figures(page: Page, trial: Trial) -> None:
    labels = trial.rows.anomalous
    if labels is None:
        page.note("Nothing in these rows is labelled anomalous: there are no figures of detection.", warning=True)
        return
    page.section("Figures")
    page.table(["", *FIGURES], method_rows(trial))
    page.paragraph(budget_sentence(trial))
    page.paragraph(textbook_sentence(trial))
    curves = [(judged.name, *precision_recall(judged.verdicts.score, labels)) for judged in trial.judged]
    page.figure(
        plots.precision_recall(curves, [], float(labels.mean())),
        "At every threshold: of the alerts, how many are anomalies (precision); of the anomalies, how many are alerts.",
    )


def _fields(page: Page, first: Judged, second: Judged) -> None:
    fields = [name for name in first.detector.schema.scored if name in second.detector.schema.scored]
    page.section("Fields")
    own = [
        f"{name} is scored by {one.name} alone"
        for one, other in ((first, second), (second, first))
        for name in one.detector.schema.scored
        if name not in other.detector.schema.scored
    ]
    if own:
        page.note(f"{'; '.join(own)}.")
    if fields:
        picture = _contributions(fields, first, second)
        page.figure(picture, "Each field's share of the mean score of the rows that either model flags.")


def _contributions(fields: list[str], first: Judged, second: Judged) -> "Figure":
    flagged = first.verdicts.anomalous | second.verdicts.anomalous
    rows = flagged if flagged.any() else ~flagged
    shares = []
    for judged in (first, second):
        mean = judged.verdicts.contribution_matrix[rows].mean(axis=0, dtype=np.float64)
        places = [judged.detector.schema.scored.index(name) for name in fields]
        shares.append((judged.name, mean[places] / max(mean.sum(), 1e-12)))
    order = np.argsort(-np.sum([share for _, share in shares], axis=0), kind="stable")
    return training_plots.contributions([fields[i] for i in order], [(name, share[order]) for name, share in shares])


def _disagreements(page: Page, trial: Trial, found: Comparison) -> None:
    first, second = trial.judged[:2]
    page.section("Where they disagree")
    if not found.disagreements:
        page.paragraph("Nowhere: every row is as rare to one model as to the other.")
        return
    labelled = trial.rows.anomalous is not None
    head = ["row", *(["label"] if labelled else []), f"to {first.name}", f"to {second.name}"]
    page.table(head, [_row(apart, labelled) for apart in found.disagreements])
    page.paragraph(
        "Rows that one model flags and the other does not come first, the largest ratio of rarities before others. "
        "Rows are counted from 1 in the table; identifiers are left out."
    )


def _row(apart: Disagreement, labelled: bool) -> tuple[object, ...]:
    label = ("anomalous" if apart.label else "normal",) if labelled else ()
    return (apart.row, *label, _said(apart.first), _said(apart.second))


def _said(opinion: Opinion) -> str:
    reasons = shares_text(opinion.contributions, opinion.score)
    return f"{unbroken(one_in(opinion.rarity))}, {'flagged' if opinion.anomalous else 'passed'}: {reasons}"

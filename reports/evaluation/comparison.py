"""The report of a comparison: two models on the same rows, side by side."""

import numpy as np
from matplotlib.figure import Figure

from eddy.model.evaluation.compare import Comparison, Disagreement, Opinion
from eddy.model.evaluation.evaluate import Evaluation, ModelResult
from eddy.model.serving.text import one_in, shares_text
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.detection_metrics import detection_metrics
from eddy.reports.page import page, unbroken
from eddy.reports.plots import contributions, mean_shares


def comparison_report(evaluation: Evaluation, found: Comparison, source: str) -> str:
    """What two models make of the same rows, as a page (HTML)."""
    first, second = evaluation.models[:2]
    labelled = detection_metrics(evaluation)
    return page(
        "comparison.html",
        source=source,
        first=first,
        second=second,
        found=found,
        notes=evaluation.notes,
        labelled=bool(labelled),
        rarities=plots.against(first, second, evaluation.rows.anomalous),
        scored_by_one=_scored_by_one(first, second) + _scored_by_one(second, first),
        contributions=_contributions(first, second),
        disagreements=[_row(apart, bool(labelled)) for apart in found.disagreements],
        **labelled,
    )


def _scored_by_one(one: ModelResult, other: ModelResult) -> list[str]:
    scored = other.detector.schema.scored
    return [f"{name} is scored by {one.name} alone" for name in one.detector.schema.scored if name not in scored]


def _contributions(first: ModelResult, second: ModelResult) -> Figure | None:
    """Of the fields that both score; None where there is none."""
    fields = [name for name in first.detector.schema.scored if name in second.detector.schema.scored]
    if not fields:
        return None
    flagged = first.verdicts.anomalous | second.verdicts.anomalous
    rows = flagged if flagged.any() else ~flagged
    shares = []
    for result in (first, second):
        indices = [result.detector.schema.scored.index(name) for name in fields]
        shares.append((result.name, mean_shares(result.verdicts.contribution_matrix[rows])[indices]))
    return contributions(fields, shares, np.sum([share for _, share in shares], axis=0))


def _row(apart: Disagreement, labelled: bool) -> tuple[object, ...]:
    label = ("anomalous" if apart.label else "normal",) if labelled else ()
    return (apart.row, *label, _opinion(apart.first), _opinion(apart.second))


def _opinion(opinion: Opinion) -> str:
    reasons = shares_text(opinion.contributions, opinion.score)
    return f"{unbroken(one_in(opinion.rarity))}, {'flagged' if opinion.anomalous else 'passed'}: {reasons}"

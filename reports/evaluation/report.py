"""The report of an evaluation: what models are worth on given rows, beside what one would have used instead."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eddy.model.evaluation.evaluate import Judged, Trial
from eddy.model.evaluation.metrics import precision_recall
from eddy.model.serving.text import one_in, shares_text
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.tables import KIND_FIGURES, calibration_points, detection_metrics, kind_row, kind_rows
from eddy.reports.observed_expected import observed_expected
from eddy.reports.page import Page, unbroken
from eddy.reports.plots import MOST_FIELDS, contributions, mean_shares

Rows = NDArray[np.bool_]

TOP_SCORING = 15
REASONS = 3
SMALL_PICTURES = 12
SCATTER_ROWS, SCATTER_ANOMALIES = 3_000, 400


def evaluation_report(trial: Trial, source: str) -> Page:
    """The results of an evaluation, as a page of its own."""
    labels = trial.rows.anomalous
    labelled = {} if labels is None else {**detection_metrics(trial), "curve": _curve(trial, labels)}
    return Page(
        "evaluation.html",
        source=source,
        notes=trial.notes,
        several=len(trial.judged) > 1,
        labelled=bool(labelled),
        normal_rows=int((~_labels(trial)).sum()),
        summary=[_summary(judged) for judged in trial.judged],
        models=[_model(judged, trial) for judged in trial.judged],
        kind_metrics=list(KIND_FIGURES),
        by_method=kind_rows(trial) if trial.baselines else [],
        most_fields=MOST_FIELDS,
        **labelled,
    )


def _summary(judged: Judged) -> tuple[object, ...]:
    flagged = judged.verdicts.anomalous
    rate = judged.detector.threshold.rate
    return judged.name, int(flagged.sum()), float(flagged.mean()), rate, judged.verdicts.threshold


def _curve(trial: Trial, labels: Rows) -> Figure:
    models = [(judged.name, *precision_recall(judged.verdicts.score, labels)) for judged in trial.judged]
    others = [(baseline.name, *precision_recall(baseline.score, labels)) for baseline in trial.baselines]
    return plots.precision_recall(models, others, float(labels.mean()))


def _model(judged: Judged, trial: Trial) -> dict[str, Any]:
    """What the page shows of one model."""
    kinds = judged.figures.kinds if judged.figures else ()
    return {
        "name": judged.name,
        "threshold": judged.verdicts.threshold,
        "kinds": [(found.kind, found.rows, *kind_row(found)) for found in kinds],
        "kind_names": [found.kind for found in kinds],
        "confusion": judged.figures and judged.figures.confusion,
        "rarities": _rarities(judged, trial),
        "fields": len(judged.detector.schema.scored),
        "contributions": _contributions(judged, trial),
        "observed": _observed_expected(judged, _labels(trial)),
        "top": _top(judged, trial),
        **_calibration(judged, trial),
    }


def _rarities(judged: Judged, trial: Trial) -> Figure:
    rarity, labels = judged.verdicts.rarity, _labels(trial)
    names = (_name_of_normal(trial), "anomalous")
    return plots.rarities(rarity[~labels], rarity[labels], plots.threshold_rarity(judged), names)


def _calibration(judged: Judged, trial: Trial) -> dict[str, Any]:
    normal = judged.verdicts.rarity[~_labels(trial)]
    threshold = judged.detector.threshold.rate or plots.threshold_rarity(judged)
    return {
        "calibration": plots.calibration(calibration_points(trial, judged), threshold),
        "expected": threshold * len(normal),
        "flagged_normal": int((normal <= threshold).sum()),
    }


def _contributions(judged: Judged, trial: Trial) -> Figure:
    labels, each = _labels(trial), judged.verdicts.contribution_matrix
    groups = ((_name_of_normal(trial), ~labels), ("flagged", judged.verdicts.anomalous), ("labelled anomalous", labels))
    shares = [(name, mean_shares(each[rows])) for name, rows in groups if rows.any()]
    return contributions(judged.detector.schema.scored, shares, shares[-1][1])


def _observed_expected(judged: Judged, labels: Rows) -> dict[str, Any] | None:
    names = judged.detector.schema.numeric
    if not names:
        return None
    anomalous = labels if labels.any() else judged.verdicts.anomalous
    weight = judged.verdicts.contribution_matrix[anomalous if anomalous.any() else ~anomalous].mean(axis=0)
    samples = _sample(~anomalous, SCATTER_ROWS), _sample(anomalous, SCATTER_ANOMALIES)
    values = [(judged.columns[rows].numeric, judged.detector.judge(judged.columns[rows]).expected) for rows in samples]
    return {
        "figure": observed_expected(names, weight, SMALL_PICTURES, *values),
        "drawn": min(len(names), SMALL_PICTURES),
        "fields": len(names),
        "normal": len(samples[0]),
        "anomalous": len(samples[1]),
        "which": "labelled anomalous" if labels.any() else "flagged",
    }


def _top(judged: Judged, trial: Trial) -> list[tuple[object, ...]]:
    verdicts, labels = judged.verdicts, trial.rows.anomalous
    top = np.argsort(-verdicts.score, kind="stable")[:TOP_SCORING].tolist()
    return [
        (
            int(trial.rows.table.index[i]) + 1,
            unbroken(one_in(float(verdicts.rarity[i]))),
            float(verdicts.score[i]),
            *([] if labels is None else ["anomalous" if labels[i] else "normal"]),
            shares_text(reasons, float(verdicts.score[i])),
        )
        for i, reasons in zip(top, verdicts.reasons(top, REASONS), strict=True)
    ]


def _name_of_normal(trial: Trial) -> str:
    return "all rows" if trial.rows.anomalous is None else "normal"


def _labels(trial: Trial) -> Rows:
    return np.zeros(len(trial.rows), np.bool_) if trial.rows.anomalous is None else trial.rows.anomalous


def _sample(chosen: Rows, most: int) -> NDArray[np.intp]:
    """Indices of at most so many of the chosen rows, evenly spread."""
    indices = np.flatnonzero(chosen)
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).astype(np.intp)]

"""The report of an evaluation: what models are worth on given rows, beside what one would have used instead."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from eddy.model.arrays import Bools
from eddy.model.evaluation.evaluate import Evaluation, ModelResult
from eddy.model.serving.text import one_in, shares_text
from eddy.model.training.diagnostics import evenly_sampled
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.detection_metrics import detection_metrics
from eddy.reports.evaluation.tables import KIND_FIGURES, calibration_points, kind_row, kind_rows
from eddy.reports.observed_expected import observed_expected
from eddy.reports.page import page, unbroken
from eddy.reports.plots import MOST_FIELDS, contributions, mean_shares

TOP_SCORING = 15
REASONS = 3
SMALL_PICTURES = 12
SCATTER_ROWS, SCATTER_ANOMALIES = 3_000, 400


def evaluation_report(evaluation: Evaluation, source: str) -> str:
    """The results of an evaluation, as a page (HTML)."""
    labelled = detection_metrics(evaluation)
    return page(
        "evaluation.html",
        source=source,
        notes=evaluation.notes,
        several=len(evaluation.models) > 1,
        labelled=bool(labelled),
        normal_rows=int((~_labels(evaluation)).sum()),
        summary=[_summary(result) for result in evaluation.models],
        models=[_model(result, evaluation) for result in evaluation.models],
        kind_metrics=list(KIND_FIGURES),
        by_method=kind_rows(evaluation) if evaluation.baselines else [],
        most_fields=MOST_FIELDS,
        **labelled,
    )


def _summary(result: ModelResult) -> tuple[object, ...]:
    flagged = result.verdicts.anomalous
    rate = result.detector.threshold.rate
    return result.name, int(flagged.sum()), float(flagged.mean()), rate, result.verdicts.threshold


def _model(result: ModelResult, evaluation: Evaluation) -> dict[str, Any]:
    """What the page shows of one model."""
    kinds = result.figures.kinds if result.figures else ()
    return {
        "name": result.name,
        "threshold": result.verdicts.threshold,
        "kinds": [(found.kind, found.rows, *kind_row(found)) for found in kinds],
        "kind_names": [found.kind for found in kinds],
        "confusion": result.figures and result.figures.confusion,
        "rarities": _rarities(result, evaluation),
        "fields": len(result.detector.schema.scored),
        "contributions": _contributions(result, evaluation),
        "observed": _observed_expected(result, _labels(evaluation)),
        "top": _top(result, evaluation),
        **_calibration(result, evaluation),
    }


def _rarities(result: ModelResult, evaluation: Evaluation) -> Figure:
    rarity, labels = result.verdicts.rarity, _labels(evaluation)
    names = (_name_of_normal(evaluation), "anomalous")
    return plots.rarities(rarity[~labels], rarity[labels], plots.threshold_rarity(result), names)


def _calibration(result: ModelResult, evaluation: Evaluation) -> dict[str, Any]:
    normal = result.verdicts.rarity[~_labels(evaluation)]
    threshold = result.detector.threshold.rate or plots.threshold_rarity(result)
    return {
        "calibration": plots.calibration(calibration_points(evaluation, result), threshold),
        "expected": threshold * len(normal),
        "flagged_normal": int((normal <= threshold).sum()),
    }


def _contributions(result: ModelResult, evaluation: Evaluation) -> Figure:
    labels, each = _labels(evaluation), result.verdicts.contribution_matrix
    normal = _name_of_normal(evaluation), ~labels
    groups = (normal, ("flagged", result.verdicts.anomalous), ("labelled anomalous", labels))
    shares = [(name, mean_shares(each[rows])) for name, rows in groups if rows.any()]
    return contributions(result.detector.schema.scored, shares, shares[-1][1])


def _observed_expected(result: ModelResult, labels: Bools) -> dict[str, Any] | None:
    names = result.detector.schema.numeric
    if not names:
        return None
    anomalous = labels if labels.any() else result.verdicts.anomalous
    weight = result.verdicts.contribution_matrix[anomalous if anomalous.any() else ~anomalous].mean(axis=0)
    chosen = ((~anomalous, SCATTER_ROWS), (anomalous, SCATTER_ANOMALIES))
    samples = [evenly_sampled(np.flatnonzero(rows), most) for rows, most in chosen]
    values = [(result.columns[rows].numeric, result.detector.detect(result.columns[rows]).expected) for rows in samples]
    return {
        "figure": observed_expected(names, weight, SMALL_PICTURES, *values),
        "drawn": min(len(names), SMALL_PICTURES),
        "fields": len(names),
        "normal": len(samples[0]),
        "anomalous": len(samples[1]),
        "which": "labelled anomalous" if labels.any() else "flagged",
    }


def _top(result: ModelResult, evaluation: Evaluation) -> list[tuple[object, ...]]:
    verdicts, labels = result.verdicts, evaluation.rows.anomalous
    top = np.argsort(-verdicts.score, kind="stable")[:TOP_SCORING].tolist()
    return [
        (
            int(evaluation.rows.table.index[i]) + 1,
            unbroken(one_in(float(verdicts.rarity[i]))),
            float(verdicts.score[i]),
            *([] if labels is None else ["anomalous" if labels[i] else "normal"]),
            shares_text(reasons, float(verdicts.score[i])),
        )
        for i, reasons in zip(top, verdicts.reasons(top, REASONS), strict=True)
    ]


def _name_of_normal(evaluation: Evaluation) -> str:
    return "all rows" if evaluation.rows.anomalous is None else "normal"


def _labels(evaluation: Evaluation) -> Bools:
    return np.zeros(len(evaluation.rows), np.bool_) if evaluation.rows.anomalous is None else evaluation.rows.anomalous

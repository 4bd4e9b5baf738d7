"""Metrics in words and as rows of tables: the same in reports and on the terminal."""

from collections.abc import Sequence

from eddy.model.evaluation.evaluate import BaselineResult, Evaluation, ModelResult
from eddy.model.evaluation.metrics import CalibrationPoint, Figures, KindFigures, calibration
from eddy.reports.page import unbroken


def method_rows(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """One row per method: name, and the figures that FIGURES names."""
    return [(name, *_row(found)) for name, found in _methods(evaluation)]


def kind_rows(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """One row per method: name, and the average precision for each kind of anomaly."""
    return [(name, *(f"{kind.average_precision:.3f}" for kind in found.kinds)) for name, found in _methods(evaluation)]


def calibration_points(evaluation: Evaluation, result: ModelResult) -> tuple[CalibrationPoint, ...]:
    """Requested and observed rates on the rows that are not labelled anomalous, as rare as there are rows for."""
    labels = evaluation.rows.anomalous
    normal = result.verdicts.rarity if labels is None else result.verdicts.rarity[~labels]
    return calibration(normal, [rate for rate in RATES if rate * len(normal) >= 0.5])


def _methods(evaluation: Evaluation) -> list[tuple[str, Figures]]:
    methods: Sequence[ModelResult | BaselineResult] = (*evaluation.models, *evaluation.baselines)
    return [(method.name, method.figures) for method in methods if method.figures is not None]


RATES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 1e-5, 1e-6)

FIGURES = (
    "average\nprecision",
    "recall at\n0.1 % FP",
    "budget:\nprecision",
    "budget:\nrecall",
    "ROC\nAUC",
    "accuracy",
)
BRACKETS = "In brackets: the 95 % interval. FP: the share of normal rows that are flagged."


def _row(found: Figures) -> tuple[object, ...]:
    precision = found.average_precision
    return (
        unbroken(f"{precision.value:.3f} ({precision.low:.3f} to {precision.high:.3f})"),
        f"{found.recall_at_false_positives:.1%}",
        f"{found.at_budget.precision:.1%}",
        f"{found.at_budget.recall:.1%}",
        f"{found.roc_auc:.3f}",
        None if found.confusion is None else f"{found.confusion.accuracy:.2%}",
    )


def budget_sentence(evaluation: Evaluation) -> str:
    """What the budget is."""
    if evaluation.rows.time_s is None:
        budget = f"{evaluation.budget:g} of every 1,000 rows, for the schema names no time"
    else:
        budget = f"{evaluation.budget:g} alerts a day, the top-scoring of each day (UTC)"
        budget += f"; of this sample {evaluation.rows.share:.0%} of that" if evaluation.rows.share < 1 else ""
    return f"The budget is {budget}. {BRACKETS}"


def textbook_sentence(evaluation: Evaluation) -> str:
    """Why accuracy and ROC AUC mislead where anomalies are rare."""
    assert evaluation.rows.anomalous is not None
    normal = 1 - float(evaluation.rows.anomalous.mean())
    return (
        f"Accuracy and ROC AUC, the textbook's metrics, mislead here: {normal:.2%} of the rows are normal, so a model "
        f"that never raises an alert has an accuracy of {normal:.2%}, and a ROC AUC near 1 still allows many false "
        "alerts for each anomaly."
    )


KIND_FIGURES = ("average\nprecision", "recall at\n0.1 % FP", "budget:\nrecall", "flagged")


def kind_row(found: KindFigures) -> tuple[object, ...]:
    return (
        f"{found.average_precision:.3f}",
        f"{found.recall_at_false_positives:.1%}",
        f"{found.recall_at_budget:.1%}",
        None if found.flagged is None else f"{found.flagged:.1%}",
    )

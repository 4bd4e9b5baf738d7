"""What models and baselines are worth where rows are labelled: the section that evaluations and comparisons share."""

from typing import Any

from matplotlib.figure import Figure

from eddy.model.arrays import Bools
from eddy.model.evaluation.evaluate import Evaluation
from eddy.model.evaluation.metrics import precision_recall
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.tables import FIGURES, budget_sentence, method_rows, textbook_sentence


def detection_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """What `detection_metrics.html` shows; nothing where no row is labelled."""
    labels = evaluation.rows.anomalous
    if labels is None:
        return {}
    return {
        "metrics": list(FIGURES),
        "by_metric": method_rows(evaluation),
        "budget": budget_sentence(evaluation),
        "textbook": textbook_sentence(evaluation),
        "curve": _curve(evaluation, labels),
    }


def _curve(evaluation: Evaluation, labels: Bools) -> Figure:
    models = [(result.name, *precision_recall(result.verdicts.score, labels)) for result in evaluation.models]
    others = [(baseline.name, *precision_recall(baseline.score, labels)) for baseline in evaluation.baselines]
    return plots.precision_recall(models, others, float(labels.mean()))

"""Draws the report of a training while its rows are at hand: other settings are tried for it, too."""

from collections.abc import Sequence

from eddy.model.progress import ProgressCallback
from eddy.model.training.ablation import AblationResult, EvaluationSet, ablate
from eddy.model.training.fit import Learned
from eddy.model.training.prepare import Prepared
from eddy.reports.training.report import training_report


def build(model: Learned, prepared: Prepared, on_progress: ProgressCallback, notes: Sequence[str] = ()) -> str:
    """The report's page (HTML), for `model.training.train.train`; `notes` say what was done with the table before."""
    sentences, ablation = [*notes, *prepared.notes, *model.notes], None
    try:
        if model.keras or model.config.clusters:  # pairs of categories leave nothing to vary
            ablation = _ablation(model, prepared, on_progress)
    except (ArithmeticError, ValueError) as error:  # what is only tried must not cost the model that was learned
        sentences.append(f"Other settings could not be tried: {error}.")
    on_progress("drawing the report", 0.6)
    return training_report(model, sentences, ablation)


def _ablation(model: Learned, prepared: Prepared, on_progress: ProgressCallback) -> AblationResult:
    diagnostics, anomalies = model.diagnostics, len(prepared.anomalies)
    labelled = (
        diagnostics.anomalies[:0] if model.config.keep_labelled else diagnostics.anomalies
    )  # these were learned, too
    rows = EvaluationSet(diagnostics.held_out, labelled, anomalies / (anomalies + len(prepared.columns)))
    return ablate(
        prepared.columns[model.learned],
        rows,
        model.schema,
        model.config,
        lambda done: on_progress("trying other settings", 0.6 * done),
    )

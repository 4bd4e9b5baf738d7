"""The report of a training: what the model learned, what its scores are worth, and which rows it scores highest."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from eddy.model.arrays import Floats
from eddy.model.config import DEFAULTS
from eddy.model.evaluation.compare import top_scoring, top_scoring_shared
from eddy.model.serving.text import one_in, shares_text
from eddy.model.training.ablation import AblationResult
from eddy.model.training.diagnostics import TrainingDiagnostics
from eddy.model.training.fit import Learned
from eddy.reports.observed_expected import observed_expected
from eddy.reports.page import page, unbroken
from eddy.reports.plots import MOST_FIELDS, contributions, mean_shares
from eddy.reports.training import ablation, latent_map, plots

EXAMPLES = 12
SMALL_PICTURES = 16
REASONS = 3
UNSEEN_SHARE = 0.001


def training_report(learned: Learned, notes: Sequence[str] = (), ablated: AblationResult | None = None) -> str:
    """The results of a training, as a page (HTML).

    Args:
        learned: a `model.training.fit.Learned`.
        notes: sentences about what was done with the table before: what was dropped, filled in, left out, sampled.
        ablated: what other settings lead to, if that was tried.
    """
    diagnostics, config, calibration = learned.diagnostics, learned.config, learned.calibration
    threshold, history = calibration.score_at(config.alert_rate), diagnostics.history
    return page(
        "training.html",
        notes=notes,
        held_out=len(diagnostics.scores.score),
        anomalies=len(diagnostics.anomalies),
        summary=_summary(learned, threshold),
        unseen=_unseen(learned),
        loss=plots.losses(history) if len(history) > 1 else None,
        overfitted=len(history) > 1 and history[-1][2] > 1.1 * min(loss for _, _, loss in history),
        scores=plots.scores(diagnostics.scores.score, diagnostics.anomaly_scores.score, threshold),
        calibration=plots.calibration(calibration, diagnostics.scores.score, threshold),
        calibration_rows=calibration.rows,
        rate=one_in(config.alert_rate),
        reaching=config.alert_rate * calibration.rows,
        examples=_examples(learned),
        maps=latent_map.maps(learned),
        ablation=ablated and ablation.shown(ablated),
        settings=_settings(learned),
        **_fields(learned),
        **_observed_expected(learned),
    )


def _summary(learned: Learned, threshold: float) -> list[tuple[str, object]]:
    diagnostics, rate = learned.diagnostics, learned.config.alert_rate
    rows: list[tuple[str, object]] = [
        ("rows that the model learned from", len(learned.learned)),
        ("rows held out: the model has not learned from them, all pictures show them", len(learned.held_out)),
        ("labelled anomalies, not learned from", len(diagnostics.anomalies)),
        ("fields that are scored", len(learned.schema.scored)),
        ("threshold", f"score {threshold:,.4g}, which {one_in(rate)} normal rows should reach"),
        ("held-out rows that reach it", _reaching(diagnostics.scores.score, threshold)),
    ]
    if len(diagnostics.anomalies):
        rows.append(("labelled anomalies that reach it", _reaching(diagnostics.anomaly_scores.score, threshold)))
    return rows


def _unseen(learned: Learned) -> list[str]:
    """Categories that keep bringing new levels, each of which scores high, and the share of rows with one."""
    names, unseen = learned.schema.categorical, learned.diagnostics.unseen
    return [f"{names[place]} {share:.1%}" for place, share in unseen.items() if share > UNSEEN_SHARE]


def _reaching(score: Floats, threshold: float) -> str:
    count = int((score >= threshold).sum())
    return f"{count:,} of {len(score):,} ({count / max(len(score), 1):.2%})"


def _fields(learned: Learned) -> dict[str, object]:
    """Shares of the score, and what the score would do without each field (nothing is trained again)."""
    diagnostics, fields = learned.diagnostics, learned.schema.scored
    score, each = diagnostics.scores.score, diagnostics.scores.contributions
    groups = [("normal", each), ("top-scoring 1 %", each[top_scoring(score)])]
    if len(diagnostics.anomalies):
        groups.append(("labelled anomalous", diagnostics.anomaly_scores.contributions))
    shares = [(name, mean_shares(rows)) for name, rows in groups]
    weight = shares[-1][1]
    without = [
        (fields[field], f"{top_scoring_shared(score, score - each[:, field]):.0%}", _precision(diagnostics, field))
        for field in np.argsort(-weight, kind="stable")[:MOST_FIELDS].tolist()
    ]
    return {
        "fields": len(fields),
        "most_fields": MOST_FIELDS,
        "contributions": contributions(fields, shares, weight),
        "precision": _precision(diagnostics),
        "without": without if len(diagnostics.anomalies) else [row[:2] for row in without],
    }


def _precision(diagnostics: TrainingDiagnostics, without: int | None = None) -> float | None:
    """Average precision of the labelled anomalies, if there are any."""
    from sklearn.metrics import average_precision_score

    if not len(diagnostics.anomalies):
        return None
    both = (diagnostics.scores, diagnostics.anomaly_scores)
    score = np.concatenate([rows.score - (0 if without is None else rows.contributions[:, without]) for rows in both])
    return float(average_precision_score(np.arange(len(score)) >= len(diagnostics.scores.score), score))


def _observed_expected(learned: Learned) -> dict[str, object]:
    diagnostics, names = learned.diagnostics, learned.schema.numeric
    weight = mean_shares(diagnostics.scores.contributions[top_scoring(diagnostics.scores.score)])
    normal = diagnostics.held_out.numeric, diagnostics.scores.expected
    anomalous = diagnostics.anomalies.numeric, diagnostics.anomaly_scores.expected
    figure = observed_expected(names, weight, SMALL_PICTURES, normal, anomalous) if names else None
    return {"observed": figure, "numeric": len(names), "most_numeric": SMALL_PICTURES}


def _examples(learned: Learned) -> list[tuple[object, ...]]:
    top = np.argsort(-learned.diagnostics.scores.score, kind="stable")[:EXAMPLES]
    verdicts = learned.detector().detect(learned.diagnostics.held_out[top])
    reasons = verdicts.reasons(range(len(top)), REASONS)
    return [
        (score, unbroken(one_in(rarity)), shares_text(largest, score))
        for score, rarity, largest in zip(verdicts.score.tolist(), verdicts.rarity.tolist(), reasons, strict=True)
    ]


def _settings(learned: Learned) -> list[tuple[str, str, str]]:
    values, usual = asdict(learned.config), asdict(DEFAULTS)
    return [(name.replace("_", "-"), _setting(value), _setting(usual[name])) for name, value in values.items()]


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "chosen from the data" if value is None else str(value)

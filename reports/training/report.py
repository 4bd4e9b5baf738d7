"""The report of a training: what the model learned, what its scores are worth, and what it finds strange."""

from collections.abc import Sequence
from dataclasses import asdict
from html import escape

import numpy as np
from numpy.typing import NDArray

from eddy.model.config import DEFAULTS
from eddy.model.serving.text import one_in, shares_text
from eddy.model.training.ablation import AblationResult
from eddy.model.training.diagnostics import TrainingDiagnostics
from eddy.model.training.fit import Learned
from eddy.reports.page import Page, unbroken
from eddy.reports.training import ablation, latent_map, plots

Floats = NDArray[np.float64]

STRANGEST_SHARE = 0.01
EXAMPLES = 12
SMALL_PICTURES = 16
REASONS = 3
UNSEEN_SHARE = 0.001


def training_report(learned: Learned, notes: Sequence[str] = (), ablated: AblationResult | None = None) -> Page:
    """What training found, as a page of its own.

    Args:
        learned: a `model.training.fit.Learned`.
        notes: sentences about what was done with the table before: what was dropped, filled in, left out, sampled.
        ablated: what other settings would have come to, if that was tried.
    """
    page = Page("Training report", "What this model takes for normal, and how sure it can be.")
    _summary(page, learned, notes)
    for write in (_loss, _scores, _calibration, _fields, _reconstruction, _examples, latent_map.write):
        write(page, learned)
    if ablated:
        ablation.write(page, ablated)
    _settings(page, learned)
    return page


def _summary(page: Page, learned: Learned, notes: Sequence[str]) -> None:
    diagnostics, config = learned.diagnostics, learned.config
    line = learned.calibration.score_at(config.alert_rate)
    page.section("Summary")
    rows: list[tuple[str, object]] = [
        ("rows that the model learned from", len(learned.learned)),
        ("rows held out: the model has not learned from them, all pictures show them", len(learned.held_out)),
        ("labelled anomalies at hand, not learned from", len(diagnostics.anomalies)),
        ("fields that are scored", len(learned.schema.scored)),
        ("threshold", f"score {line:,.4g}, which {one_in(config.alert_rate)} normal rows should reach"),
        ("held-out rows that reach it", _caught(diagnostics.scores.score, line)),
    ]
    if len(diagnostics.anomalies):
        rows.append(("labelled anomalies that reach it", _caught(diagnostics.anomaly_scores.score, line)))
    page.table(["", ""], rows)
    _unseen(page, learned)
    if notes:
        page.section("What was done with the table", 3)
        page.raw(f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>")


def _unseen(page: Page, learned: Learned) -> None:
    """Categories that keep bringing new levels make every new level strange."""
    names = learned.schema.categorical
    many = {names[place]: share for place, share in learned.diagnostics.unseen.items() if share > UNSEEN_SHARE}
    if many:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in many.items())
        page.note(
            f"Held-out rows with a level that no row learned from has: {shares}. New levels are as strange as can be: "
            "set such fields to ignored or identifier in the schema, or give more rows.",
            warning=True,
        )


def _caught(score: Floats, line: float) -> str:
    count = int((score >= line).sum())
    return f"{count:,} of {len(score):,} ({count / max(len(score), 1):.2%})"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "chosen from the data" if value is None else str(value)


def _loss(page: Page, learned: Learned) -> None:
    history = learned.diagnostics.history
    page.section("Learning")
    if len(history) < 2:
        page.paragraph("There is no curve of the loss: no network was trained, or only for one step.")
        return
    figure = plots.losses(history)
    page.figure(figure, "Mean loss by step. What matters is the curve of the rows that the networks do not learn from.")
    rising = history[-1][2] > 1.1 * min(held_out for _, _, held_out in history)
    if rising:
        page.note(
            "The loss on held-out rows rises at the end: the networks learn their rows by heart. Give more rows, "
            "fewer steps or a smaller bottleneck.",
            warning=True,
        )


def _scores(page: Page, learned: Learned) -> None:
    diagnostics, line = learned.diagnostics, learned.calibration.score_at(learned.config.alert_rate)
    page.section("Scores")
    figure = plots.scores(diagnostics.scores.score, diagnostics.anomaly_scores.score, line)
    page.figure(
        figure, f"Scores of {_rows_shown(diagnostics)}. To the right of the dashed line is what raises an alert."
    )


def _calibration(page: Page, learned: Learned) -> None:
    line = learned.calibration.score_at(learned.config.alert_rate)
    page.section("Calibration")
    page.paragraph(
        "A score means nothing outside its model; its rarity does: the share of normal rows expected to score at "
        "least as high. Where rows are many it is counted, beyond them it is extrapolated."
    )
    figure = plots.calibration(learned.calibration, learned.diagnostics.scores.score, line)
    page.figure(
        figure,
        f"Rarity against score. The calibration was learned from {learned.calibration.rows:,} held-out rows; dots "
        "should lie on the curve, but for the last few, which are down to chance.",
    )
    reaching = learned.config.alert_rate * learned.calibration.rows
    if reaching < 5:
        page.note(
            f"At {one_in(learned.config.alert_rate)}, only about {reaching:.2g} of {learned.calibration.rows:,} rows "
            "reach the threshold: it is an extrapolation. More rows, or a higher rate, make it firmer.",
            warning=True,
        )


def _fields(page: Page, learned: Learned) -> None:
    diagnostics, fields = learned.diagnostics, learned.schema.scored
    strange = _strangest(diagnostics.scores.score)
    kinds = [("normal", diagnostics.scores.contributions), ("strangest 1 %", diagnostics.scores.contributions[strange])]
    if len(diagnostics.anomalies):
        kinds.append(("labelled anomalous", diagnostics.anomaly_scores.contributions))
    shares = [(name, _shares(parts)) for name, parts in kinds]
    order = np.argsort(-shares[-1][1], kind="stable")
    page.section("Fields")
    page.paragraph(
        "Contributions of fields add up to the score. A field that makes much of the score of normal rows, and little "
        "of strange ones, is noise to the model: consider setting it to ignored in the schema."
    )
    named = [fields[place] for place in order]
    figure = plots.contributions(named, [(name, share[order]) for name, share in shares])
    most = plots.BARS
    cut = f" The {most} largest of {len(fields)} fields." if len(fields) > most else ""
    page.figure(figure, f"Each field's share of the score.{cut}")
    if len(fields) > 1:
        _without(page, diagnostics, [int(place) for place in order], fields)


def _without(page: Page, diagnostics: TrainingDiagnostics, order: Sequence[int], fields: Sequence[str]) -> None:
    """What the score would do without each field, its contribution struck out (nothing is trained again)."""
    labelled = len(diagnostics.anomalies) > 0
    rows = [
        (fields[place], _agreement(diagnostics.scores.score, diagnostics.scores.contributions[:, place]))
        + ((_precision(diagnostics, place),) if labelled else ())
        for place in order[: plots.BARS]
    ]
    page.section("Without one field", 3)
    page.paragraph(
        "What becomes of the score when one field's contribution is struck out, without training again: how many of "
        "the strangest 1 % of held-out rows stay among them"
        + (
            f", and the average precision, which is {_precision(diagnostics):.3f} with all fields "
            "(of labelled anomalies among the held-out rows, which are not in their true proportion)."
            if labelled
            else "."
        )
    )
    page.table(["without", "strangest that stay", *(["average precision"] if labelled else [])], rows)


def _agreement(score: Floats, part: Floats) -> str:
    before, after = _strangest(score), _strangest(score - part)
    return f"{len(np.intersect1d(before, after)) / len(before):.0%}"


def _precision(diagnostics: TrainingDiagnostics, place: int | None = None) -> float:
    from sklearn.metrics import average_precision_score

    both = (diagnostics.scores, diagnostics.anomaly_scores)
    score = np.concatenate([some.score - (0 if place is None else some.contributions[:, place]) for some in both])
    return float(average_precision_score(np.arange(len(score)) >= len(diagnostics.scores.score), score))


def _strangest(score: Floats) -> NDArray[np.intp]:
    return np.argsort(-score, kind="stable")[: max(1, round(STRANGEST_SHARE * len(score)))]


def _shares(contributions: Floats) -> Floats:
    mean = contributions.astype(np.float64).mean(axis=0)
    return np.asarray(mean / (np.abs(mean).sum() or 1.0))


def _reconstruction(page: Page, learned: Learned) -> None:
    diagnostics, schema = learned.diagnostics, learned.schema
    share = _shares(diagnostics.scores.contributions[_strangest(diagnostics.scores.score)])
    chosen = np.argsort(-share[: len(schema.numeric)], kind="stable")[:SMALL_PICTURES]
    if not len(chosen):
        return
    page.section("Observed and expected")
    page.paragraph(
        "The expected value is what the model makes of a row when only what rows have in common is let through (with "
        "clusters: the middle of the nearest). On the dashed line both are the same; far from it, a field does not "
        "fit the rest of its row."
    )
    pictures = [_field_values(diagnostics, schema.numeric, int(place)) for place in sorted(chosen)]
    cut = f"The {len(chosen)} numeric fields (of {len(schema.numeric)}) that make most of the strangest rows' scores: "
    alone = "" if len(chosen) == len(schema.numeric) else cut
    page.figure(
        plots.reconstruction(pictures), f"{alone}{_rows_shown(diagnostics)}. What lies beyond stands at the edge."
    )


def _field_values(
    diagnostics: TrainingDiagnostics, names: Sequence[str], place: int
) -> tuple[str, Floats, Floats, Floats, Floats]:
    return (
        names[place],
        diagnostics.held_out.numeric[:, place],
        diagnostics.scores.expected[:, place],
        diagnostics.anomalies.numeric[:, place],
        diagnostics.anomaly_scores.expected[:, place],
    )


def _examples(page: Page, learned: Learned) -> None:
    score = learned.diagnostics.scores.score
    strangest = np.argsort(-score, kind="stable")[:EXAMPLES]
    verdicts = learned.detector().judge(learned.diagnostics.held_out[strangest])
    page.section("The strangest normal rows")
    page.paragraph(
        "Held-out rows that nobody has labelled, with the largest parts of their scores: observed (expected), share. "
        "They show what the first alerts will look like. If they are mistakes of the table, mend it; if they are "
        "frauds nobody has labelled, good."
    )
    rows = []
    for row in range(len(strangest)):
        parts = verdicts.contributions(row, REASONS)
        reached, rarity = float(verdicts.score[row]), unbroken(one_in(float(verdicts.rarity[row])))
        rows.append((reached, rarity, shares_text(parts, reached)))
    page.table(["score", "rarity", "because of"], rows)


def _settings(page: Page, learned: Learned) -> None:
    usual = asdict(DEFAULTS)
    page.section("Settings")
    page.table(
        ["setting", "value", "default"],
        [
            (name.replace("_", "-"), _plain(value), _plain(usual[name]))
            for name, value in asdict(learned.config).items()
        ],
    )


def _rows_shown(diagnostics: TrainingDiagnostics) -> str:
    anomalies = f" and {len(diagnostics.anomalies):,} labelled anomalies" if len(diagnostics.anomalies) else ""
    return f"{len(diagnostics.scores.score):,} held-out rows{anomalies}"

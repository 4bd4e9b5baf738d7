"""The report of an evaluation: what models are worth on given rows, beside what one would have used instead."""

from collections.abc import Callable
from html import escape

import numpy as np
from numpy.typing import NDArray

from eddy.model.evaluation.evaluate import Judged, Trial
from eddy.model.evaluation.metrics import precision_recall
from eddy.model.serving.text import one_in, shares_text
from eddy.reports.evaluation import plots
from eddy.reports.evaluation.tables import (
    FIGURES,
    KIND_FIGURES,
    budget_sentence,
    calibration_points,
    kind_row,
    kind_rows,
    method_rows,
    textbook_sentence,
)
from eddy.reports.page import Page, unbroken
from eddy.reports.training import plots as training_plots

Floats = NDArray[np.float64]

STRANGEST = 15
REASONS = 3
SMALL_PICTURES = 12
SCATTER_ROWS, SCATTER_ANOMALIES = 3_000, 400

NO_LABELS = (
    "Nothing in these rows is labelled anomalous. So there are no figures of detection, no baselines to compare with "
    "and no precision-recall curve; what follows takes all rows for normal. A column such as is_fraud, or --label, "
    "adds the rest."
)


def evaluation_report(trial: Trial, source: str) -> Page:
    """What came out of a trial, as a page of its own."""
    several = "s" if len(trial.judged) > 1 else ""
    versions = ", ".join(judged.name for judged in trial.judged)
    page = Page("Evaluation", f"Model{several} {versions} on {source}.")
    _summary(page, trial)
    if trial.rows.anomalous is not None:
        _figures(page, trial)
        _curve(page, trial)
    for heading, write in _EACH:
        _for_each(page, trial, heading, write)
    return page


def _summary(page: Page, trial: Trial) -> None:
    page.section("Summary")
    if trial.rows.anomalous is None:
        page.note(NO_LABELS, warning=True)
    page.raw(f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in trial.notes)}</ul>")
    rows = [
        (
            judged.name,
            int(judged.verdicts.anomalous.sum()),
            float(judged.verdicts.anomalous.mean()),
            judged.detector.threshold.rate,
            judged.verdicts.threshold,
        )
        for judged in trial.judged
    ]
    page.table(["model", "rows flagged", "share flagged", "share requested of normal rows", "threshold"], rows)


def _figures(page: Page, trial: Trial) -> None:
    page.section("Figures")
    page.table(["", *FIGURES], method_rows(trial))
    page.paragraph(budget_sentence(trial))
    page.paragraph(textbook_sentence(trial))


def _curve(page: Page, trial: Trial) -> None:
    assert trial.rows.anomalous is not None
    labels = trial.rows.anomalous
    models = [(judged.name, *precision_recall(judged.verdicts.score, labels)) for judged in trial.judged]
    others = [(baseline.name, *precision_recall(baseline.score, labels)) for baseline in trial.baselines]
    page.section("Precision and recall")
    page.figure(
        plots.precision_recall(models, others, float(labels.mean())),
        "At every threshold: of the alerts, how many are anomalies (precision); of the anomalies, how many are alerts "
        "(recall). The area under a line is the average precision.",
    )


Write = Callable[[Page, Judged, Trial], None]


def _for_each(page: Page, trial: Trial, heading: str, write: Write) -> None:
    if write is _kinds and not any(judged.figures and judged.figures.kinds for judged in trial.judged):
        return
    if write is _confusion and trial.rows.anomalous is None:
        return
    page.section(heading)
    for judged in trial.judged:
        if len(trial.judged) > 1:
            page.section(judged.name, 3)
        write(page, judged, trial)


def _kinds(page: Page, judged: Judged, trial: Trial) -> None:
    assert judged.figures is not None
    page.table(
        ["kind", "anomalies", *KIND_FIGURES],
        [(found.kind, found.rows, *kind_row(found)) for found in judged.figures.kinds],
    )
    page.paragraph("Each kind among all normal rows and no other anomalies.")
    if trial.baselines and judged is trial.judged[-1]:
        page.section("Average precision by kind and method", 3)
        page.table(["", *(found.kind for found in judged.figures.kinds)], kind_rows(trial))


def _confusion(page: Page, judged: Judged, _: Trial) -> None:
    assert judged.figures is not None
    found = judged.figures.confusion
    assert found is not None
    page.table(
        ["", "flagged", "passed"],
        [("labelled anomalous", found.caught, found.missed), ("labelled normal", found.false_alarms, found.passed)],
    )
    page.paragraph(
        f"At the threshold {judged.verdicts.threshold:.4g}: precision {found.precision:.1%}, recall "
        f"{found.recall:.1%}, {found.false_positive_rate:.3%} of normal rows flagged, accuracy {found.accuracy:.2%}."
    )


def _scores(page: Page, judged: Judged, trial: Trial) -> None:
    rarity, labels = judged.verdicts.rarity, _labels(trial)
    names = ("all rows", "") if trial.rows.anomalous is None else ("normal", "anomalous")
    line = float(judged.detector.calibration.rarity(np.array([judged.verdicts.threshold]))[0])
    page.figure(
        plots.rarities(rarity[~labels], rarity[labels], line, names),
        "Shares of rows by rarity, both axes logarithmic: the share of normal rows that the model expects to be at "
        "least as strange. To the right of the dashed line is what it flags.",
    )


def _calibration(page: Page, judged: Judged, trial: Trial) -> None:
    normal, points = judged.verdicts.rarity[~_labels(trial)], calibration_points(trial, judged)
    line = judged.detector.threshold.rate or float(
        judged.detector.calibration.rarity(np.array([judged.verdicts.threshold]))[0]
    )
    page.figure(
        plots.calibration(points, line),
        f"Of {len(normal):,} {'rows' if trial.rows.anomalous is None else 'normal rows'}, the share that a threshold "
        "of the requested alert rate flags. On the dashed line the model keeps its promise.",
    )
    expected, found = line * len(normal), int((normal <= line).sum())
    page.paragraph(
        f"At the model's own threshold {expected:,.3g} of these rows are to be expected; {found:,} were flagged."
    )


def _fields(page: Page, judged: Judged, trial: Trial) -> None:
    labels, parts = _labels(trial), judged.verdicts.contribution_matrix.astype(np.float64)
    normal = "all rows" if trial.rows.anomalous is None else "normal"
    kinds = [
        (normal, parts[~labels]),
        ("flagged", parts[judged.verdicts.anomalous]),
        ("labelled anomalous", parts[labels]),
    ]
    means = [(name, rows.mean(axis=0) / max(abs(rows.mean(axis=0)).sum(), 1e-12)) for name, rows in kinds if len(rows)]
    order = np.argsort(-means[-1][1], kind="stable")
    fields = judged.detector.schema.scored
    cut = f" The {training_plots.BARS} largest of {len(fields)}." if len(fields) > training_plots.BARS else ""
    page.figure(
        training_plots.contributions([fields[i] for i in order], [(name, share[order]) for name, share in means]),
        f"Each field's share of the mean score.{cut}",
    )


def _reconstruction(page: Page, judged: Judged, trial: Trial) -> None:
    names, labels = judged.detector.schema.numeric, _labels(trial)
    if not names:
        page.paragraph("There is no numeric field to show.")
        return
    strange = labels if labels.any() else judged.verdicts.anomalous
    matrix = judged.verdicts.contribution_matrix
    weight = matrix[strange if strange.any() else ~strange].mean(axis=0)
    shown = sorted(np.argsort(-weight[: len(names)], kind="stable")[:SMALL_PICTURES])
    normal, some = _some(~strange, SCATTER_ROWS), _some(strange, SCATTER_ANOMALIES)
    sides = [
        (judged.columns[rows].numeric, judged.detector.judge(judged.columns[rows]).expected) for rows in (normal, some)
    ]
    pictures = [(names[i], *(values[:, i] for side in sides for values in side)) for i in shown]
    which = "labelled anomalous" if labels.any() else "flagged"
    cut = f"The {len(shown)} numeric fields of {len(names)} that matter most. " if len(shown) < len(names) else ""
    page.figure(
        training_plots.reconstruction(pictures),
        f"{cut}Observed values against those that the model expected from the rest of the row: {len(normal):,} normal "
        f"rows (blue), {len(some):,} {which} (orange). What lies beyond stands at the edge.",
    )


def _strangest(page: Page, judged: Judged, trial: Trial) -> None:
    verdicts, labels = judged.verdicts, trial.rows.anomalous
    rows = []
    for i in np.argsort(-verdicts.score, kind="stable")[:STRANGEST]:
        parts = verdicts.contributions(int(i), REASONS)
        known = None if labels is None else ("anomalous" if labels[i] else "normal")
        rows.append(
            (
                int(trial.rows.table.index[i]) + 1,
                unbroken(one_in(float(verdicts.rarity[i]))),
                float(verdicts.score[i]),
                *([] if known is None else [known]),
                shares_text(parts, float(verdicts.score[i])),
            )
        )
    page.table(["row", "rarity", "score", *([] if labels is None else ["label"]), "because of"], rows)
    page.paragraph("Rows are counted from 1 in the table. Identifiers are left out, so that this page can be shown.")


_EACH: tuple[tuple[str, Write], ...] = (
    ("Kinds of anomalies", _kinds),
    ("At the threshold", _confusion),
    ("Scores", _scores),
    ("Calibration", _calibration),
    ("Fields", _fields),
    ("Observed and expected", _reconstruction),
    ("The strangest rows", _strangest),
)


def _labels(trial: Trial) -> NDArray[np.bool_]:
    return np.zeros(len(trial.rows), np.bool_) if trial.rows.anomalous is None else trial.rows.anomalous


def _some(chosen: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Places of at most so many of the chosen rows, evenly spread."""
    places = np.flatnonzero(chosen)
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.intp)]

"""The section of the training report on other settings: what contamination and groups of features do to the score."""

from typing import TYPE_CHECKING

import numpy as np

from eddy.model.training.ablation import FEWEST_ANOMALIES, SMALLEST_DIFFERENCE, AblationResult, RunComparison
from eddy.reports import plots
from eddy.reports.page import Page, unbroken
from eddy.reports.training.plots import LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGREEMENT_LIMIT = 0.1
"""With some dozens of rows, a smaller difference in agreement is chance."""


def write(page: Page, result: AblationResult) -> None:
    """What each setting would change, and what to do about it."""
    page.section("Other settings").paragraph(_how(result)).note(_caution(result))
    shaded = "Shaded, around the dashed line: what chance may do to the settings as chosen."
    page.figure(bars(result), f"What each setting does to the score. {shaded}", _alt(result))
    page.table(
        ["", "top rows in common", "rank correlation", *(["average precision"] * _labelled(result)), "what to do"],
        [_row(result, comparison) for comparison in result.comparisons],
    )
    page.paragraph(_reading(result))


def _labelled(result: AblationResult) -> bool:
    return result.comparisons[0].average_precision is not None


def _how(result: AblationResult) -> str:
    kind = f"one network and {result.steps:,} steps" if result.steps else "as many clusters"
    return (
        f"The settings as chosen, and others, trained quickly: {kind}, {result.rows:,} rows; each "
        f"{result.times} times with different seeds, of which the mean is shown. They score {_scored_rows(result)}."
    )


def _caution(result: AblationResult) -> str:
    said = "These are quick models, not the one that was stored: only differences between them count. "
    if not _labelled(result):
        return f"{said}Of agreement, differences under {100 * AGREEMENT_LIMIT:.0f} points mean nothing."
    least = f"those under {SMALLEST_DIFFERENCE:g} mean nothing"
    if result.chance > SMALLEST_DIFFERENCE:
        least += f" on any table, and here those under {result.chance:.2f}: as much lies between seeds"
    return f"{said}Of differences in average precision, {least}."


def _scored_rows(result: AblationResult) -> str:
    rows = f"the {result.held_out:,} held-out rows of this report"
    if not result.anomalies:
        return rows
    return f"{rows} and {result.anomalies:,} labelled anomalies, which count at their share of the table, " + (
        f"{result.share:.2%}"
    )


def _reading(result: AblationResult) -> str:
    told = (
        f"Top rows in common: the share of the {result.top_rows:,} top-scoring rows that a setting and the settings as "
        "chosen agree on; as alerts are the top-scoring rows, it says how many alerts would be others. In the first "
        "row, two trainings of the same settings: more agreement cannot be expected. Rank correlation: how alike the "
        "order of all held-out rows is, usual ones included. Groups are left out one at a time: of two that say the "
        "same, each can be spared, but not both."
    )
    if _labelled(result):
        return told + (
            " Average precision: 1 if every labelled anomaly scores higher than all other rows; of quick models, so "
            "lower or higher than the stored model's."
        )
    few = f"there are fewer than {FEWEST_ANOMALIES} labelled anomalies that were not learned from"
    return told + f" Which of two settings is right, agreement cannot say, and {few}."


def _row(result: AblationResult, comparison: RunComparison) -> tuple[object, ...]:
    gain = _gain(result, comparison)
    beside = f" ({gain:+.3f})" if comparison is not result.comparisons[0] else ""
    return (
        unbroken(comparison.run.name),
        f"{comparison.agreement:.0%}",
        f"{comparison.correlation:.2f}",
        *([unbroken(f"{comparison.average_precision:.3f}{beside}")] if _labelled(result) else []),
        advice(result, comparison),
    )


def _gain(result: AblationResult, comparison: RunComparison) -> float:
    """Over the settings as chosen, in average precision; 0 where there is none."""
    return (comparison.average_precision or 0.0) - (result.comparisons[0].average_precision or 0.0)


def advice(result: AblationResult, comparison: RunComparison) -> str:
    """How to read a comparison's figures, and what to do."""
    chosen, do = result.comparisons[0], f"eddy train ... {comparison.run.option}"
    if comparison is chosen:
        return "What the others are compared with: here, two trainings of the same settings."
    others = chosen.agreement - comparison.agreement >= AGREEMENT_LIMIT
    if not _labelled(result):
        return _by_agreement(comparison, others, do)
    gain = _gain(result, comparison)
    if gain >= result.chance:
        return f"Finds the labelled anomalies better. Try {do} and compare the two: eddy models compare"
    if gain <= -result.chance:
        group = comparison.run.without
        return f"Finds the labelled anomalies worse: {f'keep {group}' if group else 'leave the setting as it is'}."
    if others:
        return "Other rows would score highest, but the labels cannot say which are the right ones: leave it as it is."
    return "Makes no difference that could be told from chance: leave it as it is."


def _by_agreement(comparison: RunComparison, others: bool, do: str) -> str:
    group = comparison.run.without
    if group and others:
        return f"Other rows would score highest: the group {group} decides much. If it should not, leave it out: {do}"
    if group:
        return f"Hardly changes which rows score highest: the other groups say as much. To leave {group} out: {do}"
    if others:
        return f"Other rows would score highest. Only who knows how clean the rows are can choose. To change it: {do}"
    return "Hardly changes which rows score highest, so it matters little: leave it as it is."


def _alt(result: AblationResult) -> str:
    return "; ".join(
        f"{comparison.run.name}: {comparison.agreement:.0%} in common" for comparison in result.comparisons
    )


@plots.drawn
def bars(result: AblationResult) -> "Figure":
    """Agreement of each run, beside it average precision where there are labels; the chosen settings' are lines."""
    comparisons = result.comparisons
    labelled = _labelled(result)
    figure, places = plots.subplots(1, 1 + labelled, 8.0, 0.8 + 0.27 * len(comparisons))
    _bars(places[0], [comparison.agreement for comparison in comparisons], AGREEMENT_LIMIT)
    places[0].set(xlabel="top rows in common", xlim=(0, 1.02))
    places[0].xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    places[0].set_yticks(range(len(comparisons)), [comparison.run.name for comparison in comparisons])
    if labelled:
        _bars(places[1], [comparison.average_precision or 0.0 for comparison in comparisons], result.chance)
        places[1].set_xlabel("average precision")
        places[1].set_xlim(left=0)
        places[1].set_yticks([])
    return figure


def _bars(axes: "Axes", values: list[float], chance: float) -> None:
    """Horizontal bars, the first on top; shaded is what chance may do to the first."""
    colours = [plots.OTHERS[3], *[plots.NORMAL] * (len(values) - 1)]
    axes.axvspan(values[0] - chance, values[0] + chance, color=LINE, alpha=0.2, lw=0)
    axes.barh(np.arange(len(values)), values, 0.62, color=colours)
    axes.axvline(values[0], color=LINE, ls="--", lw=1.0)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.grid(axis="x")

"""The section of the training report on other settings: what contamination and groups of features do to the score."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eddy.model.training.ablation import FEWEST_ANOMALIES, SMALLEST_DIFFERENCE, AblationResult, RunComparison
from eddy.reports import plots
from eddy.reports.page import unbroken
from eddy.reports.plots import GREY

AGREEMENT_LIMIT = 0.1
"""With some dozens of rows, a smaller difference in agreement is chance."""


def shown(result: AblationResult) -> dict[str, Any]:
    """What `ablation.html` shows."""
    return {
        "found": result,
        "labelled": _labelled(result),
        "agreement_limit": AGREEMENT_LIMIT,
        "smallest_difference": SMALLEST_DIFFERENCE,
        "fewest": FEWEST_ANOMALIES,
        "bars": bars(result),
        "alt": "; ".join(
            f"{comparison.run.name}: {comparison.agreement:.0%} in common" for comparison in result.comparisons
        ),
        "runs": [_row(result, comparison) for comparison in result.comparisons],
    }


def _labelled(result: AblationResult) -> bool:
    return result.comparisons[0].average_precision is not None


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
    """How to read a comparison's metrics, and what to do."""
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
        return "Other rows would score highest, but the labels cannot say which are right: leave it as it is."
    return "Makes no difference beyond chance: leave it as it is."


def _by_agreement(comparison: RunComparison, others: bool, do: str) -> str:
    group = comparison.run.without
    if group and others:
        return f"Other rows would score highest: the group {group} decides much. If it should not, leave it out: {do}"
    if group:
        return f"Hardly changes which rows score highest: the other groups say as much. To leave {group} out: {do}"
    if others:
        return f"Other rows would score highest. Only who knows how clean the rows are can choose. To change it: {do}"
    return "Hardly changes which rows score highest, so it matters little: leave it as it is."


@plots.drawn
def bars(result: AblationResult) -> Figure:
    """Agreement of each run, beside it average precision where there are labels; the chosen settings' are lines."""
    comparisons = result.comparisons
    labelled = _labelled(result)
    figure, places = plots.subplots(1, 1 + labelled, 8.0, 0.8 + 0.27 * len(comparisons))
    names = [comparison.run.name for comparison in comparisons]
    _bars(places[0], names, [comparison.agreement for comparison in comparisons], AGREEMENT_LIMIT)
    places[0].set(xlabel="top-scoring rows in common", xlim=(0, 1.02))
    plots.percents(places[0].xaxis)
    if labelled:
        _bars(places[1], [], [comparison.average_precision or 0.0 for comparison in comparisons], result.chance)
        places[1].set_xlabel("average precision")
        places[1].set_xlim(left=0)
    return figure


def _bars(axes: Axes, names: list[str], values: list[float], chance: float) -> None:
    """Shaded is the variation of the first by chance."""
    axes.axvspan(values[0] - chance, values[0] + chance, color=GREY, alpha=0.2, lw=0)
    plots.bars(axes, names, values, height=0.62, color=[plots.OTHERS[3], *[plots.NORMAL] * (len(values) - 1)])
    axes.axvline(values[0], color=GREY, ls="--", lw=1.0)
    axes.grid(axis="x")

"""The section of the training report on the ablation: what contamination and groups of features do to the score."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eddy.model.training.ablation import FEWEST_ANOMALIES, SMALLEST_DIFFERENCE, Choice, Compared
from eddy.reports import plots
from eddy.reports.page import unbroken
from eddy.reports.plots import GREY

AGREEMENT_LIMIT = 0.1
"""With some dozens of rows, a smaller difference in agreement is chance."""


def shown(compared: Compared) -> dict[str, Any]:
    """What `ablation.html` shows."""
    return {
        "found": compared,
        "labelled": _labelled(compared),
        "agreement_limit": AGREEMENT_LIMIT,
        "smallest_difference": SMALLEST_DIFFERENCE,
        "fewest": FEWEST_ANOMALIES,
        "bars": bars(compared),
        "alt": "; ".join(f"{choice.variant.name}: {choice.agreement:.0%} in common" for choice in compared.choices),
        "runs": [_row(compared, choice) for choice in compared.choices],
    }


def _labelled(compared: Compared) -> bool:
    return compared.choices[0].average_precision is not None


def _row(compared: Compared, choice: Choice) -> tuple[object, ...]:
    gain = _gain(compared, choice)
    beside = f" ({gain:+.3f})" if choice is not compared.choices[0] else ""
    return (
        unbroken(choice.variant.name),
        f"{choice.agreement:.0%}",
        f"{choice.correlation:.2f}",
        *([unbroken(f"{choice.average_precision:.3f}{beside}")] if _labelled(compared) else []),
        advice(compared, choice),
    )


def _gain(compared: Compared, choice: Choice) -> float:
    """Over the settings as chosen, in average precision; 0 where there is none."""
    return (choice.average_precision or 0.0) - (compared.choices[0].average_precision or 0.0)


def advice(compared: Compared, choice: Choice) -> str:
    """How to read a choice's metrics, and what to do."""
    chosen, do = compared.choices[0], f"eddy train ... {choice.variant.option}"
    if choice is chosen:
        return "What the others are compared with: here, two trainings of the same settings."
    others = chosen.agreement - choice.agreement >= AGREEMENT_LIMIT
    if not _labelled(compared):
        return _by_agreement(choice, others, do)
    gain = _gain(compared, choice)
    if gain >= compared.chance:
        return f"Finds the labelled anomalies better. Try {do} and compare the two: eddy models compare"
    if gain <= -compared.chance:
        group = choice.variant.without
        return f"Finds the labelled anomalies worse: {f'keep {group}' if group else 'leave the setting as it is'}."
    if others:
        return "Other rows would score highest, but the labels cannot say which are right: leave it as it is."
    return "Makes no difference beyond chance: leave it as it is."


def _by_agreement(choice: Choice, others: bool, do: str) -> str:
    group = choice.variant.without
    if group and others:
        return f"Other rows would score highest: the group {group} decides much. If it should not, leave it out: {do}"
    if group:
        return f"Hardly changes which rows score highest: the other groups say as much. To leave {group} out: {do}"
    if others:
        return f"Other rows would score highest. Only who knows how clean the rows are can choose. To change it: {do}"
    return "Hardly changes which rows score highest, so it matters little: leave it as it is."


@plots.drawn
def bars(compared: Compared) -> Figure:
    """Agreement of each choice, beside it average precision where there are labels; the chosen settings' are lines."""
    choices = compared.choices
    labelled = _labelled(compared)
    figure, places = plots.subplots(1, 1 + labelled, 8.0, 0.8 + 0.27 * len(choices))
    names = [choice.variant.name for choice in choices]
    _bars(places[0], names, [choice.agreement for choice in choices], AGREEMENT_LIMIT)
    places[0].set(xlabel="top-scoring rows in common", xlim=(0, 1.02))
    plots.percents(places[0].xaxis)
    if labelled:
        _bars(places[1], [], [choice.average_precision or 0.0 for choice in choices], compared.chance)
        places[1].set_xlabel("average precision")
        places[1].set_xlim(left=0)
    return figure


def _bars(axes: Axes, names: list[str], values: list[float], chance: float) -> None:
    """Shaded is the variation of the first by chance."""
    axes.axvspan(values[0] - chance, values[0] + chance, color=GREY, alpha=0.2, lw=0)
    plots.bars(axes, names, values, height=0.62, color=[plots.OTHERS[3], *[plots.NORMAL] * (len(values) - 1)])
    axes.axvline(values[0], color=GREY, ls="--", lw=1.0)
    axes.grid(axis="x")

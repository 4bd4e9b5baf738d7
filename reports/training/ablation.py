"""The section of the training report on other choices: what contamination and groups of features do to the score."""

from typing import TYPE_CHECKING

import numpy as np

from eddy.model.training.ablation import FEWEST_ANOMALIES, SMALLEST_DIFFERENCE, Choice, Compared
from eddy.reports import plots
from eddy.reports.page import Page, unbroken
from eddy.reports.training.plots import LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGREEMENT_LIMIT = 0.1
"""With some dozens of rows, a smaller difference in agreement is chance."""


def write(page: Page, compared: Compared) -> None:
    """What each choice would change, and what to do about it."""
    page.section("Other choices").paragraph(_how(compared)).note(_caution(compared))
    shaded = "Shaded, around the dashed line: what chance may do to the settings as chosen."
    page.figure(bars(compared), f"What each choice does to the score. {shaded}", _alt(compared))
    page.table(
        ["", "strangest in common", "rank correlation", *(["average precision"] * _labelled(compared)), "what to do"],
        [_row(compared, choice) for choice in compared.choices],
    )
    page.paragraph(_reading(compared))


def _labelled(compared: Compared) -> bool:
    return compared.choices[0].average_precision is not None


def _how(compared: Compared) -> str:
    kind = f"one network and {compared.steps:,} steps" if compared.steps else "as many clusters"
    return (
        f"The settings as chosen, and others, trained quickly: {kind}, {compared.rows:,} rows; each "
        f"{compared.times} times with different seeds, of which the mean is shown. They judge {_judged(compared)}."
    )


def _caution(compared: Compared) -> str:
    said = "These are quick models, not the one that was stored: only differences between them count. "
    if not _labelled(compared):
        return f"{said}Of agreement, differences under {100 * AGREEMENT_LIMIT:.0f} points mean nothing."
    least = f"those under {SMALLEST_DIFFERENCE:g} mean nothing"
    if compared.chance > SMALLEST_DIFFERENCE:
        least += f" on any table, and here those under {compared.chance:.2f}: as much lies between seeds"
    return f"{said}Of differences in average precision, {least}."


def _judged(compared: Compared) -> str:
    rows = f"the {compared.held_out:,} held-out rows of this report"
    if not compared.anomalies:
        return rows
    return f"{rows} and {compared.anomalies:,} labelled anomalies, which count at their share of the table, " + (
        f"{compared.share:.2%}"
    )


def _reading(compared: Compared) -> str:
    told = (
        f"Strangest in common: the share of the {compared.strangest:,} strangest rows that the choice and the settings "
        "as chosen agree on; as alerts are the strangest rows, it says how many alerts would be others. In the first "
        "row, two trainings of the same settings: more agreement nobody can expect. Rank correlation: how alike the "
        "order of all held-out rows is, usual ones included. Groups are left out one at a time: of two that say the "
        "same, each can be spared, but not both."
    )
    if _labelled(compared):
        return told + (
            " Average precision: 1 if every labelled anomaly scores higher than all other rows; of quick models, so "
            "lower or higher than the stored model's."
        )
    few = f"there are fewer than {FEWEST_ANOMALIES} labelled anomalies, not learned from, to judge by"
    return told + f" Which of two choices is right, agreement cannot say, and {few}."


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
    """How to read a choice's figures, and what to do."""
    chosen, do = compared.choices[0], f"eddy train ... {choice.variant.option}"
    if choice is chosen:
        return "What the others are held against: here, two trainings of the same settings."
    others = chosen.agreement - choice.agreement >= AGREEMENT_LIMIT
    if not _labelled(compared):
        return _by_agreement(choice, others, do)
    gain = _gain(compared, choice)
    if gain >= compared.chance:
        return f"Finds the labelled anomalies better. Try {do} and hold the two against each other: eddy models compare"
    if gain <= -compared.chance:
        group = choice.variant.without
        return f"Finds the labelled anomalies worse: {f'keep {group}' if group else 'leave the setting as it is'}."
    if others:
        return "Other rows would be strangest, but the labels cannot say which are the right ones: leave it as it is."
    return "Makes no difference that could be told from chance: leave it as it is."


def _by_agreement(choice: Choice, others: bool, do: str) -> str:
    group = choice.variant.without
    if group and others:
        return f"Other rows would be strangest: the group {group} decides much. If it should not, leave it out: {do}"
    if group:
        return f"Hardly changes what is strangest: the other groups say as much. To leave {group} out: {do}"
    if others:
        return f"Other rows would be strangest. Only who knows how clean the rows are can choose. To change it: {do}"
    return "Hardly changes what is strangest, so it matters little: leave it as it is."


def _alt(compared: Compared) -> str:
    return "; ".join(f"{choice.variant.name}: {choice.agreement:.0%} in common" for choice in compared.choices)


@plots.drawn
def bars(compared: Compared) -> "Figure":
    """Agreement of each choice, beside it average precision where there are labels; the chosen settings' are lines."""
    choices = compared.choices
    labelled = _labelled(compared)
    figure, places = plots.subplots(1, 1 + labelled, 8.0, 0.8 + 0.27 * len(choices))
    _bars(places[0], [choice.agreement for choice in choices], AGREEMENT_LIMIT)
    places[0].set(xlabel="strangest rows in common", xlim=(0, 1.02))
    places[0].xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    places[0].set_yticks(range(len(choices)), [choice.variant.name for choice in choices])
    if labelled:
        _bars(places[1], [choice.average_precision or 0.0 for choice in choices], compared.chance)
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

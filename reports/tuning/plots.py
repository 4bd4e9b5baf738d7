"""The pictures of a search for settings."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eddy.model.evaluation.paired_bootstrap import Gain
from eddy.model.tuning.search_space import Choices, Setting
from eddy.model.tuning.study import Trial
from eddy.reports import plots
from eddy.reports.plots import ANOMALOUS, NORMAL

WIDTH = 5.8
LINE = 0.3
VALUE = "average precision (search)"


@plots.drawn
def history(trials: Sequence[Trial]) -> Figure:
    """The value of each trial, and the best so far."""
    figure, axes = plots.axes(WIDTH, 2.8)
    valued = [(trial.number, trial.value) for trial in trials if trial.value is not None]
    numbers, values = np.array(valued).T
    axes.plot(numbers, values, "o", color=NORMAL, markersize=4, label="a trial")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=ANOMALOUS, label="best so far")
    axes.axhline(values[0], linestyle=":", linewidth=1, color=NORMAL, label="the defaults (trial 0)")
    axes.set(xlabel="trial", ylabel="average precision")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@plots.drawn
def importances(shares: Mapping[str, float]) -> Figure:
    """Bars, the most important on top."""
    figure, axes = plots.axes(WIDTH, 0.6 + LINE * len(shares))
    plots.bars(axes, list(shares), list(shares.values()), height=0.6)
    axes.set(xlabel="share of the differences that the setting explains", xlim=(0, None))
    axes.tick_params(left=False)
    return figure


@plots.drawn
def slices(trials: Sequence[Trial], settings: Sequence[Setting], winner: Choices) -> Figure:
    """For each setting the trials by the option that they took; the winner's option is marked."""
    sizes = [len(setting.options) for setting in settings]
    figure = Figure(figsize=(WIDTH, 0.6 + sum(0.32 * size + 0.35 for size in sizes)))
    places = figure.subplots(len(settings), 1, sharex=True, squeeze=False, height_ratios=[size + 0.4 for size in sizes])
    for axes, setting in zip(places.ravel(), settings, strict=True):
        _slice(axes, trials, setting, winner.get(setting.name))
    places.ravel()[-1].set_xlabel(VALUE)
    return figure


def _slice(axes: Axes, trials: Sequence[Trial], setting: Setting, chosen: str | None) -> None:
    options = list(setting.options)
    for place, option in enumerate(options):
        values = [t.value for t in trials if t.value is not None and t.chosen.get(setting.name) == option]
        spread = 0.22 * np.sin(2.4 * np.arange(len(values)))  # the same at every drawing
        color = ANOMALOUS if option == chosen else NORMAL
        axes.plot(values, place + spread, "o", color=color, alpha=0.7, markersize=4)
    axes.set_yticks(range(len(options)), options)
    axes.set_ylim(len(options) - 0.5, -0.5)
    axes.set_title(setting.name, loc="left")
    axes.grid(axis="x")


@plots.drawn
def gain(found: Gain) -> Figure:
    """Defaults and winner on the rows that the search has not seen: all kinds of anomalies, then one by one."""
    kinds = found.kinds if len(found.kinds) > 1 else ()
    names = ["mean of all kinds" if kinds else "all anomalies", *(kind.kind for kind in kinds)]
    figure, axes = plots.axes(WIDTH, 1.0 + 0.5 * len(names))
    for offset, name, color, total, each in (
        (-0.13, "defaults", NORMAL, found.default, [kind.default for kind in kinds]),
        (0.13, "best of the search", ANOMALOUS, found.tuned, [kind.tuned for kind in kinds]),
    ):
        reach = [[max(0.0, total.value - total.low)], [max(0.0, total.high - total.value)]]
        axes.errorbar([total.value], [offset], xerr=reach, fmt="o", color=color, capsize=3, label=name)
        axes.plot(each, 1 + np.arange(len(each)) + offset, "o", color=color, markersize=5)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="average precision (rows that the search has not seen)", ylim=(len(names) - 0.4, -0.6))
    axes.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=2)
    return figure

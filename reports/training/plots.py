"""The pictures of the training report."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from eddy.model.arrays import Floats
from eddy.model.serving.calibration import Calibration
from eddy.model.serving.text import one_in
from eddy.reports import plots


@plots.drawn
def losses(history: Sequence[tuple[int, float, float]]) -> Figure:
    """Loss on training and on held-out rows, step by step."""
    steps, training, held_out = np.array(history, np.float64).T
    figure, axes = plots.axes(8.0, 2.8)
    axes.plot(steps, training, label="training rows")
    axes.plot(steps, held_out, label="held-out rows")
    axes.set(xlabel="step", ylabel="loss", xlim=(0, steps[-1]))
    if 0 < min(training.min(), held_out.min()) < 0.2 * max(training.max(), held_out.max()):
        axes.set_yscale("log")
    axes.grid(axis="y")
    axes.legend()
    return figure


@plots.drawn
def scores(normal: Floats, anomalies: Floats, threshold: float) -> Figure:
    """How scores are spread among held-out rows and labelled anomalies, and the threshold."""
    every = np.concatenate([normal, anomalies])
    bins = _bins(float(every.min()), max(float(every.max()), threshold))
    figure, axes = plots.axes(8.0, 2.8)
    plots.histograms(axes, bins, (normal, "normal, held out"), (anomalies, "labelled anomalous"))
    plots.threshold_line(axes, threshold)
    if bins[0] > 0:
        axes.set_xscale("log")
        _plain_numbers(axes)
    axes.set(xlabel="score", ylabel="share of rows")
    axes.legend()
    return figure


def _bins(low: float, high: float) -> Floats:
    """Over a logarithmic axis where all scores are positive."""
    if low <= 0:
        return np.linspace(low, high + 1e-9, 61)
    return np.geomspace(max(low, high * 1e-5) * 0.98, high * 1.05, 61)


def _plain_numbers(axes: Axes) -> None:
    """Labels of a logarithmic axis as numbers: 2, 5, 10, 20, ... where it is short."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")


@plots.drawn
def calibration(learned: Calibration, normal: Floats, threshold: float) -> Figure:
    """Rarity against score: what was counted among the held-out rows, and the curve that goes on beyond them."""
    figure, axes = plots.axes(8.0, 3.4)
    ordered = np.sort(normal)[::-1]
    counted = np.arange(1, len(ordered) + 1) / (len(ordered) + 1)
    thin = np.unique(np.geomspace(1, len(ordered), 300).astype(np.intp) - 1)
    end = max(learned.score_at(min(1e-6, learned.rarities[-1] / 10)), float(ordered[0]))
    curve = np.linspace(ordered[-1], end, 500)
    tail = curve >= learned.scores[-1]
    rarity = learned.rarity(curve)
    axes.scatter(ordered[thin], counted[thin], s=9, color=plots.NORMAL, lw=0, label="counted, held-out rows")
    axes.plot(curve[~tail], rarity[~tail], color=plots.OTHERS[0], label="calibration: the rows' own distribution")
    axes.plot(curve[tail], rarity[tail], color=plots.ANOMALOUS, label="calibration: generalised Pareto tail")
    plots.threshold_line(axes, threshold)
    axes.set(yscale="log", xlabel="score", ylabel="rarity", ylim=(min(1e-6, rarity.min() * 0.7), 1.5))
    axes.yaxis.set_major_formatter(lambda value, _: one_in(min(value, 1.0)) if value < 1 else "all")
    axes.grid(axis="y")
    axes.legend()
    return figure

"""The pictures of the evaluation report."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from eddy.model.arrays import Floats
from eddy.model.evaluation.evaluate import ModelResult
from eddy.model.evaluation.metrics import CalibrationPoint
from eddy.model.serving.calibration import RAREST
from eddy.model.serving.text import one_in
from eddy.reports import plots
from eddy.reports.plots import GREY

Curve = tuple[str, Floats, Floats]
"""A method's name, precisions and recalls."""

RAREST_SHOWN = 1e-9
CURVE_POINTS = 400


@plots.drawn
def precision_recall(models: Sequence[Curve], baselines: Sequence[Curve], share: float) -> Figure:
    """Precision against recall, the models' with strong lines; `share` of the rows are anomalies."""
    figure, axes = plots.axes(8.0, 3.8)
    colours = (plots.NORMAL, plots.ANOMALOUS, "#6a4fb3", "#333d4d")
    for place, (name, precision, recall) in enumerate(models):
        _stairs(axes, precision, recall, label=name, color=colours[place % len(colours)], lw=2.2)
    for place, (name, precision, recall) in enumerate(baselines):
        _stairs(axes, precision, recall, label=name, color=plots.OTHERS[place % len(plots.OTHERS)], lw=1.1)
    axes.axhline(share, color=GREY, ls="--", lw=1.0, label="chance")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    plots.percents(axes.xaxis)
    plots.percents(axes.yaxis)
    axes.grid()
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _stairs(axes: Axes, precision: Floats, recall: Floats, **look: Any) -> None:
    chosen = np.unique(np.linspace(0, len(recall) - 1, CURVE_POINTS).astype(np.intp))
    x, y = np.append(0.0, recall[chosen]), np.append(precision[0], precision[chosen])
    axes.plot(x, y, drawstyle="steps-pre", **look)


@plots.drawn
def rarities(normal: Floats, anomalies: Floats, threshold: float, names: tuple[str, str]) -> Figure:
    """How rarities are spread, common ones on the left; `threshold` is a rarity, too."""
    rarest = max(min(float(normal.min()), float(anomalies.min(initial=1.0)), threshold), RAREST_SHOWN)
    bins = np.logspace(np.log10(rarest) - 0.25, 0, 41)
    figure, axes = plots.axes(8.0, 3.0)
    plots.histograms(axes, bins, (normal, names[0]), (anomalies, names[1]))
    plots.threshold_line(axes, threshold)
    axes.set(xscale="log", yscale="log", xlabel="rarity", ylabel="share of rows", xlim=(1.0, bins[0]))
    _rarity_axis(axes.xaxis)
    axes.yaxis.set_major_formatter(lambda value, _: f"{np.format_float_positional(100 * value, 10, trim='-')} %")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _rarity_axis(axis: Axis) -> None:
    """Few labels, in words."""
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: _rarity_label(value))


def _rarity_label(rate: float) -> str:
    return "all" if rate >= 1 else one_in(max(rate, RAREST))


@plots.drawn
def calibration(points: Sequence[CalibrationPoint], threshold: float) -> Figure:
    """Requested against observed alert rates on normal rows, both logarithmic, with 95 % intervals."""
    figure, axes = plots.axes(5.2, 3.8)
    requested = np.array([point.requested for point in points])
    observed = np.array([point.observed.value for point in points])
    low, high = (np.array([getattr(point.observed, end) for point in points]) for end in ("low", "high"))
    least = requested.min() / 4
    shown = observed > 0
    axes.vlines(requested, np.maximum(low, least), np.maximum(high, least), color=plots.NORMAL, lw=1.2, alpha=0.6)
    axes.scatter(requested[shown], observed[shown], s=26, color=plots.NORMAL, label="observed, with 95 % interval")
    axes.plot([least, 1], [least, 1], color=GREY, lw=1.0, ls="--", label="as requested")
    axes.axvline(threshold, color=plots.ANOMALOUS, lw=1.0, ls=":", label="the model's threshold")
    ends = (least, 1.0)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="requested", ylabel="observed")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: np.format_float_positional(value, 10, trim="-"))
    axes.grid()
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@plots.drawn
def against(first: ModelResult, second: ModelResult, anomalous: NDArray[np.bool_] | None) -> Figure:
    """Rarities of the same rows to two models, both axes logarithmic, rare ones to the right and on top."""
    figure, axes = plots.axes(5.6, 5.0)
    rarities = [np.maximum(result.verdicts.rarity, RAREST_SHOWN) for result in (first, second)]
    is_anomalous = np.zeros(len(rarities[0]), np.bool_) if anomalous is None else anomalous
    names = ("all rows" if anomalous is None else "normal", "anomalous")
    for rows, name, colour in zip((~is_anomalous, is_anomalous), names, (plots.NORMAL, plots.ANOMALOUS), strict=True):
        if rows.any():
            x, y = (rarity[rows] for rarity in rarities)
            axes.scatter(x, y, s=7, lw=0, alpha=0.5, color=colour, label=name, rasterized=True)
    end = min(float(rarity.min()) for rarity in rarities) / 2
    for result, draw in ((first, axes.axvline), (second, axes.axhline)):
        draw(threshold_rarity(result), color=GREY, ls="--", lw=1.0)
    axes.set(xscale="log", yscale="log", xlim=(1.2, end), ylim=(1.2, end))
    axes.set(xlabel=f"rarity to {first.name}", ylabel=f"rarity to {second.name}")
    for axis in (axes.xaxis, axes.yaxis):
        _rarity_axis(axis)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def threshold_rarity(result: ModelResult) -> float:
    return float(result.detector.calibration.rarity(np.array([result.verdicts.threshold]))[0])

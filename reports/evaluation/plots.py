"""The pictures of the evaluation report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.evaluation.evaluate import Judged
from eddy.model.evaluation.metrics import CalibrationPoint
from eddy.model.serving.calibration import RAREST
from eddy.model.serving.text import one_in
from eddy.reports import plots
from eddy.reports.training.plots import LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Curve = tuple[str, Floats, Floats]
"""A method's name, precisions and recalls."""

RAREST_SHOWN = 1e-9
CURVE_POINTS = 400


@plots.drawn
def precision_recall(models: Sequence[Curve], baselines: Sequence[Curve], share: float) -> "Figure":
    """Precision against recall, the models' with strong lines; `share` of the rows are anomalies."""
    figure, axes = plots.axes(8.0, 3.8)
    colours = (plots.NORMAL, plots.ANOMALOUS, "#6a4fb3", "#333d4d")
    for place, (name, precision, recall) in enumerate(models):
        _stairs(axes, precision, recall, label=name, color=colours[place % len(colours)], lw=2.2)
    for place, (name, precision, recall) in enumerate(baselines):
        _stairs(axes, precision, recall, label=name, color=plots.OTHERS[place % len(plots.OTHERS)], lw=1.1)
    axes.axhline(share, color=LINE, ls="--", lw=1.0, label="chance")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid()
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _stairs(axes: "Axes", precision: Floats, recall: Floats, **look: Any) -> None:
    chosen = np.unique(np.linspace(0, len(recall) - 1, CURVE_POINTS).astype(np.intp))
    x, y = np.append(0.0, recall[chosen]), np.append(precision[0], precision[chosen])
    axes.plot(x, y, drawstyle="steps-pre", **look)


@plots.drawn
def rarities(normal: Floats, anomalies: Floats, line: float, names: tuple[str, str]) -> "Figure":
    """How rarities are spread, common ones on the left; `line` is the rarity of the threshold."""
    rarest = max(min(float(normal.min()), float(anomalies.min(initial=1.0)), line), RAREST_SHOWN)
    bins = np.logspace(np.log10(rarest) - 0.25, 0, 41)
    figure, axes = plots.axes(8.0, 3.0)
    for values, name, colour in zip((normal, anomalies), names, (plots.NORMAL, plots.ANOMALOUS), strict=True):
        if len(values):
            shown = np.clip(values, bins[0], 1.0)
            weights = np.full(len(values), 1 / len(values))
            axes.hist(shown, bins.tolist(), weights=weights, color=colour, alpha=0.6, label=name)
    axes.axvline(line, color=LINE, ls="--", lw=1.2, label="threshold")
    axes.set(xscale="log", yscale="log", xlabel="rarity", ylabel="share of rows", xlim=(1.0, bins[0]))
    _few(axes.xaxis)
    axes.yaxis.set_major_formatter(lambda value, _: f"{_plain(100 * value)} %")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _few(axis: "Axis") -> None:
    """Labels of an axis of rarities: few, as people say them."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: _said(value))


def _plain(share: float) -> str:
    """A share as a decimal number, however small."""
    return f"{share:.10f}".rstrip("0").rstrip(".")


def _said(rate: float) -> str:
    return "all" if rate >= 1 else one_in(max(rate, RAREST))


@plots.drawn
def calibration(points: Sequence[CalibrationPoint], line: float) -> "Figure":
    """Requested against observed alert rates on normal rows, both logarithmic, with 95 % intervals."""
    figure, axes = plots.axes(5.2, 3.8)
    requested = np.array([point.requested for point in points])
    observed = np.array([point.observed.value for point in points])
    low, high = (np.array([getattr(point.observed, end) for point in points]) for end in ("low", "high"))
    least = requested.min() / 4
    shown = observed > 0
    axes.vlines(requested, np.maximum(low, least), np.maximum(high, least), color=plots.NORMAL, lw=1.2, alpha=0.6)
    axes.scatter(requested[shown], observed[shown], s=26, color=plots.NORMAL, label="observed, with 95 % interval")
    axes.plot([least, 1], [least, 1], color=LINE, lw=1.0, ls="--", label="as requested")
    axes.axvline(line, color=plots.ANOMALOUS, lw=1.0, ls=":", label="the model's threshold")
    ends = (least, 1.0)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="requested", ylabel="observed")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: _plain(value))
    axes.grid()
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@plots.drawn
def against(first: Judged, second: Judged, anomalous: NDArray[np.bool_] | None) -> "Figure":
    """Rarities of the same rows to two models, both axes logarithmic, rare ones to the right and on top."""
    figure, axes = plots.axes(5.6, 5.0)
    rarities = [np.maximum(judged.verdicts.rarity, RAREST_SHOWN) for judged in (first, second)]
    strange = np.zeros(len(rarities[0]), np.bool_) if anomalous is None else anomalous
    names = ("all rows" if anomalous is None else "normal", "anomalous")
    for rows, name, colour in zip((~strange, strange), names, (plots.NORMAL, plots.ANOMALOUS), strict=True):
        if rows.any():
            x, y = (rarity[rows] for rarity in rarities)
            axes.scatter(x, y, s=7, lw=0, alpha=0.5, color=colour, label=name, rasterized=True)
    end = min(float(rarity.min()) for rarity in rarities) / 2
    for judged, line in ((first, axes.axvline), (second, axes.axhline)):
        line(_line_of(judged), color=LINE, ls="--", lw=1.0)
    axes.set(xscale="log", yscale="log", xlim=(1.2, end), ylim=(1.2, end))
    axes.set(xlabel=f"rarity to {first.name}", ylabel=f"rarity to {second.name}")
    for axis in (axes.xaxis, axes.yaxis):
        _few(axis)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _line_of(judged: Judged) -> float:
    return float(judged.detector.calibration.rarity(np.array([judged.verdicts.threshold]))[0])

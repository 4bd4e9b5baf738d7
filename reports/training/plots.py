"""The pictures of the training report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eddy.model.serving.calibration import Calibration
from eddy.model.serving.text import one_in
from eddy.reports import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

BARS = 20
NAME_LENGTH = 22
LINE = "#7d8794"
HEAVY_SKEWNESS = 2.0


@plots.drawn
def losses(history: Sequence[tuple[int, float, float]]) -> "Figure":
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
def scores(normal: Floats, anomalies: Floats, threshold: float) -> "Figure":
    """How scores are spread among held-out rows and labelled anomalies, and where the line is."""
    kinds = [(normal, "normal, held out", plots.NORMAL), (anomalies, "labelled anomalous", plots.ANOMALOUS)]
    every = np.concatenate([normal, anomalies])
    bins = _bins(float(every.min()), max(float(every.max()), threshold))
    figure, axes = plots.axes(8.0, 2.8)
    for values, name, colour in kinds[: 1 + bool(len(anomalies))]:
        shown = np.clip(values, bins[0], bins[-1])
        axes.hist(
            shown, bins.tolist(), weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.6, label=name
        )
    axes.axvline(threshold, color=LINE, ls="--", lw=1.2, label="threshold")
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


def _plain_numbers(axes: "Axes") -> None:
    """Labels of a logarithmic axis as numbers: 2, 5, 10, 20, ... where it is short."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")


@plots.drawn
def calibration(learned: Calibration, normal: Floats, threshold: float) -> "Figure":
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
    axes.axvline(threshold, color=LINE, ls="--", lw=1.2, label="threshold")
    axes.set(yscale="log", xlabel="score", ylabel="rarity", ylim=(min(1e-6, rarity.min() * 0.7), 1.5))
    axes.yaxis.set_major_formatter(lambda value, _: one_in(min(value, 1.0)) if value < 1 else "all")
    axes.grid(axis="y")
    axes.legend()
    return figure


@plots.drawn
def contributions(fields: Sequence[str], shares: Sequence[tuple[str, Floats]]) -> "Figure":
    """Each field's share of the score, for several kinds of rows; the fields in order, the first on top."""
    fields = fields[:BARS]
    figure, axes = plots.axes(8.0, 1.0 + 0.14 * len(fields) * (len(shares) + 1))
    colours = (plots.NORMAL, plots.OTHERS[2], plots.ANOMALOUS)
    height = 0.84 / len(shares)
    for place, ((name, share), colour) in enumerate(zip(shares, colours, strict=False)):
        at = np.arange(len(fields)) + (place - (len(shares) - 1) / 2) * height
        axes.barh(at, share[: len(fields)], height, color=colour, label=name)
    axes.set_yticks(range(len(fields)), [short(name) for name in fields])
    axes.set(xlabel="share of the score", ylim=(len(fields) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=len(shares))
    return figure


@plots.drawn
def reconstruction(fields: Sequence[tuple[str, Floats, Floats, Floats, Floats]]) -> "Figure":
    """Observed against expected: (name, observed, expected, of anomalies observed, expected) per field."""
    across = min(4, len(fields))
    down = -(-len(fields) // across)
    figure, places = plots.subplots(
        down, across, 2.2 * across if across > 1 else 3.2, 2.2 * down if across > 1 else 3.0
    )
    for axes, (name, *values) in zip(places, fields, strict=False):
        _observed_expected(axes, *values)
        axes.set_title(short(name))
    for axes in places[len(fields) :]:
        axes.set_axis_off()
    figure.supxlabel("observed", fontsize=9)
    figure.supylabel("expected", fontsize=9)
    return figure


def _observed_expected(axes: "Axes", observed: Floats, expected: Floats, strange: Floats, instead: Floats) -> None:
    every = np.concatenate([observed, expected])
    every = every[np.isfinite(every)]
    if not len(every):
        return
    low, high = np.quantile(every, [0.001, 0.999])
    margin = 0.15 * (high - low) or 0.5
    ends = (low - margin, high + margin)
    if _heavy(observed):
        ends = _logarithmic(axes, every, low, high)
    else:
        axes.locator_params(nbins=4)
    for values, answers, colour in ((observed, expected, plots.NORMAL), (strange, instead, plots.ANOMALOUS)):
        x, y = np.clip(values, *ends), np.clip(answers, *ends)
        axes.scatter(x, y, s=5, lw=0, alpha=0.5, color=colour, rasterized=True)
    axes.plot(ends, ends, color=LINE, lw=0.8, ls="--")
    axes.set(xlim=ends, ylim=ends)


def _logarithmic(axes: "Axes", every: Floats, low: float, high: float) -> tuple[float, float]:
    """Logarithmic axes with few labels, also where there are zeros and negative values; gives their ends."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    unit = float(np.median(np.abs(every[every != 0])))
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        if low > 0:
            scale("log")
            axis.set_major_locator(LogLocator(numticks=5))
        else:
            scale("symlog", linthresh=unit, linscale=0.5)
            tenths = [np.sign(end) * 10.0 ** np.floor(np.log10(abs(end))) for end in (low, high) if abs(end) > unit]
            axis.set_major_locator(FixedLocator([0.0, *tenths]))
        axis.set_minor_locator(NullLocator())
    if low > 0:
        return low / 2, high * 2
    return (low * 2 if low < 0 else -0.3 * unit), max(high, unit) * 2


def _heavy(values: Floats) -> bool:
    """Whether a few values are so large that a plain axis shows nothing else."""
    finite = values[np.isfinite(values)]
    spread = finite.std() if len(finite) else 0.0
    return bool(spread and abs(((finite - finite.mean()) ** 3).mean()) / spread**3 > HEAVY_SKEWNESS)


def short(name: str) -> str:
    """A field's name for an axis: not too long, and nothing in it read as a formula."""
    return (name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…").replace("$", r"\$")

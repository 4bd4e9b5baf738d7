"""Observed against expected values, field by field: the picture that trainings and evaluations share."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import AsinhLocator, LogLocator, NullLocator

from eddy.model.arrays import Floats
from eddy.reports import plots

HEAVY_SKEWNESS = 2.0


@plots.drawn
def observed_expected(
    names: Sequence[str], weight: Floats, most: int, normal: tuple[Floats, Floats], anomalous: tuple[Floats, Floats]
) -> Figure:
    """The `most` fields of the largest weight, in their own order.

    Args:
        names: numeric fields, f.
        weight: of each field [at least f].
        normal: observed and expected values of normal rows [n, at least f].
        anomalous: the same of anomalous rows.
    """
    fields = np.sort(np.argsort(-weight[: len(names)], kind="stable")[:most])
    across = min(4, len(fields))
    down = -(-len(fields) // across)
    size = (2.2 * across, 2.2 * down) if across > 1 else (3.2, 3.0)
    figure, places = plots.subplots(down, across, *size)
    for axes, field in zip(places, fields, strict=False):
        _field(axes, *((observed[:, field], expected[:, field]) for observed, expected in (normal, anomalous)))
        axes.set_title(plots.name_label(names[field]))
    for axes in places[len(fields) :]:
        axes.set_axis_off()
    figure.supxlabel("observed", fontsize=9)
    figure.supylabel("expected", fontsize=9)
    return figure


def _field(axes: Axes, normal: tuple[Floats, Floats], anomalous: tuple[Floats, Floats]) -> None:
    every = np.concatenate(normal)
    every = every[np.isfinite(every)]
    if not len(every):
        return
    low, high = np.quantile(every, [0.001, 0.999])
    margin = 0.15 * (high - low) or 0.5
    ends = (low - margin, high + margin)
    if _heavy(normal[0]):
        ends = _logarithmic(axes, every, low, high)
    else:
        axes.locator_params(nbins=4)
    for values, colour in ((normal, plots.NORMAL), (anomalous, plots.ANOMALOUS)):
        x, y = (np.clip(side, *ends) for side in values)
        axes.scatter(x, y, s=5, lw=0, alpha=0.5, color=colour, rasterized=True)
    axes.plot(ends, ends, color=plots.GREY, lw=0.8, ls="--")
    axes.set(xlim=ends, ylim=ends)


def _logarithmic(axes: Axes, every: Floats, low: float, high: float) -> tuple[float, float]:
    """Logarithmic axes with few labels, also where there are zeros and negative values; gives their ends."""
    unit = float(np.median(np.abs(every[every != 0])))
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        if low > 0:
            scale("log")
            axis.set_major_locator(LogLocator(numticks=5))
        else:
            scale("asinh", linear_width=unit)
            axis.set_ticks(plots.few_ticks(AsinhLocator(unit, numticks=4), low, high, 3 * unit))
        axis.set_minor_locator(NullLocator())
    if low > 0:
        return low / 2, high * 2
    return (low * 2 if low < 0 else -0.3 * unit), max(high, unit) * 2


def _heavy(values: Floats) -> bool:
    """Whether a few values are so large that a plain axis shows nothing else."""
    finite = values[np.isfinite(values)]
    spread = finite.std() if len(finite) else 0.0
    return bool(spread and abs(((finite - finite.mean()) ** 3).mean()) / spread**3 > HEAVY_SKEWNESS)

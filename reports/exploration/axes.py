"""Numbers in few letters, and axes of small plots: the scale that suits a column, few ticks, all different."""

from matplotlib.axes import Axes
from matplotlib.ticker import AsinhLocator, Locator, LogLocator, MaxNLocator, NullLocator

from eddy.model.arrays import Floats
from eddy.model.exploration.distributions import Scale
from eddy.reports.plots import few_ticks

MOST_TICKS = 4


def short(value: float, digits: int = 3) -> str:
    """A number in few letters: 20k, 1.5M."""
    size = abs(value)
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if unit <= size < 1e12:
            return f"{value / (1e3 if letter == 'k' else unit):.{digits}g}{letter}"
    return f"{value:.{max(digits, 4)}g}"


def percent(share: float, digits: int = 2) -> str:
    """Nothing, a share that can be read, or `< 0.01%`."""
    if share == 0:
        return "0"
    least = 10.0 ** -(digits + 2)
    return f"{share:.{digits}%}" if share >= least else f"< {least:.{digits}%}"


def scaled(axes: Axes, scale: Scale, edges: Floats, within: float) -> None:
    """Gives a small plot the scale of a distribution, and ticks that do not overlap."""
    low, high = float(edges[0]), float(edges[-1])
    if scale == "log":
        axes.set_xscale("log")
    elif scale == "symlog":
        axes.set_xscale("asinh", linear_width=within)
    axes.set_xlim(low, high)
    ticks = few_ticks(_locator(scale, low, high, within), low, high, 3 * within if scale == "symlog" else 0.0)
    axes.set_xticks(ticks, _distinct(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _locator(scale: Scale, low: float, high: float, within: float) -> Locator:
    if scale == "log":
        return LogLocator(subs=(1.0,) if high / low >= 100 else (1.0, 2.0, 5.0), numticks=MOST_TICKS)
    if scale == "symlog":
        return AsinhLocator(within, numticks=MOST_TICKS)
    return MaxNLocator(MOST_TICKS, integer=high - low <= 4 and (low % 1, high % 1) == (0.5, 0.5))


def _distinct(ticks: list[float]) -> list[str]:
    """Labels with as many digits as it takes to differ."""
    for digits in range(3, 12):
        labels = [short(tick, digits) for tick in ticks]
        if len(set(labels)) == len(labels):
            return labels
    return [""] * len(ticks)

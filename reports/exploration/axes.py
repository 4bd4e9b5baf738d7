"""Numbers in few letters, and axes of small plots: the scale that suits a column, few ticks, all different."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from eddy.model.arrays import Floats
from eddy.model.exploration.distributions import Scale

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
    if scale == "log":
        axes.set_xscale("log")
    elif scale == "symlog":
        axes.set_xscale("asinh", linear_width=within)
    axes.set_xlim(edges[0], edges[-1])
    ticks = _ticks(scale, float(edges[0]), float(edges[-1]), within)
    axes.set_xticks(ticks, _distinct(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _ticks(scale: Scale, low: float, high: float, within: float) -> list[float]:
    """A few that do not overlap; where decades are many, powers of ten."""
    if scale == "symlog":
        return _ticks_about_zero(low, high, within)
    if scale == "linear":
        between = MaxNLocator(4, integer=high - low <= 4 and (low % 1, high % 1) == (0.5, 0.5))
        return [float(tick) for tick in between.tick_values(low, high) if low <= tick <= high]
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    digits = (1,) if high / low >= 100 else (1, 2, 5)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    inside = [tick for tick in ticks if low <= tick <= high]
    return inside[:: -(-len(inside) // MOST_TICKS) or 1]


def _ticks_about_zero(low: float, high: float, within: float) -> list[float]:
    """Zero, and on each side the outermost power of ten and one halfway to zero."""
    ticks = [0.0] if low <= 0 <= high else []
    for end in (low, high):
        outer = int(np.floor(np.log10(max(abs(end), 1e-300))))
        halfway = (outer + int(np.ceil(np.log10(within)))) // 2
        for power in {outer, halfway} if outer - halfway >= 2 else {outer}:
            ticks.append(float(np.copysign(10.0**power, end)))
    return sorted(tick for tick in set(ticks) if low <= tick <= high)


def _distinct(ticks: list[float]) -> list[str]:
    """Labels with as many digits as it takes to differ."""
    for digits in range(3, 12):
        labels = [short(tick, digits) for tick in ticks]
        if len(set(labels)) == len(labels):
            return labels
    return [""] * len(ticks)

"""Figures for reports: matplotlib, with lines and text that take the colour of the page, light or dark."""

import io
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from functools import wraps
from html import escape
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Locator
from numpy.typing import NDArray

from eddy.model.arrays import Floats

P = ParamSpec("P")
T = TypeVar("T")

_TEXT, _SOFT = "#010203", "#040506"  # stand for the page's own colours

NORMAL, ANOMALOUS = "#2f7fd0", "#d9542b"
"""Blue and vermilion: distinguished by everybody, on light and on dark."""
OTHERS = ("#2f9e77", "#b07aa1", "#c9a227", "#7f7f7f", "#56b4e9", "#a0522d")
GREY = "#7d8794"
"""Of lines to compare with: thresholds, chance, what is expected."""

LONGEST_NAME = 22
MOST_FIELDS = 20

_LOOK: Any = {
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _TEXT,
    "axes.titlecolor": _TEXT,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[NORMAL, ANOMALOUS, *OTHERS]),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "grid.color": _SOFT,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.labelcolor": _TEXT,
    "text.color": _TEXT,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.labelcolor": _TEXT,
    "ytick.labelcolor": _TEXT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "savefig.transparent": True,
    "svg.hashsalt": "eddy",  # the same figure is the same file
}


def drawn(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorates every function that draws: what it makes has the look of reports."""

    @wraps(draw)
    def with_look(*arguments: P.args, **named: P.kwargs) -> T:
        with mpl.rc_context(_LOOK):
            return draw(*arguments, **named)

    return with_look


def axes(width: float = 8.0, height: float = 3.2) -> tuple[Figure, Axes]:
    """A figure with one plot; sizes in inches. No window system is touched: it works in any process and thread."""
    made, places = subplots(1, 1, width, height)
    return made, places[0]


def subplots(rows: int, columns: int, width: float = 8.0, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """A figure and its plots, row by row; draw clouds of points with `rasterized=True`."""
    made = Figure(figsize=(width, height))
    return made, list(made.subplots(rows, columns, squeeze=False).ravel())


def name_label(name: str) -> str:
    """A name for an axis: not too long, and nothing in it read as a formula."""
    return (name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…").replace("$", r"\$")


def percents(axis: Axis, digits: int = 0) -> None:
    """Labels of an axis of shares."""
    axis.set_major_formatter(lambda share, _: f"{share:.{digits}%}")


def few_ticks(locator: Locator, low: float, high: float, near_zero: float = 0.0) -> list[float]:
    """Those from low to high; none between zero and `near_zero`, where they would stand upon each other."""
    ticks = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
    return [tick for tick in ticks if tick == 0 or abs(tick) >= near_zero]


def threshold_line(axes: Axes, place: float) -> None:
    axes.axvline(place, color=GREY, ls="--", lw=1.2, label="threshold")


def histograms(axes: Axes, bins: Floats, *groups: tuple[Floats, str]) -> None:
    """Shares of the rows, for normal and for anomalous ones (values, name); values beyond the bins are in the last."""
    for (values, name), colour in zip(groups, (NORMAL, ANOMALOUS), strict=False):
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            clipped = np.clip(values, bins[0], bins[-1])
            axes.hist(clipped, bins.tolist(), weights=weights, color=colour, alpha=0.6, label=name)


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], **look: Any) -> None:
    """Horizontal bars, the first on top."""
    places = np.arange(len(values))
    axes.barh(places, values, **{"color": NORMAL, "height": 0.68, **look})
    axes.set_yticks(places if names else [], names)
    axes.set_ylim(len(values) - 0.5, -0.5)


def mean_shares(contributions: NDArray[np.floating[Any]]) -> Floats:
    """Each field's share of the mean score of rows, from their contributions [n, f]."""
    mean = contributions.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / (np.abs(mean).sum() or 1.0))


class Group(NamedTuple):
    """Some rows of a map that share a colour."""

    name: str
    colour: str
    rows: NDArray[np.bool_]


@drawn
def point_map(places: Floats, groups: Sequence[Group]) -> Figure:
    """Rows at their places [n, 2], the last group on top. The axes have no unit and are not drawn."""
    figure, one = axes(8.0, 5.4)
    for place, group in enumerate(groups):
        x, y = places[group.rows].T
        one.scatter(x, y, s=8 + 4 * place, c=group.colour, alpha=0.75, lw=0, rasterized=True, label=group.name)
    one.set_axis_off()
    if len(groups) > 1:
        one.legend(loc="upper left", bbox_to_anchor=(0.0, 1.08), ncols=len(groups), markerscale=2, borderpad=0)
    return figure


@drawn
def contributions(fields: Sequence[str], shares: Sequence[tuple[str, Floats]], weight: Floats) -> Figure:
    """Each field's share of the score, for several kinds of rows (name, share [f]); fields by falling weight [f]."""
    order = np.argsort(-weight, kind="stable")[:MOST_FIELDS]
    figure, one = axes(8.0, 1.0 + 0.14 * len(order) * (len(shares) + 1))
    height = 0.84 / len(shares)
    for place, ((name, share), colour) in enumerate(zip(shares, (NORMAL, OTHERS[2], ANOMALOUS), strict=False)):
        at = np.arange(len(order)) + (place - (len(shares) - 1) / 2) * height
        one.barh(at, share[order], height, color=colour, label=name)
    one.set_yticks(range(len(order)), [name_label(fields[field]) for field in order])
    one.set(xlabel="share of the score", ylim=(len(order) - 0.4, -0.6))
    percents(one.xaxis)
    one.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=len(shares))
    return figure


def to_svg(made: Figure, alt: str) -> str:
    """An SVG element to stand in a page."""
    target = io.StringIO()
    with mpl.rc_context(_LOOK), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in another script: a box
        made.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :].replace(_TEXT, "currentColor").replace(_SOFT, "var(--soft, currentColor)")
    salt = f"f{zlib.crc32(svg.encode()):x}"  # several figures share a page: their ids must not
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{salt}-", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)

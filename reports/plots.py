"""Figures for reports: matplotlib, with lines and text that take the colour of the page, light or dark."""

import io
import re
import warnings
import zlib
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

_TEXT, _SOFT = "#010203", "#040506"  # stand for the page's own colours

NORMAL, ANOMALOUS = "#2f7fd0", "#d9542b"
"""Blue and vermilion: told apart by everybody, on light and on dark."""
OTHERS = ("#2f9e77", "#b07aa1", "#c9a227", "#7f7f7f", "#56b4e9", "#a0522d")

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

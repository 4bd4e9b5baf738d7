"""The pictures of an exploration."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgba
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from eddy.model.arrays import Floats
from eddy.model.exploration.correlations import Correlations
from eddy.model.exploration.distributions import Distribution, LevelFacts
from eddy.model.exploration.label_leakage import Labels
from eddy.model.exploration.row_map import Projection
from eddy.model.exploration.seasonality import DAY_S, Rhythm
from eddy.reports import plots
from eddy.reports.exploration.axes import percent, scaled, short
from eddy.reports.plots import ANOMALOUS, NORMAL, OTHERS, Group, name_label

SMALL, SMALL_HEIGHT = 2.7, 1.5
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SEPARATORS = 15


def distribution(spread: Distribution) -> Figure:
    """Share of the rows in each bin; the anomalous ones as a line."""
    return _spread(spread, spread.normal, spread.anomalous, ANOMALOUS)


def first_and_last(first: Floats, last: Floats, spread: Distribution) -> Figure:
    """How a column was spread in the first fifth of the rows and in the last."""
    return _spread(spread, first, last, OTHERS[2])


@plots.drawn
def _spread(spread: Distribution, filled: Floats, line: Floats | None, colour: str) -> Figure:
    made, axes = plots.axes(SMALL, SMALL_HEIGHT)
    axes.stairs(filled, spread.edges, fill=True, color=NORMAL, alpha=0.7)
    if line is not None:
        axes.stairs(line, spread.edges, color=colour, linewidth=1.3)
    scaled(axes, spread.scale, spread.edges, spread.linear_within)
    return made


@plots.drawn
def levels(facts: LevelFacts) -> Figure:
    """Share of the rows that have each of the most frequent levels, and of these the share that is anomalous."""
    made, axes = plots.axes(SMALL, 0.45 + 0.19 * len(facts.top))
    names = [name_label(name or '""') for name, _, _ in facts.top]
    longest, most = max(map(len, names)), max(share for _, share, _ in facts.top)
    end = most * (1.6 + 0.04 * longest)  # names take from the width that numbers need
    for place, (_, share, rate) in enumerate(facts.top):
        axes.barh(-place, share, color=NORMAL, alpha=0.75, height=0.7)
        axes.text(share, -place, f" {percent(share, 1)}", va="center", fontsize=7.5)
        if rate is not None:
            axes.text(end, -place, percent(rate, 1), va="center", ha="right", fontsize=7.5, color=ANOMALOUS)
    axes.set_yticks(-np.arange(len(names)), names)
    axes.set_xlim(0, end)
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines["bottom"].set_visible(False)
    return made


@plots.drawn
def missing(shares: Sequence[tuple[str, float]]) -> Figure:
    """Share of missing cells, column by column (name, share)."""
    made, axes = plots.axes(7.0, 0.6 + 0.23 * len(shares))
    values = [share for _, share in shares]
    plots.bars(axes, [name_label(name) for name, _ in shares], values, alpha=0.75)
    for place, share in enumerate(values):
        axes.text(share, place, f" {percent(share, 1)}", va="center", fontsize=8)
    axes.set_xlim(0, min(1.1, 1.15 * max(values)))
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}" if share <= 1 else "")
    return made


@plots.drawn
def over_time(rhythm: Rhythm) -> Figure:
    """Rows, amounts and the share of anomalies, bin by bin."""
    parts = 1 + (rhythm.amounts is not None) + (rhythm.rates is not None)
    made, places = plots.subplots(parts, 1, 8.6, 0.5 + 1.55 * parts)
    seconds = np.append(rhythm.bin_starts, rhythm.bin_starts[-1] + rhythm.bin_s)
    edges = seconds / DAY_S  # matplotlib counts days since 1970
    times = (edges[1:] + edges[:-1]) / 2
    remaining = iter(places)
    axes = next(remaining)
    axes.stairs(rhythm.rows, edges, fill=True, color=NORMAL, alpha=0.75)
    _labelled(axes, f"rows a {rhythm.bin}" if rhythm.bin[0] not in "136" else f"rows in {rhythm.bin}")
    if rhythm.amounts is not None:
        _amounts(next(remaining), times, rhythm)
    if rhythm.rates is not None:
        axes = next(remaining)
        axes.plot(times, rhythm.rates, color=ANOMALOUS, linewidth=1.2, marker=_marker(rhythm.rates), markersize=4)
        _labelled(axes, "anomalous")
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.3g}" if share == 0 else f"{share:.2%}")
    for axes in places:
        axes.set_xlim(edges[0], edges[-1])
        locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return made


def _amounts(axes: Axes, times: Floats, rhythm: Rhythm) -> None:
    assert rhythm.amounts is not None
    low, middle, high = rhythm.amounts.T
    axes.fill_between(times, low, high, color=NORMAL, alpha=0.25, linewidth=0)
    axes.plot(times, middle, color=NORMAL, linewidth=1.4, marker=_marker(middle), markersize=4)
    if np.nanmin(low, initial=np.inf) > 0 and np.nanmax(high, initial=0) > 20 * np.nanmin(low, initial=np.inf):
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    _labelled(axes, name_label(rhythm.amount or ""))


def _marker(values: Floats) -> str:
    """Dots where the line is short, or broken into pieces that would not be seen."""
    return "." if np.isfinite(values).sum() < 60 else ""


def _labelled(axes: Axes, name: str) -> None:
    axes.set_title(name, loc="left", fontsize=9)
    axes.grid(axis="y")
    if axes.get_yscale() == "linear":
        axes.set_ylim(0)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=axes.get_ylim()[1] >= 1))
    axes.yaxis.set_major_formatter(lambda value, _: short(value))


@plots.drawn
def hours(rhythm: Rhythm) -> Figure:
    """Rows by weekday and hour, and the share of anomalies by hour."""
    parts = 1 + (rhythm.hour_rates is not None)
    made, places = plots.subplots(parts, 1, 8.6, 2.1 + 1.5 * (parts - 1))
    mesh = places[0].pcolormesh(np.arange(25), np.arange(8), rhythm.hours, cmap=_rising(), vmin=0)
    places[0].set_yticks(np.arange(7) + 0.5, DAYS)
    places[0].invert_yaxis()
    places[0].set_title("rows by weekday and hour (UTC)", loc="left", fontsize=9)
    bar = made.colorbar(mesh, ax=places[0], pad=0.01, aspect=12)
    bar.ax.yaxis.set_major_locator(MaxNLocator(4))
    bar.ax.yaxis.set_major_formatter(lambda value, _: short(value))
    bar.outline.set_visible(False)
    if rhythm.hour_rates is not None:
        places[1].bar(np.arange(24) + 0.5, np.nan_to_num(rhythm.hour_rates), color=ANOMALOUS, alpha=0.8, width=0.8)
        places[1].set_title("anomalous, by hour", loc="left", fontsize=9)
        plots.percents(places[1].yaxis, 2)
        places[1].yaxis.set_major_locator(MaxNLocator(4))
        places[1].set_ylim(0, 1.1 * float(np.nanmax(rhythm.hour_rates)) or 0.01)
        places[1].grid(axis="y")
    for axes in places:
        axes.set_xlim(0, 24)
        axes.set_xticks(np.arange(0, 25, 3))
    return made


def _rising() -> Colormap:
    """From the page itself to blue: right on light and on dark."""
    return LinearSegmentedColormap.from_list("rising", [to_rgba(NORMAL, 0.03), to_rgba(NORMAL)])


def _both_ways() -> Colormap:
    ends = [(ANOMALOUS, 1.0), (ANOMALOUS, 0.0), (NORMAL, 0.0), (NORMAL, 1.0)]
    return LinearSegmentedColormap.from_list("both", list(zip((0.0, 0.5, 0.5, 1.0), map(to_rgba, ends), strict=True)))


@plots.drawn
def correlations(found: Correlations) -> Figure:
    """A heat map, similar columns side by side."""
    count = len(found.names)
    size = min(9.0, 2.2 + 0.28 * count)
    made, axes = plots.axes(size, 0.92 * size)
    image = axes.imshow(found.matrix, vmin=-1, vmax=1, cmap=_both_ways(), interpolation="nearest")
    letters = 8 if count <= 30 else 5.5
    names = [name_label(name) for name in found.names]
    axes.set_xticks(np.arange(count), names, rotation=90, fontsize=letters)
    axes.set_yticks(np.arange(count), names, fontsize=letters)
    axes.tick_params(length=0)
    bar = made.colorbar(image, ax=axes, shrink=0.6, aspect=25, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.outline.set_visible(False)
    return made


@plots.drawn
def separations(found: Labels) -> Figure:
    """What the best single columns reach."""
    best = found.separations[:SEPARATORS]
    made, places = plots.subplots(1, 2, 8.6, 0.9 + 0.24 * len(best))
    names = [name_label(each.column) for each in best]
    for axes, ticks, values, chance, name in (
        (places[0], names, [each.auc for each in best], 0.5, "AUC"),
        (places[1], [], [each.ap for each in best], found.share, "average precision"),
    ):
        plots.bars(axes, ticks, values, alpha=0.75)
        axes.axvline(chance, color=ANOMALOUS, linewidth=1, linestyle="--")
        axes.set_title(f"{name} (dashed: chance)", loc="left", fontsize=9)
        axes.set_xlim(0, 1.05)
        for row, value in enumerate(values):
            axes.text(value, row, f" {value:.2f}", va="center", fontsize=7.5)
    places[0].set_xlim(0.35, 1.05)
    return made


def map_of_rows(found: Projection) -> Figure:
    """The map; anomalies on top."""
    labels = found.anomalous
    if labels is None:
        return plots.point_map(found.points, [Group("rows", NORMAL, np.ones(len(found.points), np.bool_))])
    groups = [Group("normal", NORMAL, ~labels), Group("labelled anomalous", ANOMALOUS, labels)]
    return plots.point_map(found.points, [group for group in groups if group.rows.any()])

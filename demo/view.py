"""How the demo looks: a table that moves on a terminal, plain lines everywhere else."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from eddy.demo.model import Step
from eddy.demo.tracker import Shown, Snapshot
from eddy.model.serving.text import contributions_text, one_in, value_text
from eddy.monitoring.progress import sharing

CONTRIBUTIONS = 2
PLAIN_EVERY_S = 5.0
_NARROW = 120  # columns below which the contributions share a cell
_AROUND_ALERTS = 10  # lines of the live view that are not alerts


class View(Protocol):
    """What is shown while the stream runs."""

    def show(self, snapshot: Snapshot, elapsed_s: float, seconds: float) -> None: ...


class Teller:
    """Says what is being done and what has been done; on a terminal with some life in it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.lively = console.is_terminal and not console.is_dumb_terminal

    def say(self, text: str, style: str = "", *, whole: bool = False) -> None:
        """One paragraph; `whole` for what is to be copied, which must not be broken into lines."""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=whole or not self.lively)

    def done(self, text: str) -> None:
        self.say(f"{'✓' if self.lively else '-'} {text}")

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """A step that takes a while, of which `done` tells when it is over."""
        if not self.lively:
            yield
            return
        with self.console.status(Text(text)):
            yield

    def training(self, steps: Iterator[Step]) -> None:
        """A progress bar until the steps end."""
        if not self.lively:
            for step in _thinned(steps):
                self.say(f"  {step.share:4.0%} {step.doing}")
            return
        with sharing(transient=True, console=self.console) as advance:
            for step in steps:
                advance(step.doing, step.share)

    @contextmanager
    def live(self) -> Iterator[View]:
        """The view for this console; what it showed last stays."""
        if not self.lively:
            yield Lines(self)
            return
        with Live(console=self.console, refresh_per_second=8, vertical_overflow="crop") as live:
            yield Screen(self.console, live)


def _thinned(steps: Iterator[Step]) -> Iterator[Step]:
    """About every tenth of the work, for a log."""
    shown = -1.0
    for step in steps:
        if step.share >= shown + 0.1 or step.share == 1:
            shown = step.share
            yield step


class Lines:
    """One line per alert, and the counters now and then; nothing but plain text."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._alerts = 0
        self._counters_at = PLAIN_EVERY_S

    def show(self, snapshot: Snapshot, elapsed_s: float, seconds: float) -> None:
        for shown in reversed([shown for shown in snapshot.shown if shown.number > self._alerts]):
            self._alerts = shown.number
            why = contributions_text(shown.alert.contributions[:CONTRIBUTIONS])
            self._teller.say(
                f"alert {shown.number:3}  {one_in(shown.alert.rarity):{_RARITY}}  {truth(shown):12}  {why}"
            )
        if elapsed_s >= self._counters_at:
            self._counters_at = elapsed_s + PLAIN_EVERY_S
            counters = ", ".join(f"{name} {value}" for name, value in numbers(snapshot))
            self._teller.say(f"{elapsed_s:.0f} s of {seconds:.0f}: {counters}")


class Screen:
    """Progress, counters and the last alerts, newest first, as many as there is room for."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console, self._live = console, live

    def show(self, snapshot: Snapshot, elapsed_s: float, seconds: float) -> None:
        self._live.update(render(snapshot, elapsed_s, seconds, self._console.width, self._console.height))


def render(snapshot: Snapshot, elapsed_s: float, seconds: float, width: int, height: int) -> RenderableType:
    """The whole view, made for a terminal of this size."""
    return Group(
        Text(), _progress(elapsed_s, seconds), Text(), _counters(snapshot), Text(), _alerts(snapshot, width, height)
    )


def numbers(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Every counter with its name."""
    latency = "-"
    if snapshot.p50_ms is not None and snapshot.p99_ms is not None:
        latency = f"{snapshot.p50_ms:.0f} / {snapshot.p99_ms:.0f} ms"
    return (
        ("sent", f"{snapshot.sent:,}"),
        ("passed", f"{snapshot.passed:,}"),
        ("alerted", f"{snapshot.alerted:,}"),
        ("dead letters", f"{snapshot.dead:,}"),
        ("frauds caught", f"{snapshot.caught:,}"),
        ("missed", f"{snapshot.missed:,}"),
        ("seen after p50 / p99", latency),
    )


def truth(shown: Shown) -> str:
    """What the transaction really was."""
    return (shown.fraud or "honest").replace("_", " ")


def _why(shown: Shown) -> list[str]:
    """The largest contributions, as the table's head says: observed (expected)."""
    parts = shown.alert.contributions[:CONTRIBUTIONS]
    return [f"{part.field} {value_text(part.observed)} ({value_text(part.expected)})" for part in parts]


def _progress(elapsed_s: float, seconds: float) -> RenderableType:
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column()
    line.add_column(ratio=1)
    line.add_column(justify="right")
    bar = ProgressBar(total=seconds, completed=min(elapsed_s, seconds))
    line.add_row(Text("Eddy", style="bold"), bar, f"{min(elapsed_s, seconds):.0f} s of {seconds:.0f}")
    return line


def _counters(snapshot: Snapshot) -> RenderableType:
    table = Table(box=None, expand=True, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    cells = []
    for name, value in numbers(snapshot):
        table.add_column(name, justify="right", no_wrap=True)
        cells.append(Text(value, style=_STYLES.get(name, "bold")))
    table.add_row(*cells)
    return table


def _alerts(snapshot: Snapshot, width: int, height: int) -> RenderableType:
    table = Table(box=None, expand=True, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("rarity", justify="right", no_wrap=True, width=_RARITY)
    table.add_column("in truth", no_wrap=True, width=_TRUTH)
    room = width - _RARITY - _TRUTH - 3
    narrow = width < _NARROW
    table.add_column("largest contributions: observed (expected)", ratio=1, overflow="fold")
    if not narrow:
        table.add_column(ratio=1, overflow="fold")
    left = height - _AROUND_ALERTS
    for shown in snapshot.shown:
        cells = [", ".join(_why(shown))] if narrow else _why(shown)
        left -= math.ceil(cell_len(cells[0]) / room) if narrow and cells else 1
        if left < 0:
            break
        style = "red" if shown.fraud else "yellow"
        table.add_row(Text(one_in(shown.alert.rarity)), Text(truth(shown), style=style), *map(Text, cells))
    if not snapshot.shown:
        table.add_row("", Text("none yet", style="dim"), "")
    return table


_RARITY = 19
_TRUTH = 12
_STYLES = {"frauds caught": "bold red", "dead letters": "bold", "missed": "bold yellow"}

"""How the demo looks: a live view on a terminal, plain lines elsewhere."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from eddy.demo.model import Step
from eddy.demo.tracker import Shown, Snapshot
from eddy.model.serving.text import contributions_text, one_in
from eddy.monitoring.progress import sharing

CONTRIBUTIONS = 2
PLAIN_EVERY_S = 5.0
_AROUND_ALERTS = 10  # lines of the live view that are not alerts


View = Callable[[Snapshot, float, float], None]
"""Shows a snapshot, given the elapsed and the planned seconds."""


class Output:
    """Prints what is being done and what has been done; `lively`: with spinners and bars, for a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.lively = console.is_terminal and not console.is_dumb_terminal

    def say(self, text: str, style: str = "", *, whole: bool = False) -> None:
        """Prints one paragraph; `whole`: without line breaks, because it is to be copied."""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=whole or not self.lively)

    def done(self, text: str) -> None:
        self.say(f"{'✓' if self.lively else '-'} {text}")

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """A spinner while a step takes its time; call `done` after it."""
        if not self.lively:
            yield
            return
        with self.console.status(Text(text)):
            yield

    def training(self, steps: Iterator[Step]) -> None:
        """Shows the progress of training until the steps end."""
        if not self.lively:
            for step in _thinned(steps):
                self.say(f"  {step.share:4.0%} {step.doing}")
            return
        with sharing(transient=True, console=self.console) as advance:
            for step in steps:
                advance(step.doing, step.share)

    @contextmanager
    def live(self) -> Iterator[View]:
        """The view for this console; the last one stays visible."""
        if not self.lively:
            yield Lines(self).show
            return
        with Live(console=self.console, refresh_per_second=8, vertical_overflow="crop") as live:

            def show(snapshot: Snapshot, elapsed_s: float, seconds: float) -> None:
                live.update(render(snapshot, elapsed_s, seconds, *self.console.size))

            yield show


def _thinned(steps: Iterator[Step]) -> Iterator[Step]:
    """About every tenth of the work, for a log."""
    shown = -1.0
    for step in steps:
        if step.share >= shown + 0.1 or step.share == 1:
            shown = step.share
            yield step


class Lines:
    """One line for each alert, and the counters every few seconds, as plain text."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._alerts = 0
        self._counters_at = PLAIN_EVERY_S

    def show(self, snapshot: Snapshot, elapsed_s: float, seconds: float) -> None:
        for shown in reversed([shown for shown in snapshot.shown if shown.number > self._alerts]):
            self._alerts = shown.number
            why = contributions_text(shown.alert.contributions[:CONTRIBUTIONS])
            self._output.say(
                f"alert {shown.number:3}  {one_in(shown.alert.rarity):{_RARITY}}  {truth(shown):12}  {why}"
            )
        if elapsed_s >= self._counters_at:
            self._counters_at = elapsed_s + PLAIN_EVERY_S
            counters = ", ".join(f"{name} {value}" for name, value in numbers(snapshot))
            self._output.say(f"{elapsed_s:.0f} s of {seconds:.0f}: {counters}")


def render(snapshot: Snapshot, elapsed_s: float, seconds: float, width: int, height: int) -> RenderableType:
    """Progress, counters and the last alerts, for a terminal of this size."""
    return Group(
        Text(), _progress(elapsed_s, seconds), Text(), _counters(snapshot), Text(), _alerts(snapshot, width, height)
    )


def numbers(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Every counter with its name."""
    latency = "{:.0f} / {:.0f} ms".format(*snapshot.latency_ms) if snapshot.latency_ms else "-"
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
    """The last alerts, newest first, as many as there is room for."""
    table = Table(box=None, expand=True, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("rarity", justify="right", no_wrap=True, width=_RARITY)
    table.add_column("in truth", no_wrap=True, width=_TRUTH)
    table.add_column("largest contributions", ratio=1, overflow="fold")
    left, room = height - _AROUND_ALERTS, width - _RARITY - _TRUTH - 3
    for shown in snapshot.shown:
        why = contributions_text(shown.alert.contributions[:CONTRIBUTIONS])
        left -= max(1, math.ceil(cell_len(why) / room))
        if left < 0:
            break
        style = "red" if shown.fraud else "yellow"
        table.add_row(Text(one_in(shown.alert.rarity)), Text(truth(shown), style=style), Text(why))
    if not snapshot.shown:
        table.add_row("", Text("none yet", style="dim"), "")
    return table


_RARITY = 19
_TRUTH = 12
_STYLES = {"frauds caught": "bold red", "dead letters": "bold", "missed": "bold yellow"}

"""The one progress bar, on standard error unless another console is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console

_SPEED_OVER_S = 600  # long enough for steps of a minute each


class Update(Protocol):
    """Shows how much is done. A new `stage` gets a bar of its own; `total` None: nobody knows how much there is."""

    def __call__(self, doing: str, done: float, total: float | None, amount: str, stage: str = "") -> None: ...


@contextmanager
def bars(quiet: bool = False, transient: bool = False, console: Console | None = None) -> Iterator[Update]:
    """A bar for each stage, with the time it took and the time left; `transient` ones vanish at the end."""
    # Here, because commands without a bar need none of it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    where = console or Console(stderr=True)
    tasks: dict[str, Any] = {}
    with Progress(
        *columns, console=where, disable=quiet, transient=transient, speed_estimate_period=_SPEED_OVER_S
    ) as progress:

        def update(doing: str, done: float, total: float | None, amount: str, stage: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(doing, total=total, amount=amount)
            progress.update(tasks[stage], description=doing, completed=done, total=total, amount=amount)

        yield update


@contextmanager
def counting(
    doing: str, total: int | None = None, unit: str = "rows", quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """A bar that shows the rate. Call what it gives with the number done so far."""
    with bars(quiet, transient=True) as update:
        began = time.monotonic()

        def advance(done: int) -> None:
            rate = done / max(time.monotonic() - began, 1e-3)
            update(doing, done, total, f"{done:,} {unit}, {rate:,.0f}/s")

        advance(0)
        yield advance


@contextmanager
def sharing(
    quiet: bool = False, transient: bool = False, console: Console | None = None
) -> Iterator[Callable[[str, float], None]]:
    """A bar for work of several steps. Call what it gives with the step's name and the share of all work done."""
    with bars(quiet, transient, console) as update:
        yield lambda doing, share: update(doing, share, 1.0, f"{share:.0%}")

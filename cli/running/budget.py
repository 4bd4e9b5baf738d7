"""`eddy budget`: keeps the number of alerts a day, by moving the threshold every hour."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from eddy.cli.console import err, say
from eddy.cli.running.changes import Who, author, operating
from eddy.cli.tables import Artifacts
from eddy.control.budget import LastDay, next_rate
from eddy.control.change import AlertRate
from eddy.control.operator import Operator
from eddy.control.projection import DAY_S
from eddy.control.publisher import Author
from eddy.model.errors import EddyError
from eddy.model.serving.text import one_in
from eddy.monitoring import signals

EVERY_S = 3_600.0
UNCHANGED = 0.02
"""A step by less than this share is not worth a change."""


def budget(
    alerts_per_day: Annotated[float, typer.Option(help="How many alerts a day there should be.", min=0.1)],
    once: Annotated[bool, typer.Option("--once", help="Move the threshold once, and end.")] = False,
    who: Who = None,
    artifacts: Artifacts = None,
) -> None:
    """Keep the number of alerts a day: every hour, move the threshold to what the last 24 hours ask for.

    Runs until SIGTERM or Ctrl-C. Each step is a change like any other (`eddy audit`), by at most a factor of 2, and
    within EDDY_ALERT_RATE_FLOOR and EDDY_ALERT_RATE_CEILING. Run it once: a second one would only repeat its steps.

    Example:

        eddy budget --alerts-per-day 50
    """
    by = author(who, f"a budget of {alerts_per_day:g} alerts a day")
    stop = threading.Event()
    signals.install(lambda *_: stop.set(), *signals.ENDS)
    with operating(artifacts) as operator:
        day = operator.last_day()
        while not stop.is_set():
            try:
                _step(operator, day, alerts_per_day, by)
            except EddyError as error:
                if once:
                    raise
                say(f"the threshold stays, trying again in an hour: {error}", err, "yellow")
            if once:
                return
            stop.wait(EVERY_S)


def _step(operator: Operator, day: LastDay, alerts_per_day: float, by: Author) -> None:
    now, window = operator.threshold().alert_rate, day.read()
    rate = next_rate(window, alerts_per_day, now, operator.limits)
    hours = f"the last {window.seconds / 3_600:.1f} hours"
    if rate is None:
        say(f"The threshold stays at {one_in(now)}: {hours} are too little, 10 minutes are needed.")
        return
    flagged = window.flagged(now).likely * DAY_S / window.seconds
    found = f"{flagged:,.0f} alerts a day by {hours}, {alerts_per_day:g} wanted"
    if abs(rate / now - 1) < UNCHANGED:
        say(f"The threshold stays at {one_in(now)}: {found}.")
        return
    offset = operator.set_threshold(AlertRate(rate, alerts_per_day), by)
    say(f"From {one_in(now)} to {one_in(rate)}: {found}; control offset {offset}.")

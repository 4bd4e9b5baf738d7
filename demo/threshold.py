"""The demo's last act: the threshold moves while the stream runs, and the alerts change with it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from eddy.control.change import AlertRate
from eddy.control.operator import operator
from eddy.control.publisher import Author
from eddy.messaging.messages import LedgerRecord
from eddy.messaging.ports import Broker
from eddy.model.serving.text import one_in
from eddy.settings import Settings

MOVES_AFTER = 0.7
"""The share of the stream that is scored under the model's own threshold."""
ALERT_RATE = 0.01
_AUTHOR = Author("eddy demo", "to show that the alerts follow")


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of the threshold: its control offset, when it was asked for (monotonic seconds), and both rates."""

    offset: int
    at: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored under one threshold; `first_at` is when the first of it was read (monotonic seconds)."""

    messages: int
    alerted: int
    first_at: float

    def plus(self, entry: LedgerRecord) -> "Scored":
        return Scored(
            self.messages + entry.passed + entry.alerted + entry.dead, self.alerted + entry.alerted, self.first_at
        )


def move(broker: Broker, settings: Settings, stop: threading.Event) -> Moved:  # noqa: ARG001 - takes a moment only
    """Moves the threshold as `eddy threshold set` does.

    Raises:
        EddyError: the change was not accepted.
    """
    with operator(broker, settings) as me:
        before = me.threshold().alert_rate
        asked_at = time.monotonic()
        offset = me.set_threshold(AlertRate(ALERT_RATE), _AUTHOR)
        return Moved(offset, asked_at, before, ALERT_RATE)


def sentence(moved: Moved, scored: Mapping[int | None, Scored]) -> str:
    """What the change did; `scored` by control offset."""
    before, after = scored.get(None), scored.get(moved.offset)
    told = f"While the stream ran, the threshold moved from {one_in(moved.before)} to {one_in(moved.after)}"
    if before is None or after is None:
        return f"{told}; nothing was scored {'before' if before is None else 'after'} that."
    follow_ms = 1_000 * (after.first_at - moved.at)
    return (
        f"{told}: {before.alerted} alerts in {before.messages:,} messages before, {after.alerted} in "
        f"{after.messages:,} after. The first verdicts under it were read after {follow_ms:.0f} ms."
    )

"""A budget of alerts a day: the alert rate that keeps it, computed from what the ledger says of the last day.

As it rests on what was scored, it also corrects a calibration that is off, or payments that have changed.
"""

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing

import numpy as np

from eddy.control.limits import BUDGET_STEP_MOST, Limits
from eddy.control.projection import DAY_S, Window
from eddy.messaging.messages import UnreadableMessage, read_ledger
from eddy.messaging.ports import Broker, Offsets, Partition, Record
from eddy.model.serving.calibration import HISTOGRAM_BINS

LEAST_S = 600.0
"""A budget is not computed from less than this many seconds of transactions."""
_HOUR_MS = 3_600_000


class LastDay:
    """What was scored in the last 24 hours, by the hour; reads each ledger record once."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker, self._topic = broker, topic
        self._hours: dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        self._alerted: Counter[int] = Counter()
        self._starts: dict[Partition, int] = {}
        self._first_ms: int | None = None

    def read(self, now_ms: int | None = None) -> Window:
        """What there is now; its `seconds` are less than a day while the ledger is younger.

        Raises:
            BrokerError: the ledger cannot be read; what was read counts.
        """
        now = int(time.time() * 1000) if now_ms is None else now_ms
        with closing(self._broker.reader()) as reader:
            starts: Offsets = self._starts or reader.offsets_at(self._topic, now - DAY_S * 1000)
            self._add(reader.read(self._topic, starts))
        return self._window(now)

    def _add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._starts[Partition(record.topic, record.partition)] = record.offset + 1
            try:
                entry = read_ledger(record)
            except UnreadableMessage:
                continue
            hour = record.timestamp // _HOUR_MS
            self._hours.setdefault(hour, np.zeros(HISTOGRAM_BINS, np.int64))
            self._hours[hour] += entry.histogram
            self._alerted[hour] += entry.alerted
            self._first_ms = min(record.timestamp, self._first_ms or record.timestamp)

    def _window(self, now_ms: int) -> Window:
        """The running hour and the 23 before it."""
        begin = now_ms // _HOUR_MS - 23
        self._hours = {hour: counts for hour, counts in self._hours.items() if hour >= begin}
        first_ms = max(begin * _HOUR_MS, now_ms if self._first_ms is None else self._first_ms)
        counts = sum(self._hours.values(), np.zeros(HISTOGRAM_BINS, np.int64))
        alerted = sum(count for hour, count in self._alerted.items() if hour >= begin)
        return Window((now_ms - first_ms) / 1000, tuple(counts.tolist()), alerted)


def next_rate(window: Window, alerts_per_day: float, current: float, limits: Limits) -> float | None:
    """The alert rate under which the window would have had its share of the budget; None: too little was scored.

    At most BUDGET_STEP_MOST from the current one, within the limits.
    """
    if window.seconds < LEAST_S or not window.scored:
        return None
    rate = window.rate_for(alerts_per_day * window.seconds / DAY_S)
    step = min(max(rate, current / BUDGET_STEP_MOST), current * BUDGET_STEP_MOST)
    return float(f"{min(max(step, limits.floor), limits.ceiling):.4g}")

"""Publishing messages at a given pace, and knowing exactly how many were stored."""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from eddy.messaging.ports import BrokerError, Delivery, Message, Publisher
from eddy.monitoring import signals
from eddy.producer.messages import Fraud, Outgoing

RATE_TOLERANCE = 0.02
_SLICE = 500  # messages between two looks at the clock
_IN_FLIGHT, _IN_FLIGHT_S = 20_000, 2.0  # messages not known to be stored: most, and for how long
_SHORTEST_NAP_S, _LONGEST_NAP_S = 0.0005, 0.1


class Clock(Protocol):
    """Time as publishing sees it; a test's own makes an hour pass at once."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When each message is due: `rate` a second, or as in its own time `speedup` times faster, or (neither) at once.

    Due times count from the start, not from the message before: a pause is caught up, so that the rate is held.
    """

    rate: float | None = None
    speedup: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.speedup is not None:
            raise ValueError("give a rate or a speedup, not both")
        for name, value in (("rate", self.rate), ("speedup", self.speedup)):
            if value is not None and not value > 0:
                raise ValueError(f"the {name} must be above 0; received {value}")

    def due_s(self, batch: Outgoing, already: int, origin_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Seconds from the start at which each message of a batch is due, `already` messages having gone before it."""
        if self.rate is not None:
            return np.arange(already + 1, already + 1 + len(batch)) / self.rate
        if self.speedup is not None:
            return np.asarray((batch.times_s - origin_s) / self.speedup)
        return np.zeros(len(batch))


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome: messages `sent`, and of them `delivered`, which the broker has confirmed.

    The others `failed`: they were refused, or nobody knows whether they are stored. `error` is the first thing that
    went wrong, `frauds` are those delivered. `seconds` is the time of sending, without the wait for the last ones.
    """

    sent: int
    delivered: int
    failed: int
    seconds: float
    frauds: tuple[Fraud, ...]
    wanted_rate: float | None = None
    error: str | None = None

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.sent / self.seconds if self.seconds > 0 else 0.0

    @property
    def rate_missed(self) -> float | None:
        """By which share the rate fell short of what was wanted; None where it was held within 2 %."""
        if self.wanted_rate is None or self.sent + 1 >= (1 - RATE_TOLERANCE) * self.wanted_rate * self.seconds:
            return None
        return 1 - self.rate / self.wanted_rate


def publish(
    batches: Iterable[Outgoing],
    publisher: Publisher,
    topic: str,
    *,
    pace: Pace = Pace(),
    seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_send: Callable[[bytes, Fraud | None], None] = lambda *_: None,
    on_progress: Callable[[int], None] = lambda _: None,
    clock: Clock = time,
    settle_s: float = 30.0,
) -> Report:
    """Sends all batches to `topic`, then waits until each message was answered.

    Ends early when `stop` says so, when `seconds` have passed, or at the first message that was not stored: what comes
    after a hole in the stream would only make it harder to repair. Nothing is raised for the broker's failures; the
    report has them. A message counts as not stored when that is not known after `settle_s` seconds, which must be
    longer than the broker's client goes on trying. The publisher is not closed.

    Args:
        on_send: called before each message is sent, with its value and the fraud that it is.
        on_progress: called with how many were sent so far.
    """
    sending = _Sending(publisher, topic, on_send, clock, settle_s)
    started: float | None = None
    try:
        for batch, begin, end, began in _due(batches, pace, seconds, stop, clock):
            started = began
            sending.send(batch, begin, end)
            on_progress(sending.sent)
            if sending.error is not None:
                break
    finally:
        took = 0.0 if started is None else clock.monotonic() - started
        sending.settle()
    return sending.report(took, pace.rate)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Makes the first SIGINT or SIGTERM a wish that can be asked for; a second one is as severe as ever.

    >>> with stop_on_signals() as stopped:
    ...     stopped()
    False
    """
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(*_: object) -> None:
        asked.set()
        signals.restore(before)

    signals.install(ask, *before)
    try:
        yield asked.is_set
    finally:
        signals.restore(before)


def _due(
    batches: Iterable[Outgoing], pace: Pace, seconds: float | None, stop: Callable[[], bool], clock: Clock
) -> Iterator[tuple[Outgoing, int, int, float]]:
    """Slices of batches (from, to) as they become due, with the moment at which everything began."""
    already, started, origin_s = 0, None, 0.0
    for batch in filter(len, batches):
        if started is None:
            started, origin_s = clock.monotonic(), float(batch.times_s[0])
        due = pace.due_s(batch, already, origin_s)
        at = 0
        while at < len(batch):
            elapsed = clock.monotonic() - started
            if stop() or (seconds is not None and elapsed > seconds):
                return
            ready = min(int(np.searchsorted(due, elapsed, side="right")), at + _SLICE)
            if ready > at:
                yield batch, at, ready, started
                at = ready
            else:
                clock.sleep(min(max(float(due[at]) - elapsed, _SHORTEST_NAP_S), _LONGEST_NAP_S))
        already += len(batch)


class _Sending:
    """Messages on their way, and counts of those that arrived."""

    def __init__(
        self,
        publisher: Publisher,
        topic: str,
        on_send: Callable[[bytes, Fraud | None], None],
        clock: Clock,
        settle_s: float,
    ) -> None:
        self._publisher, self._topic, self._on_send = publisher, topic, on_send
        self._clock, self._settle_s = clock, settle_s
        self._in_flight: deque[tuple[float, Delivery, Fraud | None]] = deque()
        self.sent = self._delivered = 0
        self._frauds: list[Fraud] = []  # delivered
        self.error: str | None = None

    def send(self, batch: Outgoing, begin: int, end: int) -> None:
        """Sends a slice, and checks deliveries that have been open for long."""
        now = self._clock.monotonic()
        for index in range(begin, end):
            value, fraud = batch.values[index], batch.frauds.get(index)
            self._on_send(value, fraud)
            try:
                delivery = self._publisher.send(Message(self._topic, batch.keys[index], value))
            except BrokerError as error:
                self._failed(error)
                break
            self.sent += 1
            self._in_flight.append((now, delivery, fraud))
        while self.error is None and self._in_flight:
            if len(self._in_flight) <= _IN_FLIGHT and self._in_flight[0][0] >= now - _IN_FLIGHT_S:
                break
            self._check_oldest(self._settle_s)

    def settle(self) -> None:
        """Returns when every message was answered, or when that took too long; after a failure, soon."""
        patience_s = self._settle_s if self.error is None else min(_IN_FLIGHT_S, self._settle_s)
        until = self._clock.monotonic() + patience_s
        try:
            self._publisher.flush(patience_s)
        except BrokerError as error:
            self._failed(error)
        while self._in_flight:
            self._check_oldest(max(0.0, until - self._clock.monotonic()))

    def report(self, seconds: float, wanted_rate: float | None) -> Report:
        failed = self.sent - self._delivered
        return Report(self.sent, self._delivered, failed, seconds, tuple(self._frauds), wanted_rate, self.error)

    def _check_oldest(self, timeout_s: float) -> None:
        _, delivery, fraud = self._in_flight.popleft()
        try:
            delivery.wait(timeout_s)
        except BrokerError as error:
            self._failed(error)
            return
        self._delivered += 1
        if fraud is not None:
            self._frauds.append(fraud)

    def _failed(self, error: BrokerError) -> None:
        self.error = self.error or str(error) or type(error).__name__

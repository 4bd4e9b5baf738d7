"""What was sent and what was seen of it: the demo's own account, kept by somebody who only reads committed records.

It holds what an outsider can know: the moment at which each transaction was handed to the client, the truth about it,
and the moment at which its alert could be read.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from eddy.messaging.messages import Alert, DeadLetter, LedgerRecord, read_alert, read_dead_letter, read_ledger
from eddy.messaging.ports import Broker, BrokerError, Reader, Record
from eddy.producer.messages import Fraud
from eddy.settings import Settings

SHOWN_MOST = 60
UNDECIDED_S = 2.0  # a fraud is not called missed before this
_IDLE_S = 0.25


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert, and the truth: which kind of fraud, None if it was none."""

    number: int
    alert: Alert
    fraud: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. `shown` are the last alerts, newest first; latencies in milliseconds."""

    sent: int = 0
    passed: int = 0
    alerted: int = 0
    dead: int = 0
    categories: Mapping[str, int] = field(default_factory=dict)
    frauds: int = 0
    caught: int = 0
    missed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    first_alert_at: float | None = None
    shown: tuple[Shown, ...] = ()


class _Identified(msgspec.Struct):
    transaction_id: str


class Tracker:
    """Thread-safe; `clock` in seconds, of any beginning."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._sent = 0
        self._passed = 0
        self._sent_at: dict[str, float] = {}
        self._values: dict[str, bytes] = {}
        self._frauds: dict[str, str] = {}
        self._alerted: set[str | None] = set()
        self._seconds: list[float] = []
        self._categories: Counter[str] = Counter()
        self._shown: deque[tuple[int, Alert]] = deque(maxlen=SHOWN_MOST)
        self._alerts = 0
        self._first_alert_at: float | None = None

    def sending(self, value: bytes) -> None:
        """This is about to be sent."""
        now = self._clock()
        try:
            identifier = _decoder.decode(value).transaction_id
        except (msgspec.DecodeError, UnicodeDecodeError):
            identifier = None
        with self._lock:
            self._sent += 1
            if identifier is not None:
                self._sent_at.setdefault(identifier, now)
                self._values.setdefault(identifier, value)

    def frauds(self, frauds: tuple[Fraud, ...]) -> None:
        """The truth about what has just been sent."""
        with self._lock:
            self._frauds.update(frauds)

    def alert(self, alert: Alert) -> None:
        """This alert could be read just now."""
        now = self._clock()
        with self._lock:
            self._alerts += 1
            self._alerted.add(alert.transaction_id)
            self._shown.appendleft((self._alerts, alert))
            self._first_alert_at = self._first_alert_at or now
            sent_at = self._sent_at.get(alert.transaction_id or "")
            if sent_at is not None:
                self._seconds.append(now - sent_at)

    def dead_letter(self, letter: DeadLetter) -> None:
        with self._lock:
            self._categories[letter.category] += 1

    def ledger(self, entry: LedgerRecord) -> None:
        with self._lock:
            self._passed += entry.passed

    def example(self) -> tuple[bytes, Alert] | None:
        """A message that was alerted, rarest first among the frauds shown, with its alert."""
        with self._lock:
            known = [alert for _, alert in self._shown if alert.transaction_id in self._values]
            if not known:
                return None
            rarest = min(known, key=lambda alert: (alert.transaction_id not in self._frauds, alert.rarity))
            return self._values[rarest.transaction_id or ""], rarest

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """For each kind of fraud: how many were caught, of how many."""
        with self._lock:
            kinds = Counter(self._frauds.values())
            caught = Counter(kind for identifier, kind in self._frauds.items() if identifier in self._alerted)
            return {kind: (caught[kind], kinds[kind]) for kind in sorted(kinds)}

    def snapshot(self) -> Snapshot:
        with self._lock:
            decided_before = self._clock() - UNDECIDED_S
            caught = self._frauds.keys() & self._alerted
            missed = [
                identifier
                for identifier in self._frauds.keys() - caught
                if self._sent_at.get(identifier, 0.0) <= decided_before
            ]
            p50, p99 = np.percentile(self._seconds, [50, 99]) * 1_000 if self._seconds else (None, None)
            return Snapshot(
                sent=self._sent,
                passed=self._passed,
                alerted=self._alerts,
                dead=self._categories.total(),
                categories=dict(self._categories),
                frauds=len(self._frauds),
                caught=len(caught),
                missed=len(missed),
                p50_ms=p50,
                p99_ms=p99,
                first_alert_at=self._first_alert_at,
                shown=tuple(
                    Shown(number, alert, self._frauds.get(alert.transaction_id or "")) for number, alert in self._shown
                ),
            )


_decoder = msgspec.json.Decoder(_Identified)


class Watchers:
    """Threads that read alerts, dead letters and the ledger as they become visible, and tell the tracker."""

    def __init__(self, broker: Broker, settings: Settings, tracker: Tracker) -> None:
        self._broker = broker
        self._topics: dict[str, tuple[Callable[[Record], Any], Callable[[Any], None]]] = {
            settings.topic_alerts: (read_alert, tracker.alert),
            settings.topic_dead_letters: (read_dead_letter, tracker.dead_letter),
            settings.topic_ledger: (read_ledger, tracker.ledger),
        }
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failure: BrokerError | None = None

    def start(self) -> None:
        for topic in self._topics:
            thread = threading.Thread(target=self._follow, args=(topic,), name=f"watch {topic}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2)

    def _follow(self, topic: str) -> None:
        read, tell = self._topics[topic]
        try:
            with closing(self._broker.reader()) as reader:
                self._tell(reader, topic, read, tell)
        except BrokerError as error:
            self.failure = error

    def _tell(self, reader: Reader, topic: str, read: Callable[[Record], Any], tell: Callable[[Any], None]) -> None:
        for record in reader.follow(topic, from_start=True, idle_s=_IDLE_S):
            if self._stop.is_set():
                return
            if record is not None:
                tell(read(record))

"""What was sent and what came back, as an outsider sees it who reads only committed records.

The tracker knows when each transaction was handed to the client, whether it is a fraud, and when its alert became
readable.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import numpy as np

from eddy.demo.background import Background
from eddy.demo.threshold import Scored
from eddy.messaging.messages import Alert, DeadLetter, LedgerRecord, read_alert, read_dead_letter, read_ledger
from eddy.messaging.ports import Broker, Record
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
    """Everything at one moment. `shown` are the last alerts, newest first; `latency_ms` are p50 and p99."""

    sent: int = 0
    passed: int = 0
    alerted: int = 0
    dead: int = 0
    categories: Mapping[str, int] = field(default_factory=dict)
    frauds: int = 0
    caught: int = 0
    missed: int = 0
    latency_ms: tuple[float, float] | None = None
    first_alert_at: float | None = None
    shown: tuple[Shown, ...] = ()


class _Identified(msgspec.Struct):
    transaction_id: str


class Tracker:
    """Thread-safe; `clock` in seconds, with any origin."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._sent = self._passed = 0
        self._began: float | None = None
        self._messages: dict[str, tuple[float, bytes]] = {}  # when each transaction was sent, and as what
        self._frauds: dict[str, str] = {}
        self._alerts: list[Alert] = []
        self._latencies: list[float] = []
        self._first_alert_at: float | None = None
        self._categories: Counter[str] = Counter()
        self._scored: dict[int | None, Scored] = {}

    @property
    def elapsed_s(self) -> float:
        """Since the first message."""
        return 0.0 if self._began is None else self._clock() - self._began

    def sending(self, value: bytes, fraud: Fraud | None) -> None:
        """This message is about to be sent, and is this fraud."""
        now = self._clock()
        try:
            identifier = _decoder.decode(value).transaction_id
        except (msgspec.DecodeError, UnicodeDecodeError):
            identifier = None
        with self._lock:
            self._sent += 1
            self._began = now if self._began is None else self._began
            if identifier is not None:
                self._messages.setdefault(identifier, (now, value))
            if fraud is not None:
                self._frauds[fraud.transaction_id] = fraud.kind

    def alert(self, alert: Alert) -> None:
        """This alert has just become readable."""
        now = self._clock()
        with self._lock:
            self._alerts.append(alert)
            self._first_alert_at = self._first_alert_at or now
            if alert.transaction_id in self._messages:
                self._latencies.append(now - self._messages[alert.transaction_id][0])

    def dead_letter(self, letter: DeadLetter) -> None:
        with self._lock:
            self._categories[letter.category] += 1

    def ledger(self, entry: LedgerRecord) -> None:
        with self._lock:
            self._passed += entry.passed
            known = self._scored.get(entry.control_offset, Scored(0, 0, self._clock()))
            self._scored[entry.control_offset] = known.plus(entry)

    def scored(self) -> dict[int | None, Scored]:
        """What was scored under each threshold, by control offset."""
        with self._lock:
            return dict(self._scored)

    def example(self) -> tuple[bytes, Alert] | None:
        """An alerted message, as it was sent, and its alert: the rarest fraud among the last alerts."""
        with self._lock:
            known = [alert for alert in self._alerts[-SHOWN_MOST:] if alert.transaction_id in self._messages]
            if not known:
                return None
            rarest = min(known, key=lambda alert: (alert.transaction_id not in self._frauds, alert.rarity))
            return self._messages[rarest.transaction_id or ""][1], rarest

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """For each kind of fraud: how many were caught, and how many were sent."""
        with self._lock:
            kinds = Counter(self._frauds.values())
            caught = Counter(self._frauds[identifier] for identifier in self._caught())
            return {kind: (caught[kind], kinds[kind]) for kind in sorted(kinds)}

    def snapshot(self) -> Snapshot:
        with self._lock:
            caught = self._caught()
            undecided_from = self._clock() - UNDECIDED_S
            missed = [one for one in self._frauds.keys() - caught if self._messages[one][0] <= undecided_from]
            p50, p99 = np.percentile(self._latencies or [0.0], [50, 99]) * 1_000
            numbered = list(enumerate(self._alerts, 1))[-SHOWN_MOST:]
            return Snapshot(
                sent=self._sent,
                passed=self._passed,
                alerted=len(self._alerts),
                dead=self._categories.total(),
                categories=dict(self._categories),
                frauds=len(self._frauds),
                caught=len(caught),
                missed=len(missed),
                latency_ms=(p50, p99) if self._latencies else None,
                first_alert_at=self._first_alert_at,
                shown=tuple(Shown(n, one, self._frauds.get(one.transaction_id or "")) for n, one in numbered[::-1]),
            )

    def _caught(self) -> set[str]:
        return self._frauds.keys() & {alert.transaction_id for alert in self._alerts if alert.transaction_id}


_decoder = msgspec.json.Decoder(_Identified)


def watch(broker: Broker, settings: Settings, tracker: Tracker) -> list[Background[None]]:
    """Threads that read alerts, dead letters and the ledger as they become visible, and pass them to the tracker."""
    topics: dict[str, tuple[Callable[[Record], Any], Callable[[Any], None]]] = {
        settings.topic_alerts: (read_alert, tracker.alert),
        settings.topic_dead_letters: (read_dead_letter, tracker.dead_letter),
        settings.topic_ledger: (read_ledger, tracker.ledger),
    }
    return [Background(f"reader of {name}", partial(_follow, broker, name, *how)) for name, how in topics.items()]


def _follow(
    broker: Broker, topic: str, read: Callable[[Record], Any], note: Callable[[Any], None], stop: threading.Event
) -> None:
    with closing(broker.reader()) as reader:
        for record in reader.follow(topic, from_start=True, idle_s=_IDLE_S):
            if stop.is_set():
                return
            if record is not None:
                note(read(record))

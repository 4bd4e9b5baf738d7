"""What the demo sends: a week of cardholders' payments in a minute, a few frauds, and a few messages that are broken.

Always the same, so that one run can be compared with another.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from eddy.messaging.ports import Broker, BrokerError, Delivery, Message, Publisher
from eddy.messaging.refusals import Category
from eddy.producer.messages import Fraud, Outgoing, outgoing
from eddy.producer.publish import Pace, Report, publish
from eddy.producer.synthetic import START, SyntheticStream, Transactions

SEED = 7
CARDS = 2_000
FRAUDS = 0.002
RATE = 500
TRAINING_DAYS = 4  # right before the stream begins, of the same cardholders; no payment is in both
_CHUNK = 100
_TOO_SLOW = 1.5


def history() -> Iterator[Transactions]:
    """What is learned from: some thousand transactions, labelled, among them as many frauds as will come."""
    first = START - timedelta(days=TRAINING_DAYS)
    for chunk in SyntheticStream(SEED, CARDS, FRAUDS, first).chunks():
        earlier = int(np.searchsorted(chunk.columns["event_time"], np.datetime64(START.replace(tzinfo=None))))
        yield chunk[:earlier]
        if earlier < len(chunk):
            return


def messages(count: int) -> Iterator[Outgoing]:
    """`count` messages in all, the broken ones spread among them."""
    sent, broken = 0, 0
    for batch in outgoing(SyntheticStream(SEED, CARDS, FRAUDS).chunks(count - len(BROKEN), _CHUNK)):
        yield batch
        sent += len(batch)
        while broken < len(BROKEN) and sent >= count * (broken + 1) / (len(BROKEN) + 1):
            value = tuple(BROKEN.values())[broken](batch.values[-1])
            yield Outgoing(batch.keys[-1:], [value], batch.times_s[-1:])
            sent, broken = sent + 1, broken + 1


def _without(name: str, value: bytes) -> bytes:
    return json.dumps({key: part for key, part in json.loads(value).items() if key != name}).encode()


def _with(name: str, new: object, value: bytes) -> bytes:
    return json.dumps({**json.loads(value), name: new}).encode()


BROKEN: Mapping[Category, Callable[[bytes], bytes]] = {
    Category.TRUNCATED: lambda value: value[: len(value) // 2],
    Category.MISSING_FIELD: lambda value: _without("amount", value),
    Category.WRONG_TYPE: lambda value: _with("amount", "twelve euros", value),
    Category.NOT_UTF8: lambda value: value[:-1] + b',"note":"caf\xe9"}',
    Category.EVENT_TIME: lambda value: _with("event_time", "2026-02-30T12:00:00Z", value),
}
"""How a good message is spoilt, by the category that its dead letter must have."""


@dataclass(slots=True)
class Sending:
    """The stream on its way, in a thread of its own; `report` once it has ended."""

    broker: Broker
    topic: str
    seconds: float
    on_send: Callable[[bytes], None]
    on_frauds: Callable[[tuple[Fraud, ...]], None]
    report: Report | None = None
    failure: BrokerError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _started: float = 0.0

    @property
    def count(self) -> int:
        return max(len(BROKEN) + 1, round(RATE * self.seconds))

    @property
    def elapsed_s(self) -> float:
        """Since the first message."""
        return time.monotonic() - self._started if self._started else 0.0

    @property
    def ended(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it where it is."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        try:
            with closing(Watched(self.broker.publisher(), self._sends)) as publisher:
                self.report = self._publish(publisher)
        except BrokerError as error:
            self.failure = error

    def _sends(self, value: bytes) -> None:
        self._started = self._started or time.monotonic()
        self.on_send(value)

    def _publish(self, publisher: Publisher) -> Report:
        return publish(
            messages(self.count),
            publisher,
            self.topic,
            pace=Pace(RATE),
            seconds=_TOO_SLOW * self.seconds + 5,
            stop=self._stop.is_set,
            on_progress=lambda progress: self.on_frauds(progress.frauds),
        )


@dataclass(frozen=True, slots=True)
class Watched:
    """A publisher that says what it is about to send."""

    publisher: Publisher
    on_send: Callable[[bytes], None]

    def send(self, message: Message) -> Delivery:
        self.on_send(message.value or b"")
        return self.publisher.send(message)

    def flush(self, timeout_s: float) -> None:
        self.publisher.flush(timeout_s)

    def close(self) -> None:
        self.publisher.close()

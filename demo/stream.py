"""What the demo sends: a week of card payments in a minute, a few frauds, and a few corrupted messages.

It is always the same, so that runs can be compared.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta

import numpy as np

from eddy.demo.tracker import Tracker
from eddy.messaging.ports import Broker
from eddy.messaging.refusals import Category
from eddy.producer.messages import Outgoing, outgoing
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
    """The training data: thousands of labelled transactions, with the same share of frauds as the stream."""
    first = START - timedelta(days=TRAINING_DAYS)
    for chunk in SyntheticStream(SEED, CARDS, FRAUDS, first).chunks():
        earlier = int(np.searchsorted(chunk.columns["event_time"], np.datetime64(START.replace(tzinfo=None))))
        yield chunk[:earlier]
        if earlier < len(chunk):
            return


def messages(count: int) -> Iterator[Outgoing]:
    """`count` messages in all; the corrupted ones are spread evenly among them."""
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
"""How a valid message is corrupted, by the category that its dead letter must have."""


def send(broker: Broker, topic: str, seconds: float, tracker: Tracker, stop: threading.Event) -> Report:
    """Sends the whole stream, and has the tracker note every message and fraud.

    Raises:
        BrokerError: the broker was lost.
    """
    with closing(broker.publisher()) as publisher:
        return publish(
            messages(max(len(BROKEN) + 1, round(RATE * seconds))),
            publisher,
            topic,
            pace=Pace(RATE),
            seconds=_TOO_SLOW * seconds + 5,
            stop=stop.is_set,
            on_send=tracker.sending,
        )

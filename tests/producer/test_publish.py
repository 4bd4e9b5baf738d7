"""Publishing: the pace is held, what was stored is known exactly, and it ends in an orderly way."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import BrokerError, Delivery, Message
from eddy.producer.messages import Fraud, Outgoing, outgoing
from eddy.producer.publish import Pace, Report, publish, stop_on_signals
from eddy.producer.synthetic import SyntheticStream

TOPIC = "transactions"


class FakeClock:
    """Passes only while somebody sleeps, and as sending takes its time."""

    def __init__(self, send_s: float = 0.0) -> None:
        self.now = 1_000.0
        self.send_s = send_s

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        assert seconds > 0
        self.now += seconds


class Lossy:
    """A publisher whose deliveries fail where `loses` says so; stored ones are noted with the time of sending."""

    def __init__(
        self,
        clock: FakeClock,
        loses: Callable[[int], bool] = lambda number: False,  # noqa: ARG005
        refuses: Callable[[int], bool] = lambda number: False,  # noqa: ARG005
        deaf: bool = False,
    ) -> None:
        self.clock, self.loses, self.refuses, self.deaf = clock, loses, refuses, deaf
        self.stored: list[tuple[float, Message]] = []
        self.asked = 0

    def send(self, message: Message) -> Delivery:
        number, self.asked = self.asked, self.asked + 1
        self.clock.now += self.clock.send_s
        if self.refuses(number):
            raise BrokerError("nobody answers: start the broker")
        if self.loses(number):
            return Outcome(None)
        self.stored.append((self.clock.now, message))
        return Outcome(number)

    def flush(self, timeout_s: float) -> None:  # noqa: ARG002
        if self.deaf:
            raise BrokerError("flush took too long")

    def close(self) -> None: ...


class Outcome:
    def __init__(self, offset: int | None) -> None:
        self.offset = offset

    def wait(self, timeout_s: float) -> int:  # noqa: ARG002
        if self.offset is None:
            raise BrokerError("delivery timed out: is the broker up?")
        return self.offset


def numbered(count: int, size: int = 100, times: list[float] | None = None) -> Iterator[Outgoing]:
    """Messages 0, 1, 2, ... of ten cards; every tenth is a fraud."""
    for begin in range(0, count, size):
        numbers = range(begin, min(begin + size, count))
        yield Outgoing(
            keys=[b"card-%d" % (number % 10) for number in numbers],
            values=[b"%d" % number for number in numbers],
            times_s=np.array([(times or range(count))[number] for number in numbers], dtype=np.float64),
            frauds={number - begin: Fraud(f"t-{number}", "spree") for number in numbers if number % 10 == 0},
        )


def published(clock: FakeClock, batches: Iterator[Outgoing], **options: Any) -> tuple[Report, Lossy]:
    publisher = options.pop("publisher", None) or Lossy(clock)
    return publish(batches, publisher, TOPIC, clock=clock, **options), publisher


def test_everything_arrives_once_under_its_card_in_order() -> None:
    broker = MemoryBroker({TOPIC: 4})
    report = publish(outgoing(SyntheticStream(seed=2, cards=100, fraud=0.02).chunks(3_000)), broker.publisher(), TOPIC)
    expected = list(outgoing(SyntheticStream(seed=2, cards=100, fraud=0.02).chunks(3_000)))
    pairs = [pair for batch in expected for pair in zip(batch.keys, batch.values, strict=True)]
    records = list(broker.reader().read(TOPIC))
    for card in {key for key, _ in pairs}:
        assert [record.value for record in records if record.key == card] == [
            value for key, value in pairs if key == card
        ]
    assert (report.sent, report.delivered, report.failed, report.error) == (3_000, 3_000, 0, None)
    assert set(report.frauds) == {fraud for batch in expected for fraud in batch.frauds.values()}


def test_only_what_the_broker_has_stored_counts_as_delivered() -> None:
    clock = FakeClock()
    report, publisher = published(clock, numbered(1_000), publisher=Lossy(clock, loses=lambda number: number % 4 == 0))
    assert (report.sent, report.delivered) == (1_000, 750) == (1_000, len(publisher.stored))
    assert report.failed == 250
    assert report.error == "delivery timed out: is the broker up?"
    assert report.frauds == tuple(Fraud(f"t-{number}", "spree") for number in range(0, 1_000, 10) if number % 4)


def test_a_broker_that_refuses_ends_it_with_its_reason() -> None:
    clock = FakeClock()
    lossy = Lossy(clock, refuses=lambda number: number >= 42)
    report, _ = published(clock, numbered(1_000), publisher=lossy)
    assert (report.sent, report.delivered, report.failed) == (42, 42, 0)
    assert report.error == "nobody answers: start the broker"
    assert lossy.asked == 43


def test_a_lost_message_ends_a_long_stream_before_its_end() -> None:
    clock = FakeClock()
    report, _ = published(clock, numbered(60_000), publisher=Lossy(clock, loses=lambda number: number == 5))
    assert report.sent < 30_000
    assert report.delivered == report.sent - 1


def test_a_lost_message_ends_a_slow_stream_within_seconds() -> None:
    clock = FakeClock()
    lossy = Lossy(clock, loses=lambda number: number == 5)
    report, _ = published(clock, numbered(10_000), publisher=lossy, pace=Pace(10))
    assert clock.now < 1_000 + 5
    assert report.error is not None


def test_a_flush_that_fails_is_told_and_deliveries_are_asked_all_the_same() -> None:
    clock = FakeClock()
    report, _ = published(clock, numbered(50), publisher=Lossy(clock, deaf=True))
    assert (report.delivered, report.error) == (50, "flush took too long")


@pytest.mark.parametrize("rate", [0.5, 40, 500, 20_000])
def test_the_rate_is_held(rate: float) -> None:
    clock = FakeClock(send_s=0.1 / rate)
    report, publisher = published(clock, numbered(2_000), pace=Pace(rate))
    assert report.rate == pytest.approx(rate, rel=0.02)
    assert report.rate_missed is None
    sent_at = np.array([when for when, _ in publisher.stored]) - 1_000
    due = np.arange(1, 2_001) / rate
    assert (sent_at >= due - 1e-9).all()
    assert (sent_at <= due + 0.2 / rate + 0.002).all()


def test_a_pause_is_caught_up() -> None:
    clock = FakeClock()

    def batches() -> Iterator[Outgoing]:
        for number, batch in enumerate(numbered(1_000)):
            clock.now += 0.5 if number == 3 else 0
            yield batch

    report, _ = published(clock, batches(), pace=Pace(100))
    assert report.rate == pytest.approx(100, rel=0.02)


def test_a_rate_that_cannot_be_held_is_said() -> None:
    report, _ = published(FakeClock(send_s=0.002), numbered(2_000), pace=Pace(1_000))
    assert report.delivered == 2_000
    assert report.rate == pytest.approx(500, rel=0.01)
    assert report.rate_missed == pytest.approx(0.5, abs=0.01)


def test_a_speedup_replays_in_the_events_own_time() -> None:
    times = [50.0, 50.0, 60.0, 90.0, 3_650.0]
    clock = FakeClock()
    _, publisher = published(clock, numbered(5, times=times), pace=Pace(speedup=10))
    assert [when - 1_000 for when, _ in publisher.stored] == pytest.approx([0, 0, 1, 4, 360], abs=0.001)


def test_without_a_pace_nobody_sleeps() -> None:
    clock = FakeClock()
    published(clock, numbered(5_000))
    assert clock.now == 1_000


def test_it_ends_when_the_time_is_over() -> None:
    report, _ = published(FakeClock(), numbered(10_000), pace=Pace(100), seconds=5)
    assert report.sent == pytest.approx(500, abs=1)
    assert report.delivered == report.sent


def test_it_ends_when_told_to_and_what_was_sent_is_settled() -> None:
    clock = FakeClock()
    report, publisher = published(clock, numbered(10_000), pace=Pace(100), stop=lambda: clock.now > 1_003)
    assert report.sent == report.delivered == len(publisher.stored) == pytest.approx(300, abs=12)
    assert report.error is None


def test_nothing_to_publish_is_no_error() -> None:
    report, _ = published(FakeClock(), numbered(0), pace=Pace(100))
    assert (report.sent, report.delivered, report.rate, report.rate_missed) == (0, 0, 0.0, None)


def test_it_tells_of_each_message_and_its_fraud_before_it_is_sent_and_how_far_it_is() -> None:
    told: list[tuple[bytes, Fraud | None]] = []
    progress: list[int] = []
    batches = list(numbered(300))
    report, publisher = published(
        FakeClock(),
        iter(batches),
        pace=Pace(50),
        on_send=lambda *message: told.append(message),
        on_progress=progress.append,
    )
    assert [value for value, _ in told] == [value for batch in batches for value in batch.values]
    assert tuple(fraud for _, fraud in told if fraud) == report.frauds
    assert progress == sorted(progress)
    assert progress[-1] == len(publisher.stored) == 300


@pytest.mark.parametrize(("arguments", "said"), [((1, 2), "not both"), ((0,), "above 0"), ((None, -3), "received -3")])
def test_an_impossible_pace_is_refused(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pace(*arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_is_as_severe_as_ever(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stopped:
        assert not stopped()
        os.kill(os.getpid(), number)
        assert stopped()
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_real_kafka_stores_every_message_once(topics: Any) -> None:
    from eddy.messaging.kafka.broker import KafkaBroker

    settings = topics()
    broker = KafkaBroker(settings)
    batches = list(outgoing(SyntheticStream(seed=9, fraud=0.01).chunks(5_000)))
    publisher, reader = broker.publisher(), broker.reader()
    report = publish(batches, publisher, settings.topic_transactions)
    publisher.close()
    records = list(reader.read(settings.topic_transactions))
    reader.close()
    assert (report.delivered, report.error) == (5_000, None)
    sent = [pair for batch in batches for pair in zip(batch.keys, batch.values, strict=True)]
    assert sorted((record.key, record.value) for record in records) == sorted(sent)

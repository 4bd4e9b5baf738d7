"""A loop whose threshold and model change while it runs, on the in-memory broker."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from eddy.consumer.live import LiveProcessor
from eddy.consumer.loop import Loop, LoopConfig
from eddy.consumer.worker import MetricsObserver
from eddy.control.change import MODEL, NONE, SHADOW, THRESHOLD, AlertRate, Body, NoShadow, StoresActive, UseModel
from eddy.control.live import InForce
from eddy.control.publisher import Author, ChangePublisher
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import Alert, ShadowCounts, read_alert, read_ledger
from eddy.messaging.ports import BrokerError, Message
from eddy.messaging.topics import plans
from eddy.model.serving.calibration import Threshold
from eddy.monitoring.metrics import ConsumerMetrics
from eddy.settings import load
from tests.plugins.rule import rule_detector, transaction

CONFIG = LoopConfig(1_000, 1.0, 60.0, 0.0, 1.0, 1)
SETTINGS = load(topic_partitions=1)


def rule_loader(body: Any) -> Any:
    """The rule under any version; `strict` alerts amounts from 600 on."""
    if isinstance(body, StoresActive):
        return rule_detector()
    found = rule_detector(body.version)
    return found.under(Threshold(6.0)) if body.version == "strict" else found


class Stream:
    """A broker, one worker's loop stepped by hand, and somebody who changes things."""

    def __init__(self, control: bool = True) -> None:
        self.broker = MemoryBroker(
            {plan.name: 1 for plan in plans(SETTINGS) if control or plan.name != "control"}, waits=True
        )
        self.swaps: list[InForce] = []
        self.live = LiveProcessor(SETTINGS, self.broker, rule_loader, [self.swaps.append])
        self.live.start(threading.Event(), lambda: None)
        self.loop = Loop(self.broker, self._subscribe, "eddy-0", self.live, CONFIG, [], threading.Event())
        self._writer = ChangePublisher(self.broker, "control", self.live.follower, 5)

    def _subscribe(self) -> Any:
        return self.broker.consumer(group="eddy", topic="transactions", instance="eddy-0")

    def change(self, key: str, body: Body) -> int:
        """Returns when it is in force in the loop."""
        before = len(self.swaps)
        offset = self._writer.publish(key, self.live.follower.state.base(key), body, Author("ann", "test"))
        until(lambda: len(self.swaps) > before)
        return offset

    def send(self, *amounts: float) -> None:
        publisher = self.broker.publisher()
        for number, amount in enumerate(amounts):
            publisher.send(Message("transactions", b"c", transaction(number, amount)))
        assert self.loop.step()

    def alerts(self) -> list[Alert]:
        return [read_alert(record) for record in self.broker.reader().read("alerts")]

    def close(self) -> None:
        self.loop.close()
        self.live.close()


def until(done: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def stream() -> Iterator[Stream]:
    made = Stream()
    yield made
    made.close()


def test_alerts_and_ledger_name_the_change_that_they_rest_on(stream: Stream) -> None:
    stream.send(700.0, 5_000.0)
    offset = stream.change(THRESHOLD, AlertRate(0.01))
    stream.send(700.0, 5_000.0)
    loosest = rule_detector().calibration.score_at(0.01)
    found = [(alert.score, alert.threshold, alert.control_offset) for alert in stream.alerts()]
    assert found == [(50.0, 10.0, None), (7.0, loosest, offset), (50.0, loosest, offset)]
    ledger = [read_ledger(record) for record in stream.broker.reader().read("ledger")]
    assert [(entry.alerted, entry.threshold, entry.control_offset) for entry in ledger] == [
        (1, 10.0, None),
        (2, loosest, offset),
    ]


def test_the_model_is_swapped_between_batches_and_a_rate_survives_it(stream: Stream) -> None:
    stream.change(THRESHOLD, AlertRate(0.01))
    offset = stream.change(MODEL, UseModel("rule-2", "hash"))
    stream.send(700.0)
    (alert,) = stream.alerts()
    assert (alert.model, alert.control_offset) == ("rule-2", offset)
    assert alert.threshold == pytest.approx(rule_detector().calibration.score_at(0.01))


def test_without_a_control_topic_the_models_own_threshold_is_in_force_until_there_is_one() -> None:
    stream = Stream(control=False)
    stream.send(5_000.0)
    (alert,) = stream.alerts()
    assert (alert.threshold, alert.control_offset) == (10.0, None)
    with pytest.raises(Exception, match="create it first"):
        stream.change(THRESHOLD, AlertRate(0.01))
    admin = stream.broker.topic_admin()
    admin.create(plans(SETTINGS)[-1])
    until(lambda: stream.live.follower.problem is None)
    assert stream.change(THRESHOLD, AlertRate(0.01)) == 0
    stream.close()


def test_a_shadow_is_counted_in_ledger_and_metrics_and_alerts_nobody(stream: Stream) -> None:
    stream.change(MODEL, UseModel("rule-1", "hash"))
    stream.change(SHADOW, UseModel("strict", "hash"))
    metrics = ConsumerMetrics()
    observer = MetricsObserver(metrics)
    observer.on_swap(stream.swaps[-1])
    stream.loop._observers = [observer]
    stream.send(10.0, 700.0, 800.0, 1_500.0)
    assert [alert.model for alert in stream.alerts()] == ["rule-1"]
    (entry,) = [read_ledger(record) for record in stream.broker.reader().read("ledger")]
    assert (entry.alerted, entry.shadow) == (1, ShadowCounts("strict", both=1, only_live=0, only_shadow=2))
    text = generate_latest(metrics.registry).decode()
    for line in ('eddy_shadow_alerts_total{by="only_shadow"} 2.0', 'eddy_shadow_info{version="strict"} 1.0'):
        assert line in text
    stream.change(SHADOW, NoShadow())
    stream.send(700.0)
    assert [read_ledger(record).shadow for record in stream.broker.reader().read("ledger")][1] is None


def test_each_batch_is_decided_by_one_processor(stream: Stream) -> None:
    """The loop asks once a batch; a change that comes in the middle counts from the next one on."""
    real, asked = stream.live.__call__, []

    def ask() -> Any:
        asked.append(real())
        stream.change(THRESHOLD, AlertRate(0.01 if len(asked) % 2 else 0.02))
        return asked[-1]

    stream.loop._processor = ask
    stream.send(700.0, 700.0)
    assert len(asked) == 1
    assert stream.alerts() == []
    assert asked[0].control_offset is None
    stream.send(700.0)
    assert [alert.control_offset for alert in stream.alerts()] == [0]


def test_a_worker_that_starts_later_has_in_force_what_the_others_have(stream: Stream) -> None:
    stream.change(THRESHOLD, AlertRate(0.01))
    stream.change(MODEL, UseModel("rule-2", "hash"))
    swaps: list[InForce] = []
    later = LiveProcessor(SETTINGS, stream.broker, rule_loader, [swaps.append])
    later.start(threading.Event(), lambda: None)
    assert [(s.detector.version, s.detector.threshold, s.control_offset) for s in swaps] == [
        (s.detector.version, s.detector.threshold, s.control_offset) for s in stream.swaps[-1:]
    ]
    assert later().control_offset == stream.live().control_offset == stream.live.follower.state.base(MODEL) != NONE
    later.close()


def test_a_worker_that_waits_for_the_broker_keeps_its_watchdog_content_and_can_be_stopped() -> None:
    class Away(MemoryBroker):
        def reader(self) -> Any:
            return Mute()

    class Mute:
        def offsets(self, topic: str) -> Any:
            raise BrokerError(f"{topic} cannot be read: no answer")

        def close(self) -> None: ...

    stop, waits = threading.Event(), list[float]()
    live = LiveProcessor(SETTINGS, Away(), rule_loader)

    def on_wait() -> None:
        waits.append(time.monotonic())
        if len(waits) == 2:
            stop.set()

    live.start(stop, on_wait)
    assert len(waits) == 2
    live.close()

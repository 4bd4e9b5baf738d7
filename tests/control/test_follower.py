"""Following the control topic and writing to it, in memory and on a real Kafka."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from eddy.control import follower as follower_module
from eddy.control.change import NONE, THRESHOLD, AlertRate
from eddy.control.follower import Follower
from eddy.control.publisher import Author, ChangePublisher, LostRace
from eddy.control.state import ControlState, Outcome, advance, fold
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import Broker, BrokerError, Message, TopicMissing
from eddy.messaging.topics import TopicPlan
from eddy.settings import load
from tests.control.test_state import encoded
from tests.messaging.memory.faulty import Fault, FaultyBroker

WAIT_S = 10.0
ANN = Author("ann", "a test")


class World:
    """A broker with a control topic of the test's own, followers and writers on it."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.broker, self.topic = broker, topic
        self._open: list[Any] = []

    def create(self) -> None:
        with closing(self.broker.topic_admin()) as admin:
            admin.create(TopicPlan(self.topic, 1, 1, {}))

    def append(self, *values: bytes | None) -> None:
        with closing(self.broker.publisher()) as publisher:
            sent = [publisher.send(Message(self.topic, b"threshold", value, partition=0)) for value in values]
            publisher.flush(WAIT_S)
            for delivery in sent:
                delivery.wait(WAIT_S)

    def follower(self) -> Follower:
        follower = Follower(self.broker, self.topic)
        self._open.append(follower)
        follower.start()
        assert follower.wait_ready(WAIT_S)
        return follower

    def writer(self) -> tuple[ChangePublisher, Follower]:
        follower = self.follower()
        self._open.append(ChangePublisher(self.broker, self.topic, follower, WAIT_S))
        return self._open[-1], follower

    def close(self) -> None:
        for one in reversed(self._open):
            one.close()


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    broker: Broker = MemoryBroker(waits=True)
    if request.param == "kafka":
        broker = KafkaBroker(load(kafka_bootstrap_servers=request.getfixturevalue("kafka").address))
    made = World(broker, f"control-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


def until(done: Callable[[], Any], within_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rate(state: ControlState) -> float | None:
    last = state.last(THRESHOLD)
    return None if last is None or not isinstance(last.change.body, AlertRate) else last.change.body.alert_rate


def test_a_follower_is_ready_when_it_has_read_everything_and_then_follows(world: World) -> None:
    world.create()
    world.append(encoded(NONE, AlertRate(0.1)), b"garbage", encoded(0, AlertRate(0.2)))
    seen: list[ControlState] = []
    follower = world.follower()
    assert (rate(follower.state), follower.state.offset, follower.state.unreadable) == (0.2, 2, 1)
    follower.subscribe(seen.append)
    assert list(map(rate, seen)) == [0.2]
    world.append(encoded(2, AlertRate(0.3)))
    until(lambda: len(seen) > 1)
    assert list(map(rate, seen)) == [0.2, 0.3]
    assert seen[-1] == follower.state
    assert follower.age_s < WAIT_S


def test_a_topic_of_10_000_records_with_anything_on_it_is_read_to_its_end(world: World) -> None:
    world.create()
    log: list[bytes | None] = []
    last = NONE
    for offset in range(10_000):
        if offset % 10 == 9:
            log.append(None)
        elif offset % 10 == 5:
            log.append(encoded(last - 1 if last > 0 else 7, AlertRate(0.5)))
        else:
            log.append(encoded(last, AlertRate(0.1), format=2 if offset % 10 == 8 else 1))
            last = offset
    world.append(*log)
    state = world.follower().state
    assert (state.offset, state.rejected, state.unreadable, state.missing) == (9_999, 1_000, 1_000, 0)
    assert (state.base(THRESHOLD), rate(state), state.diverged) == (9_998, 0.1, (THRESHOLD,))


def test_an_empty_topic_is_ready_at_once(world: World) -> None:
    world.create()
    assert world.follower().state == ControlState()


def test_a_topic_that_does_not_exist_counts_as_empty_until_it_does(world: World) -> None:
    follower = world.follower()
    assert isinstance(follower.problem, TopicMissing)
    world.create()
    world.append(encoded(NONE, AlertRate(0.1)))
    until(lambda: rate(follower.state) == 0.1)
    until(lambda: follower.problem is None)


def test_a_missing_topic_is_reported_once_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(MemoryBroker(waits=True), "control")
    world.follower()
    time.sleep(0.5)  # several attempts
    world.close()
    said = capsys.readouterr()
    assert (said.out + said.err).count("create it first") == 1
    assert "under its own threshold" in said.out + said.err


def test_a_change_is_in_force_for_its_writer_once_it_is_published(world: World) -> None:
    world.create()
    writer, follower = world.writer()
    offset = writer.publish(THRESHOLD, NONE, AlertRate(0.1), ANN)
    assert rate(follower.state) == 0.1
    assert writer.publish(THRESHOLD, offset, AlertRate(0.2), ANN) > offset
    assert rate(world.follower().state) == 0.2


def test_a_writer_who_comes_second_is_told_what_is_in_force(world: World) -> None:
    world.create()
    (one, _), (other, follower) = world.writer(), world.writer()
    offset = one.publish(THRESHOLD, NONE, AlertRate(0.1), ANN)
    with pytest.raises(LostRace) as raised:
        other.publish(THRESHOLD, NONE, AlertRate(0.9), ANN)
    assert (raised.value.base, raised.value.current) == (NONE, offset)
    until(lambda: rate(follower.state) == 0.1)


def test_racing_writers_leave_one_chain_on_which_everybody_agrees(world: World) -> None:
    world.create()
    writers = [world.writer() for _ in range(4)]
    won: list[int] = []
    lost: list[LostRace] = []

    def race(writer: ChangePublisher, follower: Follower) -> None:
        for step in range(10):
            try:
                won.append(writer.publish(THRESHOLD, follower.state.base(THRESHOLD), AlertRate((step + 1) / 100), ANN))
            except LostRace as error:
                lost.append(error)

    threads = [threading.Thread(target=race, args=writer) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(won) + len(lost) == 40
    with closing(world.broker.reader()) as reader:
        log = list(reader.read(world.topic))
    state, accepted = ControlState(), []
    for record in log:
        state, outcome = advance(state, record.offset, record.value)
        accepted += [record.offset] if outcome is Outcome.ACCEPTED else []
    assert sorted(won) == accepted
    for _, follower in writers:
        until(lambda follower=follower: follower.state == state)
    assert world.follower().state == state


def test_a_state_is_given_again_for_what_could_not_be_done_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "REPEAT_S", 0.0)
    world = World(MemoryBroker({"control": 1}, waits=True), "control")
    world.append(encoded(NONE, AlertRate(0.1)))
    follower, seen = world.follower(), list[ControlState]()
    follower.subscribe(seen.append)
    until(lambda: len(seen) > 2)
    assert set(map(rate, seen)) == {0.1}
    world.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_follower_whose_thread_has_died_says_so() -> None:
    world = World(MemoryBroker({"control": 1}, waits=True), "control")
    follower = world.follower()

    def fail(state: ControlState) -> None:
        if state.offset >= 0:
            raise ZeroDivisionError

    follower.subscribe(fail)
    assert follower.problem is None
    world.append(encoded(NONE))
    until(lambda: follower.problem is not None)
    assert "start this process again" in str(follower.problem)
    world.close()


def test_a_change_that_was_not_stored_is_an_error_and_may_be_repeated() -> None:
    broker = FaultyBroker({"control": 1}, waits=True)
    world = World(broker, "control")
    writer, follower = world.writer()
    broker.fail(Fault.DELIVERY)
    with pytest.raises(BrokerError):
        writer.publish(THRESHOLD, NONE, AlertRate(0.1), ANN)
    writer.publish(THRESHOLD, NONE, AlertRate(0.1), ANN)
    assert rate(follower.state) == 0.1
    world.close()


class Switch:
    """A broker in whose place another one comes: a topic that is made anew."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker

    def reader(self) -> Any:
        real = self.broker.reader()
        mine = self.broker

        class Reader:
            offsets, close = real.offsets, real.close

            def follow(inner, *arguments: Any, **options: Any) -> Iterator[Any]:
                for record in real.follow(*arguments, **options):
                    if self.broker is not mine:
                        raise BrokerError("gone")
                    yield record

        return Reader()


def test_a_topic_that_was_made_anew_is_read_from_its_start(capsys: pytest.CaptureFixture[str]) -> None:
    switch: Any = Switch(MemoryBroker({"control": 1}, waits=True))
    world = World(switch.broker, "control")
    world.append(encoded(NONE, AlertRate(0.1)), encoded(0, AlertRate(0.2)))
    follower = Follower(switch, "control")
    follower.start()
    assert follower.wait_ready(WAIT_S)
    world.broker = MemoryBroker({"control": 1}, waits=True)
    world.append(encoded(NONE, AlertRate(0.3)))
    switch.broker = world.broker
    until(lambda: rate(follower.state) == 0.3)
    follower.close()
    said = capsys.readouterr()
    assert "made anew" in said.out + said.err


def test_a_follower_lives_through_an_outage_and_goes_on_where_it_was(broker_factory: Any) -> None:
    running = broker_factory()
    world = World(KafkaBroker(load(kafka_bootstrap_servers=running.address, request_timeout_ms=2_000)), "control")
    world.create()
    world.append(encoded(NONE, AlertRate(0.1)))
    follower = world.follower()
    running.kill()
    until(lambda: follower.problem is not None, 20)
    assert rate(follower.state) == 0.1
    assert follower.age_s > 0
    running.restart()
    world.append(encoded(0, AlertRate(0.2)))
    until(lambda: rate(follower.state) == 0.2, 10)
    with closing(world.broker.reader()) as reader:
        assert fold(reader.read("control")) == follower.state
    world.close()

"""The faults that can be injected into the in-memory broker, one for every step of a loop."""

import threading

import pytest

from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import BrokerError, Consumer, Fenced, Message, Partition, TransactionalProducer
from tests.messaging.memory.faulty import Fault, FaultyBroker

IN, OUT = Partition("in", 0), Partition("out", 0)


@pytest.fixture
def broker() -> FaultyBroker:
    made = FaultyBroker({"in": 1, "out": 1})
    made.publisher().send(Message("in", b"k", b"a"))
    return made


def consumer(broker: FaultyBroker, instance: str | None = "slot-0") -> Consumer:
    return broker.consumer(group="g", topic="in", instance=instance)


def producer(broker: FaultyBroker) -> TransactionalProducer:
    made = broker.transactional_producer("g-0")
    made.start()
    return made


def moved(broker: FaultyBroker) -> tuple[list[bytes | None], int | None]:
    """What a reader sees of a commit: the messages, and the offset."""
    reader = broker.reader()
    return [record.value for record in reader.read("out")], reader.committed("g", "in").get(IN)


def prepare(member: Consumer, writer: TransactionalProducer) -> None:
    member.poll(0, 10)
    writer.begin()
    writer.send(Message("out", b"k", b"moved")).wait(0)
    writer.send_offsets(member.positions(), member.membership())


def commit_fails(broker: FaultyBroker, fault: Fault) -> Consumer:
    member, writer = consumer(broker), producer(broker)
    prepare(member, writer)
    broker.fail(fault)
    with pytest.raises(BrokerError):
        writer.commit()
    with pytest.raises(BrokerError):
        writer.abort()
    return member


def test_a_commit_can_happen_and_not_say_so(broker: FaultyBroker) -> None:
    member = commit_fails(broker, Fault.COMMIT_DONE)
    assert moved(broker) == ([b"moved"], 1)
    assert member.rewind() == {IN: 1}


def test_a_commit_can_be_lost(broker: FaultyBroker) -> None:
    member = commit_fails(broker, Fault.COMMIT_LOST)
    assert moved(broker) == ([], None)
    producer(broker)
    assert moved(broker) == ([], None)
    assert member.rewind() == {IN: 0}


def test_a_commit_can_happen_later_so_a_rewind_must_come_after_the_takeover(broker: FaultyBroker) -> None:
    member = commit_fails(broker, Fault.COMMIT_LATE)
    assert moved(broker) == ([], None)
    with pytest.raises(BrokerError, match="not ended"):
        member.rewind()
    producer(broker)
    assert moved(broker) == ([b"moved"], 1)
    assert member.rewind() == {IN: 1}


def test_a_message_can_be_lost_and_only_its_delivery_says_so(broker: FaultyBroker) -> None:
    member, writer = consumer(broker), producer(broker)
    member.poll(0, 10)
    writer.begin()
    broker.fail(Fault.DELIVERY)
    delivery = writer.send(Message("out", b"k", b"lost"))
    writer.flush(1)
    writer.send_offsets(member.positions(), member.membership())
    writer.commit()
    with pytest.raises(BrokerError):
        delivery.wait(1)
    assert moved(broker) == ([], 1)


@pytest.mark.parametrize("fault", [Fault.SEND, Fault.FLUSH, Fault.SEND_OFFSETS])
def test_after_a_failed_step_a_commit_can_be_aborted_and_leaves_nothing(broker: FaultyBroker, fault: Fault) -> None:
    member, writer = consumer(broker), producer(broker)
    member.poll(0, 10)
    writer.begin()
    broker.fail(fault)
    with pytest.raises(BrokerError):
        publish_all(member, writer)
    writer.abort()
    assert moved(broker) == ([], None)
    prepare(member, writer)
    writer.commit()
    assert moved(broker) == ([b"moved"], 1)


def publish_all(member: Consumer, writer: TransactionalProducer) -> None:
    writer.send(Message("out", b"k", b"never"))
    writer.flush(1)
    writer.send_offsets(member.positions(), member.membership())


def test_after_refused_offsets_a_commit_is_refused_too(broker: FaultyBroker) -> None:
    member, writer = consumer(broker), producer(broker)
    member.poll(0, 10)
    stale = member.membership()
    broker.rebalance("g")
    writer.begin()
    writer.send(Message("out", b"k", b"never"))
    with pytest.raises(BrokerError):
        writer.send_offsets({IN: 1}, stale)
    with pytest.raises(BrokerError):
        writer.commit()
    writer.abort()
    assert moved(broker) == ([], None)


def test_a_fault_strikes_as_often_as_it_was_asked_for(broker: FaultyBroker) -> None:
    member = consumer(broker)
    broker.fail(Fault.POLL, times=2)
    for _ in range(2):
        with pytest.raises(BrokerError):
            member.poll(0, 10)
    assert member.poll(0, 10)


@pytest.mark.parametrize("fault", [Fault.START, Fault.BEGIN, Fault.ABORT, Fault.COMMITTED])
def test_every_other_step_can_fail(broker: FaultyBroker, fault: Fault) -> None:
    member = consumer(broker)
    member.poll(0, 10)
    broker.fail(fault)
    with pytest.raises(BrokerError):
        one_of_each(member, broker)
    one_of_each(member, broker)


def one_of_each(member: Consumer, broker: FaultyBroker) -> None:
    writer = producer(broker)
    writer.begin()
    writer.abort()
    member.rewind()


def test_an_expired_session_gives_the_partitions_to_another_and_its_offsets_are_refused(broker: FaultyBroker) -> None:
    slow, writer = consumer(broker, "slot-0"), producer(broker)
    slow.poll(0, 10)
    held = slow.membership()
    broker.expire_session("g", "slot-0")
    other = consumer(broker, "slot-1")
    assert [record.value for record in other.poll(0, 10)[IN]] == [b"a"]
    writer.begin()
    with pytest.raises(BrokerError):
        writer.send_offsets({IN: 1}, held)
    # It comes back as a new member.
    slow.poll(0, 10)
    assert slow.membership().generation > other.membership().generation


def test_a_rebalance_gives_each_partition_to_another_member() -> None:
    broker = FaultyBroker({"in": 4})
    members = [consumer(broker, "slot-0"), consumer(broker, "slot-1")]
    before = owners(members)
    assert sorted(p.partition for owned in before for p in owned) == [0, 1, 2, 3]
    broker.rebalance("g")
    assert owners(members) == before[::-1]


def owners(members: list[Consumer]) -> list[set[Partition]]:
    for _ in range(2):
        for member in members:
            member.poll(0, 1)
    return [set(member.positions()) for member in members]


def test_an_offset_that_is_being_moved_is_not_read_by_the_next_owner(broker: FaultyBroker) -> None:
    first, writer = consumer(broker, "slot-0"), producer(broker)
    prepare(first, writer)
    broker.expire_session("g", "slot-0")
    other = consumer(broker, "slot-1")
    assert other.poll(0, 10) == {}
    writer.commit()
    assert other.poll(0, 10) == {}
    assert other.positions() == {IN: 1}


def test_a_commit_that_was_open_for_too_long_is_aborted_and_its_producer_fenced(broker: FaultyBroker) -> None:
    member, writer = consumer(broker), producer(broker)
    prepare(member, writer)
    broker.expire_commit("g-0")
    with pytest.raises(Fenced):
        writer.commit()
    assert moved(broker) == ([], None)


def test_the_clock_is_the_callers() -> None:
    broker = MemoryBroker({"in": 1}, clock=lambda: 1_700_000_000_000)
    broker.publisher().send(Message("in", b"k", b"v"))
    assert [record.timestamp for record in broker.reader().read("in")] == [1_700_000_000_000]


def test_a_poll_that_waits_is_woken_by_a_message() -> None:
    broker = MemoryBroker({"in": 1}, waits=True)
    member = consumer(broker)
    threading.Timer(0.05, lambda: broker.publisher().send(Message("in", b"k", b"v"))).start()
    assert member.poll(30_000, 10)[IN][0].value == b"v"


def test_threads_that_publish_at_once_lose_nothing() -> None:
    broker = MemoryBroker({"in": 3})
    threads = [threading.Thread(target=publish_some, args=(broker, name)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(broker.reader().read("in"))
    assert len({record.value for record in found}) == 2_000
    for number in range(3):
        offsets = [record.offset for record in found if record.partition == number]
        assert offsets == list(range(len(offsets)))


def publish_some(broker: FaultyBroker, name: str) -> None:
    publisher = broker.publisher()
    for number in range(500):
        publisher.send(Message("in", f"{name}{number}".encode(), f"{name}{number}".encode()))

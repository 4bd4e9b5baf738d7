"""What the consumer rests on, asked of both brokers: what holds in memory must hold on a real Kafka."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka import KafkaAdminClient

from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import (
    Broker,
    BrokerError,
    Consumer,
    Fenced,
    Membership,
    Message,
    Offsets,
    Partition,
    Reader,
    Record,
    TopicMissing,
    TransactionalProducer,
)
from eddy.messaging.topics import TopicPlan
from eddy.settings import Settings, load

WAIT_S = 10.0
PARTITIONS = 4

# Which of four partitions a key goes to, as computed by Kafka's own Java client (Utils.murmur2).
KEYS = {b"": 1, b"a": 0, b"ab": 2, b"abc": 3, b"card-1": 3, b"c-000123": 3, "é".encode(): 3, b"a-key-of-some-length": 0}


@dataclass
class World:
    """A broker, two topics and a group of the test's own, and the clients to be closed afterwards."""

    broker: Broker
    source: str
    target: str
    group: str
    _open: list[Any] = field(default_factory=list)

    def consumer(self, instance: str | None = None) -> Consumer:
        made: Consumer = self._opened(self.broker.consumer(group=self.group, topic=self.source, instance=instance))
        return made

    def producer(self, transactional_id: str | None = None) -> TransactionalProducer:
        made: TransactionalProducer = self._opened(
            self.broker.transactional_producer(transactional_id or f"{self.group}-0")
        )
        made.start()
        return made

    def reader(self) -> Reader:
        made: Reader = self._opened(self.broker.reader())
        return made

    def publish(self, *values: str, partition: int | None = 0, topic: str | None = None) -> list[int]:
        publisher = self.broker.publisher()
        sent = [publisher.send(message(topic or self.source, value, partition)) for value in values]
        publisher.flush(WAIT_S)
        offsets = [delivery.wait(WAIT_S) for delivery in sent]
        publisher.close()
        return offsets

    def committed(self) -> dict[int, int]:
        return {p.partition: offset for p, offset in self.reader().committed(self.group, self.source).items()}

    def _opened(self, client: Any) -> Any:
        self._open.append(client)
        return client

    def close(self) -> None:
        for client in reversed(self._open):
            client.close()


def message(topic: str, value: str, partition: int | None = 0) -> Message:
    return Message(topic, b"key", value.encode(), partition=partition)


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    mark = uuid.uuid4().hex[:8]
    made = World(_broker(request), f"source-{mark}", f"target-{mark}", f"group-{mark}")
    admin = made.broker.topic_admin()
    for topic in (made.source, made.target):
        admin.create(TopicPlan(topic, PARTITIONS, 1, {}))
    admin.close()
    yield made
    made.close()


def _broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "memory":
        return MemoryBroker()
    return KafkaBroker(kafka_settings(request))


def kafka_settings(request: pytest.FixtureRequest) -> Settings:
    address = request.getfixturevalue("kafka").address
    return load(kafka_bootstrap_servers=address, session_timeout_ms=3_000)


def take(consumer: Consumer, count: int, max_records: int = 100) -> list[Record]:
    """Polls until there are `count` records; more is a failure."""
    taken: list[Record] = []
    deadline = time.monotonic() + WAIT_S
    while len(taken) < count and time.monotonic() < deadline:
        for records in consumer.poll(1000, max_records).values():
            taken.extend(records)
    assert len(taken) == count, values(taken)
    return taken


def values(records: list[Record]) -> list[str]:
    return [(record.value or b"").decode() for record in records]


def read(world: World, topic: str) -> list[str]:
    return sorted(values(list(world.reader().read(topic))))


def eventually(found: Callable[[], Any], wanted: Any) -> None:
    """A commit is decided before every log has heard of it."""
    deadline = time.monotonic() + WAIT_S
    while found() != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found() == wanted


def publish_aborted(world: World, topic: str, *sent: str) -> None:
    producer = world.producer(f"{world.group}-aborts")
    producer.begin()
    deliveries = [producer.send(message(topic, value)) for value in sent]
    producer.flush(WAIT_S)
    assert all(delivery.wait(WAIT_S) >= 0 for delivery in deliveries)
    producer.abort()


def publish_committed(world: World, topic: str, *sent: str) -> None:
    producer = world.producer(f"{world.group}-commits")
    producer.begin()
    deliveries = [producer.send(message(topic, value)) for value in sent]
    producer.flush(WAIT_S)
    assert all(delivery.wait(WAIT_S) >= 0 for delivery in deliveries)
    producer.commit()
    eventually(lambda: set(sent) <= set(read(world, topic)), True)


def begin_move(world: World, consumer: Consumer, producer: TransactionalProducer, value: str) -> Membership:
    """Everything of a commit but the commit: one message, and the offsets of what was polled."""
    membership = consumer.membership()
    producer.begin()
    delivery = producer.send(message(world.target, value))
    producer.flush(WAIT_S)
    delivery.wait(WAIT_S)
    producer.send_offsets(consumer.positions(), membership)
    return membership


def test_a_commit_makes_messages_and_offsets_visible_together(world: World) -> None:
    world.publish("a", "b")
    consumer, producer = world.consumer(), world.producer()
    take(consumer, 2)
    begin_move(world, consumer, producer, "moved")
    assert read(world, world.target) == []
    producer.commit()
    eventually(lambda: read(world, world.target), ["moved"])
    eventually(lambda: world.committed().get(0), 2)


def test_an_abort_leaves_neither_messages_nor_offsets(world: World) -> None:
    world.publish("a", "b")
    consumer, producer = world.consumer(), world.producer()
    take(consumer, 2)
    begin_move(world, consumer, producer, "never")
    producer.abort()
    eventually(lambda: world.reader().offsets(world.target)[Partition(world.target, 0)], (0, 2))
    assert read(world, world.target) == []
    assert world.committed() == {}
    assert values(take_again(consumer, 2)) == ["a", "b"]


def take_again(consumer: Consumer, count: int) -> list[Record]:
    consumer.rewind()
    return take(consumer, count)


def test_a_group_reads_committed_records_only(world: World) -> None:
    world.publish("plain")
    publish_aborted(world, world.source, "aborted")
    publish_committed(world, world.source, "committed")
    assert values(take(world.consumer(), 2)) == ["plain", "committed"]


def test_an_open_commit_hides_what_comes_after_it(world: World) -> None:
    producer = world.producer()
    producer.begin()
    delivery = producer.send(message(world.source, "open"))
    producer.flush(WAIT_S)
    delivery.wait(WAIT_S)
    world.publish("after")
    assert read(world, world.source) == []
    producer.commit()
    eventually(lambda: read(world, world.source), ["after", "open"])


def test_a_rewind_goes_to_what_is_committed(world: World) -> None:
    world.publish("a", "b", "c")
    consumer, producer = world.consumer(), world.producer()
    take(consumer, 2, max_records=2)
    begin_move(world, consumer, producer, "ab")
    producer.commit()
    assert values(take(consumer, 1)) == ["c"]
    offsets = consumer.rewind()
    assert offsets[Partition(world.source, 0)] == 2
    assert consumer.positions() == offsets
    assert values(take(consumer, 1)) == ["c"]


def test_without_a_commit_the_committed_offset_is_the_start_of_the_partition(world: World) -> None:
    world.publish("a")
    consumer = world.consumer()
    take(consumer, 1)
    assert consumer.committed() == {Partition(world.source, number): 0 for number in range(PARTITIONS)}


def test_positions_pass_over_control_records_and_aborted_messages(world: World) -> None:
    publish_committed(world, world.source, "a", "b")
    publish_aborted(world, world.source, "x")
    consumer = world.consumer()
    assert [record.offset for record in take(consumer, 2)] == [0, 1]
    # Two messages and their marker, one aborted message and its marker.
    assert consumer.poll(200, 100) == {}
    assert consumer.positions()[Partition(world.source, 0)] == 5
    world.publish("c")
    assert [record.offset for record in take(consumer, 1)] == [5]


def test_a_poll_hands_out_at_most_what_was_asked_for_in_offset_order(world: World) -> None:
    sent = [str(number) for number in range(50)]
    world.publish(*sent)
    consumer = world.consumer()
    taken: list[Record] = []
    for _ in range(100):
        polled = [record for records in consumer.poll(1000, 7).values() for record in records]
        assert len(polled) <= 7
        taken.extend(polled)
        if len(taken) >= 50:
            break
    assert values(taken) == sent
    assert [record.offset for record in taken] == list(range(50))


def test_a_record_carries_what_was_sent(world: World) -> None:
    publisher = world.broker.publisher()
    sent = [
        Message(world.source, b"k", b"v", (("h", b"1"), ("h", b"2")), partition=3),
        Message(world.source, None, b"", partition=1),
        Message(world.source, b"\xff\x00", None, partition=2),
    ]
    deliveries = [publisher.send(one) for one in sent]
    publisher.flush(WAIT_S)
    assert [delivery.wait(WAIT_S) for delivery in deliveries] == [0, 0, 0]
    publisher.close()
    found = take(world.consumer(), 3)
    got = {record.partition: (record.key, record.value, tuple(record.headers)) for record in found}
    assert got == {one.partition: (one.key, one.value, one.headers) for one in sent}
    assert all(record.topic == world.source and record.timestamp > 0 for record in found)


def test_the_partition_of_a_key_is_the_one_of_every_kafka_client(world: World) -> None:
    publisher = world.broker.publisher()
    for key in KEYS:
        publisher.send(Message(world.source, key, b"v"))
    publisher.flush(WAIT_S)
    publisher.close()
    found = {record.key: record.partition for record in world.reader().read(world.source)}
    assert found == KEYS


def test_a_message_without_key_and_value_is_no_message(world: World) -> None:
    publisher = world.broker.publisher()
    with pytest.raises(ValueError, match="key"):
        publisher.send(Message(world.source, None, None))
    publisher.close()


def test_a_publisher_keeps_the_order_of_a_key(world: World) -> None:
    publisher = world.broker.publisher()
    numbers = range(3_000)
    for number in numbers:
        publisher.send(Message(world.source, f"card-{number % 7}".encode(), str(number).encode()))
    publisher.flush(WAIT_S)
    publisher.close()
    found: dict[bytes | None, list[int]] = {}
    for record in world.reader().read(world.source):
        found.setdefault(record.key, []).append(int(record.value or b""))
    assert found == {f"card-{k}".encode(): [n for n in numbers if n % 7 == k] for k in range(7)}


def test_a_topic_that_does_not_exist_is_an_error_that_names_it(world: World) -> None:
    with pytest.raises(TopicMissing, match="nowhere"):
        list(world.reader().read("nowhere"))


def test_a_producer_is_fenced_by_a_successor_with_its_id(world: World) -> None:
    world.publish("a")
    consumer, older = world.consumer(), world.producer()
    take(consumer, 1)
    begin_move(world, consumer, older, "older")
    newer = world.producer()
    with pytest.raises(Fenced):
        older.commit()
    with pytest.raises(Fenced):
        older.begin()
    begin_move(world, consumer, newer, "newer")
    newer.commit()
    eventually(lambda: read(world, world.target), ["newer"])
    eventually(lambda: world.committed().get(0), 1)


def test_a_fenced_producer_is_told_so_wherever_it_learns_of_it(world: World) -> None:
    older = world.producer()
    older.begin()
    older.send(message(world.target, "first"))
    older.flush(WAIT_S)
    world.producer()
    # On Kafka the second message is sent with the old epoch, and its delivery says so.
    with pytest.raises(Fenced):
        older.send(message(world.target, "second")).wait(WAIT_S)
    with pytest.raises(Fenced):
        older.commit()
    older.close()
    eventually(lambda: read(world, world.target), [])


def test_a_successor_aborts_what_its_predecessor_left_open(world: World) -> None:
    world.publish("a")
    consumer, older = world.consumer(), world.producer()
    take(consumer, 1)
    begin_move(world, consumer, older, "never")
    older.close()
    world.producer()
    assert consumer.rewind()[Partition(world.source, 0)] == 0
    assert read(world, world.target) == []


def test_producers_with_other_ids_do_not_disturb_one_another(world: World) -> None:
    one, other = world.producer("one" + world.group), world.producer("other" + world.group)
    for producer, value in ((one, "1"), (other, "2")):
        producer.begin()
        producer.send(message(world.target, value))
        producer.flush(WAIT_S)
    one.commit()
    other.abort()
    eventually(lambda: read(world, world.target), ["1"])


def test_offsets_of_an_older_generation_are_refused(world: World) -> None:
    world.publish("a")
    consumer, producer = world.consumer(), world.producer()
    take(consumer, 1)
    stale = consumer.membership()
    assert stale.generation >= 0
    assert stale.stable
    join_another(world, consumer)
    producer.begin()
    with pytest.raises(BrokerError) as raised:
        producer.send_offsets({Partition(world.source, 0): 1}, stale)
    assert not isinstance(raised.value, Fenced)
    producer.abort()
    assert world.committed() == {}


def join_another(world: World, consumer: Consumer) -> Consumer:
    """Returns when both are members of one new generation."""
    other, before = world.consumer(), consumer.membership().generation
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        together(other, consumer)
        generations = {member.membership().generation for member in (other, consumer)}
        if len(generations) == 1 and generations.pop() > before and other.membership().stable:
            return other
    raise AssertionError(f"no common generation: {consumer.membership()}, {other.membership()}")


def test_two_members_share_the_partitions(world: World) -> None:
    world.publish("a")
    consumer = world.consumer()
    take(consumer, 1)
    other = join_another(world, consumer)
    eventually(lambda: sum(map(len, settled(consumer, other))), PARTITIONS)
    one, another = settled(consumer, other)
    assert len(one) == len(another) == PARTITIONS // 2
    assert not one.keys() & another.keys()


def settled(*members: Consumer) -> tuple[Offsets, ...]:
    together(*members)
    return tuple(member.positions() for member in members)


def together(*members: Consumer) -> list[Record]:
    """What a poll of each brings. At the same time: a member may have to wait for what another one does in its poll."""
    with ThreadPoolExecutor(len(members)) as pool:
        polled = list(pool.map(lambda member: member.poll(100, 100), members))
    return [record for records in polled for part in records.values() for record in part]


def test_after_a_rebalance_reading_goes_on_from_what_is_committed(world: World) -> None:
    world.publish("a", "b")
    consumer = world.consumer()
    take(consumer, 2)
    other = world.consumer()
    seen: list[Record] = []
    deadline = time.monotonic() + WAIT_S
    while len(seen) < 2 and time.monotonic() < deadline:
        seen += together(other, consumer)
    # Neither was committed, so the partition's new owner reads them again.
    assert values(seen) == ["a", "b"]


def test_offsets_without_a_membership_are_refused(world: World) -> None:
    world.publish("a")
    producer = world.producer()
    for nobody in (world.consumer().membership(), Membership(world.group, -1, "", None, stable=False)):
        producer.begin()
        with pytest.raises(BrokerError):
            producer.send_offsets({Partition(world.source, 0): 1}, nobody)
        producer.abort()
    assert world.committed() == {}


def test_a_second_static_member_with_the_same_name_fences_the_first(world: World) -> None:
    world.publish("a")
    first, producer = world.consumer("slot-0"), world.producer()
    take(first, 1)
    membership = first.membership()
    assert membership.instance == "slot-0"
    second = world.consumer("slot-0")
    assert values(take(second, 1)) == ["a"]
    producer.begin()
    with pytest.raises(Fenced):
        producer.send_offsets({Partition(world.source, 0): 1}, membership)
    with pytest.raises(Fenced):
        poll_for(first, WAIT_S)


def poll_for(consumer: Consumer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        consumer.poll(200, 100)


def test_a_static_member_that_comes_back_has_its_partitions_at_once(world: World) -> None:
    world.publish("a")
    first = world.consumer("slot-0")
    take(first, 1)
    generation = first.membership().generation
    again = world.consumer("slot-0")  # `first` is never closed: its process was killed
    assert values(take(again, 1)) == ["a"]
    assert again.membership().generation == generation


def test_a_static_member_that_is_closed_leaves_its_partitions_to_the_others_at_once(world: World) -> None:
    world.publish("a")
    first, second = world.consumer("slot-0"), world.consumer("slot-1")
    eventually(lambda: [len(positions) for positions in settled(first, second)], [PARTITIONS // 2] * 2)
    first.close()
    eventually(lambda: [len(positions) for positions in settled(second)], [PARTITIONS])


def test_a_static_member_whose_name_was_taken_does_not_throw_the_other_out_by_closing(world: World) -> None:
    world.publish("a")
    first, second = world.consumer("slot-0"), world.consumer("slot-0")
    take(first, 1)
    take(second, 1)
    generation = second.membership().generation
    first.close()
    poll_for(second, 1.5)  # a heartbeat would have said so
    assert second.membership().generation == generation


def test_a_reader_ends_though_the_last_offsets_hold_no_message(world: World) -> None:
    publish_committed(world, world.source, "a")
    publish_aborted(world, world.source, *map(str, range(20)))
    eventually(lambda: world.reader().offsets(world.source)[Partition(world.source, 0)][1], 23)
    assert read(world, world.source) == ["a"]


def test_a_reader_ends_at_the_end_of_the_moment_it_was_asked(world: World) -> None:
    world.publish("a", "b")
    records = world.reader().read(world.source)
    world.publish("c")
    assert values(list(records)) == ["a", "b"]


def test_a_reader_of_an_empty_topic_ends(world: World) -> None:
    assert read(world, world.source) == []


def test_a_reader_reads_every_partition_in_order(world: World) -> None:
    for number in range(PARTITIONS):
        world.publish(*(f"{number}.{i}" for i in range(3)), partition=number)
    found = values(list(world.reader().read(world.source)))
    for number in range(PARTITIONS):
        assert [v for v in found if v.startswith(f"{number}.")] == [f"{number}.{i}" for i in range(3)]


@pytest.mark.parametrize("from_start", [True, False])
def test_a_follower_sees_what_comes_and_says_when_nothing_does(world: World, from_start: bool) -> None:
    world.publish("before")
    following = world.reader().follow(world.source, from_start=from_start, idle_s=0.2)
    seen = values(until_idle(following))
    assert seen == (["before"] if from_start else [])
    world.publish("after", partition=2)
    assert values(until_idle(following, 1)) == ["after"]
    following.close()  # type: ignore[attr-defined]


def test_a_follower_sees_partitions_that_are_added_while_it_reads(world: World) -> None:
    world.publish("before")
    following = world.reader().follow(world.source, from_start=True, idle_s=0.2)
    assert values(until_idle(following)) == ["before"]
    add_partitions(world, PARTITIONS + 1)
    world.publish("new", partition=PARTITIONS)
    world.publish("old")
    assert sorted(values(until_idle(following, 2))) == ["new", "old"]
    following.close()  # type: ignore[attr-defined]


def add_partitions(world: World, partitions: int) -> None:
    if isinstance(world.broker, MemoryBroker):
        with world.broker._cluster.changed:
            world.broker._cluster.grow(world.source, partitions)
        return
    assert isinstance(world.broker, KafkaBroker)
    admin = KafkaAdminClient(bootstrap_servers=world.broker._settings.kafka_bootstrap_servers)
    admin.create_partitions({world.source: partitions})
    admin.close()


def test_a_reader_begins_where_it_is_told_to_and_at_a_time(world: World) -> None:
    world.publish("a", "b", "c")
    reader = world.reader()
    before, begin = list(reader.read(world.source)), Partition(world.source, 0)
    assert values(list(reader.read(world.source, {begin: 1}))) == ["b", "c"]
    following = reader.follow(world.source, from_start=False, idle_s=0.2, starts={begin: 2})
    assert values(until_idle(following, 1)) == ["c"]
    following.close()  # type: ignore[attr-defined]
    last = before[-1].timestamp
    assert reader.offsets_at(world.source, last + 1)[begin] == 3
    at = reader.offsets_at(world.source, last)[begin]
    assert [record.timestamp < last for record in before] == [True] * at + [False] * (3 - at)


def until_idle(following: Iterator[Record | None], at_least: int = 0) -> list[Record]:
    """What comes before the first silence, or until enough has come."""
    found: list[Record] = []
    for record in itertools.islice(following, 100):
        if record is None and len(found) >= at_least:
            return found
        found.extend([] if record is None else [record])
    raise AssertionError(f"never silent, or less than {at_least}: {found}")


def test_committed_offsets_of_a_group_leave_out_what_was_never_committed(world: World) -> None:
    world.publish("a", partition=2)
    consumer, producer = world.consumer(), world.producer()
    take(consumer, 1)
    producer.begin()
    producer.send_offsets({Partition(world.source, 2): 1}, consumer.membership())
    producer.commit()
    eventually(world.committed, {2: 1})
    assert world.reader().committed("another-" + world.group, world.source) == {}


def test_a_producer_goes_on_after_a_commit_and_after_an_abort(world: World) -> None:
    producer = world.producer()
    for value, finish in (("a", producer.commit), ("b", producer.abort), ("c", producer.commit)):
        producer.begin()
        producer.send(message(world.target, value))
        producer.flush(WAIT_S)
        finish()
    eventually(lambda: read(world, world.target), ["a", "c"])


def test_what_is_closed_or_was_never_opened_says_so_instead_of_hanging(world: World) -> None:
    producer = world.broker.transactional_producer(f"{world.group}-0")
    with pytest.raises(BrokerError):
        producer.begin()
    producer.start()
    producer.close()
    producer.close()
    with pytest.raises(BrokerError):
        producer.begin()
    consumer = world.broker.consumer(group=world.group, topic=world.source, instance=None)
    assert not consumer.membership().stable
    assert consumer.positions() == {}
    consumer.close()
    consumer.close()

"""The fault proxy does to a real broker's clients what its rules say, where they say it, and fails if it did not."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.metadata import MetadataResponse
from kafka.protocol.producer import ProduceRequest

from eddy.devbroker.brokers import RunningBroker
from eddy.settings import Settings
from tests.faults.kit.proxy import Api, FaultProxy, Request, Slowness

INVALID_PRODUCER_EPOCH = 47
NOT_ENOUGH_REPLICAS = 19

Topics = Callable[..., Settings]


@contextmanager
def _producer(proxy: FaultProxy, *, transactional: bool = False) -> Iterator[KafkaProducer]:
    name = f"p-{uuid.uuid4().hex[:8]}" if transactional else None
    producer = KafkaProducer(
        bootstrap_servers=proxy.address,
        transactional_id=name,
        enable_idempotence=True,
        request_timeout_ms=1000,
        delivery_timeout_ms=4000,
        max_block_ms=5000,
        linger_ms=0,
    )
    if transactional:
        producer.init_transactions()
    try:
        yield producer
    finally:
        producer.close(timeout=0)


def _committed(broker: RunningBroker, topic: str) -> list[bytes]:
    """What an independent reader sees, who does not come through the proxy, up to the last commit."""
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=broker.address, isolation_level="read_committed", enable_auto_commit=False
    )
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    deadline = time.monotonic() + 20
    while consumer.position(partition) < end and time.monotonic() < deadline:
        values += [record.value for record in consumer.poll(timeout_ms=100).get(partition, [])]
    consumer.close()
    return values


def test_clients_stay_with_the_proxy_after_the_bootstrap(
    kafka: RunningBroker, proxy: FaultProxy, topics: Topics
) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy, transactional=True) as producer:
        producer.begin_transaction()
        producer.send(topic, b"a")
        producer.commit_transaction()
    assert _committed(kafka, topic) == [b"a"]
    assert proxy.seen[Api.INIT_PRODUCER_ID] >= 1
    assert proxy.seen[Api.PRODUCE] == proxy.seen[Api.END_TXN] == 1


def test_a_commit_whose_reply_is_dropped_has_happened(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy, transactional=True) as producer:
        rule = proxy.on(Api.END_TXN, every=True).drop_reply()
        producer.begin_transaction()
        producer.send(topic, b"a")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    assert rule.fired
    assert _committed(kafka, topic) == [b"a"]


def test_a_commit_in_a_black_hole_has_not_happened(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy, transactional=True) as producer:
        proxy.on(Api.END_TXN, every=True).black_hole()
        producer.begin_transaction()
        producer.send(topic, b"a")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    assert _committed(kafka, topic) == []


@pytest.mark.parametrize("fate", ["cut", "cut_after", "black_hole", "drop_reply"])
def test_an_idempotent_producer_gets_over_one_lost_produce(
    kafka: RunningBroker, proxy: FaultProxy, topics: Topics, fate: str
) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
        getattr(proxy.on(Api.PRODUCE), fate)()
        producer.send(topic, b"b").get(10)
    assert _committed(kafka, topic) == [b"a", b"b"]


def test_a_rule_may_be_for_one_topic_only(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    made = topics(partitions=1)
    with _producer(proxy) as producer:
        rule = proxy.on(Api.PRODUCE, topic=made.topic_alerts, every=True).cut()
        producer.send(made.topic_ledger, b"fine").get(10)
        assert not rule.fired
        with pytest.raises(KafkaError):
            producer.send(made.topic_alerts, b"refused").get(10)
        assert rule.fired
    proxy.heal()
    with _producer(proxy) as producer:
        producer.send(made.topic_alerts, b"taken").get(10)
    assert _committed(kafka, made.topic_alerts) == [b"taken"]
    assert _committed(kafka, made.topic_ledger) == [b"fine"]


def test_a_topic_is_known_by_its_id_too_once_the_broker_has_told_it(proxy: FaultProxy) -> None:
    topic_id = uuid.uuid4()
    reply = MetadataResponse(
        version=12,
        brokers=[],
        topics=[MetadataResponse.MetadataResponseTopic(version=12, name="alerts", topic_id=topic_id)],
    )
    reply.with_header(1)
    asked = ProduceRequest(version=13, topic_data=[ProduceRequest.TopicProduceData(version=13, topic_id=topic_id)])
    asked.with_header(2)
    request = Request.read(bytes(asked.encode(header=True)))
    rule = proxy.on(Api.PRODUCE, topic="alerts").before(lambda _: None)
    assert proxy.rule_for(request) is None
    proxy.note_metadata(bytes(reply.encode(header=True)))
    assert proxy.rule_for(request) is rule


def test_callbacks_come_before_a_request_arrives_and_after_it_took_effect(
    kafka: RunningBroker, proxy: FaultProxy, topics: Topics
) -> None:
    topic = topics(partitions=1).topic_alerts
    visible: list[list[bytes]] = []
    with _producer(proxy) as producer:
        proxy.on(Api.PRODUCE).before(lambda _: visible.append(_committed(kafka, topic))).after(
            lambda _: visible.append(_committed(kafka, topic))
        )
        producer.send(topic, b"a").get(10)
    assert visible == [[], [b"a"]]


def test_only_the_nth_request_that_a_condition_is_true_of_is_harmed(proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    taken: list[bool] = []
    with _producer(proxy) as producer:
        proxy.on(Api.PRODUCE, nth=2, where=lambda request: b"x" * 50 in request.frame).before(
            lambda request: taken.append(b"third" in request.frame)
        )
        for value in (b"first" + b"x" * 50, b"second", b"third" + b"x" * 50):
            producer.send(topic, value).get(10)
    assert taken == [True]


def test_a_reply_can_be_an_error_although_the_request_took_effect(
    kafka: RunningBroker, proxy: FaultProxy, topics: Topics
) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy, transactional=True) as producer:
        producer.begin_transaction()
        producer.send(topic, b"a")
        proxy.on(Api.END_TXN).reply_error(INVALID_PRODUCER_EPOCH)
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    assert _committed(kafka, topic) == [b"a"]


def test_a_request_can_be_refused_and_never_arrive(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
        rule = proxy.on(Api.PRODUCE, topic=topic).refuse(NOT_ENOUGH_REPLICAS)
        producer.send(topic, b"b").get(10)
    assert rule.fired == 1
    assert proxy.seen[Api.PRODUCE] == 3
    assert _committed(kafka, topic) == [b"a", b"b"]


def test_a_slow_network_is_slow_and_loses_nothing(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    values = [str(number).encode() * 100 for number in range(50)]
    with _producer(proxy) as producer:
        producer.send(topic, values[0]).get(10)
        proxy.slow(Slowness(delay_s=0.1, jitter_s=0.05, bytes_per_s=375_000, slice_bytes=64))
        before = time.monotonic()
        for value in values[1:]:
            producer.send(topic, value)
        producer.flush(10)
        assert time.monotonic() - before >= 0.1
    assert _committed(kafka, topic) == values


def test_a_stalled_network_goes_on_where_it_was(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
        proxy.stall()
        sent = producer.send(topic, b"b")
        time.sleep(0.5)
        assert not sent.is_done
        proxy.heal()
        sent.get(10)
    assert _committed(kafka, topic) == [b"a", b"b"]


def test_a_severed_network_refuses_until_it_is_healed(kafka: RunningBroker, proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
        proxy.sever()
        sent = producer.send(topic, b"b")
        time.sleep(0.5)
        assert not sent.is_done
        proxy.heal()
        sent.get(10)
    assert _committed(kafka, topic) == [b"a", b"b"]


def test_a_delayed_request_arrives_later(proxy: FaultProxy, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
        proxy.on(Api.PRODUCE).delay(0.5)
        before = time.monotonic()
        producer.send(topic, b"b").get(10)
    assert time.monotonic() - before >= 0.5


def test_a_fault_that_never_was_fails_the_test(kafka: RunningBroker, proxy_port: int) -> None:
    proxy = FaultProxy(proxy_port, kafka.proxied_address)
    proxy.on(Api.END_TXN).cut()
    proxy.close()
    with pytest.raises(AssertionError, match="the fault was never there"):
        proxy.check()


def test_a_callback_that_fails_fails_the_test(kafka: RunningBroker, proxy_port: int, topics: Topics) -> None:
    topic = topics(partitions=1).topic_alerts
    proxy = FaultProxy(proxy_port, kafka.proxied_address)
    proxy.on(Api.PRODUCE).before(lambda _: 1 / 0)
    with _producer(proxy) as producer:
        producer.send(topic, b"a").get(10)
    proxy.close()
    with pytest.raises(AssertionError, match="callback"):
        proxy.check()

"""Where kafka-python alone would hang, leak or read old answers. What both brokers share is in test_contract."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import BrokerError, Membership, Message, Partition
from eddy.messaging.topics import TopicPlan
from eddy.settings import load

QUICK = {"request_timeout_ms": 1_000, "delivery_timeout_ms": 1_500, "transaction_timeout_ms": 2_000}


def test_clients_connect_when_they_are_used_and_a_failure_leaves_no_thread() -> None:
    broker = KafkaBroker(load(kafka_bootstrap_servers="127.0.0.1:1", **{**QUICK, "request_timeout_ms": 300}))
    threads = threading.active_count()
    consumer = broker.consumer(group="g", topic="t", instance="i")
    producer, publisher = broker.transactional_producer("t"), broker.publisher()
    reader, admin = broker.reader(), broker.topic_admin()
    calls: list[Callable[[], Any]] = [
        lambda: consumer.poll(100, 1),
        consumer.rewind,
        producer.start,
        lambda: publisher.send(Message("t", b"k", b"v")),
        lambda: reader.offsets("t"),
        lambda: reader.committed("g", "t"),
        lambda: admin.describe(["t"]),
    ]
    for call in calls:
        with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1\b"):
            call()
    for client in (consumer, producer, publisher, reader, admin):
        client.close()
    wait_for(lambda: threading.active_count() <= threads)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def frozen(broker_factory: Any) -> Iterator[tuple[KafkaBroker, str, Any]]:
    """A broker to be frozen, and a topic with one message."""
    running = broker_factory()
    broker = KafkaBroker(load(kafka_bootstrap_servers=running.address, **QUICK))
    topic = f"t-{uuid.uuid4().hex[:8]}"
    admin, publisher = broker.topic_admin(), broker.publisher()
    admin.create(TopicPlan(topic, 1, 1, {}))
    publisher.send(Message(topic, b"k", b"v")).wait(10)
    for client in (admin, publisher):
        client.close()
    yield broker, topic, running
    running.thaw()


def test_no_call_waits_for_ever_for_a_broker_that_does_not_answer(frozen: tuple[KafkaBroker, str, Any]) -> None:
    broker, topic, running = frozen
    consumer, reader = broker.consumer(group="g", topic=topic, instance="i"), broker.reader()
    wait_for(lambda: bool(consumer.poll(1000, 10)))
    assert reader.offsets(topic)
    membership = consumer.membership()
    sending, offering, committing = (begun(broker, topic, name) for name in ("a", "b", "c"))
    committing.send_offsets({Partition(topic, 0): 1}, membership)
    running.freeze()
    assert within(3, lambda: consumer.poll(500, 10)) == {}
    for call in (consumer.rewind, lambda: reader.offsets(topic)):
        assert isinstance(within(3, call), BrokerError)
    delivery = sending.send(Message(topic, b"k", b"v"))
    within(4, lambda: sending.flush(3))
    assert isinstance(within(3, lambda: delivery.wait(2)), BrokerError)
    assert isinstance(within(4, lambda: offering.send_offsets({Partition(topic, 0): 1}, membership)), BrokerError)
    assert isinstance(within(4, committing.commit), BrokerError)
    for producer in (sending, offering, committing):
        assert isinstance(within(4, producer.abort), BrokerError)
        assert within(0.5, producer.close) is None
    assert within(3, consumer.close) is None
    assert within(3, reader.close) is None


def begun(broker: KafkaBroker, topic: str, transactional_id: str) -> Any:
    producer = broker.transactional_producer(transactional_id)
    producer.start()
    producer.begin()
    producer.send(Message(topic, b"k", b"v")).wait(10)
    return producer


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What the call returns or how it fails; not timed closely, only against waiting for ever."""
    answer: list[Any] = []
    thread = threading.Thread(target=lambda: answer.append(outcome(call)), daemon=True)
    thread.start()
    thread.join(seconds + 5)
    assert answer, f"{call} has not returned after {seconds + 5} s"
    return answer[0]


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BrokerError as error:
        return error


def test_an_answer_that_was_given_up_is_not_taken_for_that_of_a_later_question(topics: Any) -> None:
    """The client keeps the question by its partitions, and gives its answer to the next caller that asks the same."""
    settings = topics(partitions=1)
    broker = KafkaBroker(settings)
    consumer = broker.consumer(group=settings.group, topic=settings.topic_transactions, instance=None)
    publisher = broker.publisher()
    publisher.send(Message(settings.topic_transactions, b"k", b"v")).wait(10)
    publisher.close()
    wait_for(lambda: bool(consumer.poll(500, 10)))
    where = Partition(settings.topic_transactions, 0)
    client = consumer._client
    old = client._manager.call_soon(client._coordinator._send_offset_fetch_request, sorted(client.assignment()))
    wait_for(lambda: bool(old.is_done))
    commit(broker, f"{settings.group}-0", {where: 1}, consumer.membership())
    client._coordinator._offset_fetch_futures[frozenset([where])] = old
    assert consumer.rewind() == {where: 1}
    consumer.close()


def test_records_that_come_just_before_a_poll_asks_for_more_are_not_slept_over(topics: Any) -> None:
    settings = topics(partitions=1)
    broker = KafkaBroker(settings)
    consumer = broker.consumer(group=settings.group, topic=settings.topic_transactions, instance=None)
    wait_for(lambda: consumer.poll(200, 10) == {} and bool(consumer.positions()))
    client = consumer._client
    client.config["retry_backoff_ms"] = 60_000
    fetcher, ask = client._fetcher, client._fetcher.send_fetches
    publisher = broker.publisher()

    def ask_late() -> Any:
        fetcher.send_fetches = ask
        publisher.send(Message(settings.topic_transactions, b"k", b"v")).wait(10)
        wait_for(lambda: ask() is None or bool(fetcher._completed_fetches))
        return ask()

    fetcher.send_fetches = ask_late
    assert consumer.poll(1_000, 10)
    publisher.close()
    consumer.close()


def commit(broker: KafkaBroker, transactional_id: str, offsets: Any, membership: Membership) -> None:
    producer = broker.transactional_producer(transactional_id)
    producer.start()
    producer.begin()
    producer.send_offsets(offsets, membership)
    producer.commit()
    producer.close()


def test_security_settings_reach_the_client_and_the_password_is_not_shown() -> None:
    settings = load(
        kafka_bootstrap_servers="127.0.0.1:1",
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_username="u",
        kafka_password="not-to-be-seen",
        request_timeout_ms=300,
    )
    with pytest.raises(BrokerError) as raised:
        KafkaBroker(settings).topic_admin().describe(["t"])
    assert "not-to-be-seen" not in str(raised.value)

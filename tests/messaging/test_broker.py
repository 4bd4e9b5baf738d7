"""A throw-away broker is real, can be ill-treated, keeps what it stored, and leaves nothing behind."""

from collections.abc import Callable

from kafka import KafkaConsumer, KafkaProducer

from messaging.broker import RunningBroker
from settings import Settings


def _send(address: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=address)
    producer.send(topic, value).get(20)
    producer.close()


def _read(address: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    values = [record.value for record in consumer]
    consumer.close()
    return values


def test_the_shared_broker_stores_what_it_is_given(kafka: RunningBroker, topics: Callable[..., Settings]) -> None:
    made = topics(partitions=1)
    _send(kafka.address, made.topic_alerts, b"one")
    assert _read(kafka.address, made.topic_alerts) == [b"one"]


def test_a_killed_broker_keeps_its_messages_and_its_address(
    broker_factory: Callable[..., RunningBroker], topics: Callable[..., Settings]
) -> None:
    running = broker_factory()
    made = topics(partitions=1, address=running.address)
    _send(running.address, made.topic_alerts, b"before")
    running.kill()
    running.restart()
    _send(running.address, made.topic_alerts, b"after")
    assert _read(running.address, made.topic_alerts) == [b"before", b"after"]

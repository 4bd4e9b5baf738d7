"""A commit that the broker left open is ended by the producer that takes over its id, in all partitions alike."""

from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.producer.transaction_manager import TransactionalRequestResult, TxnOffsetCommitHandler
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import BrokerError, Message, Partition
from eddy.settings import Settings
from tests.conftest import BrokerFactory, TopicsFactory

SHORT = {"request_timeout_ms": 1_500, "delivery_timeout_ms": 3_000, "transaction_timeout_ms": 4_000}


@pytest.fixture
def settings(broker_factory: BrokerFactory, topics: TopicsFactory) -> Settings:
    """Of a broker that takes messages of a commit of which its coordinator knows nothing."""
    broker = broker_factory(extra={"transaction.partition.verification.enable": "false"})
    return topics(partitions=2, address=broker.address, **SHORT)


def leave_hanging(settings: Settings, *, committed: bool) -> None:
    """A message and an offset that are open for ever, of a producer whose last commit ended well or was aborted."""
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id="id", enable_idempotence=True
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(settings.topic_ledger, b"ended", partition=0).get(5)
    producer.commit_transaction() if committed else producer.abort_transaction()
    producer.begin_transaction()
    manager: Any = producer._transaction_manager
    manager._partitions_in_transaction.add(TopicPartition(settings.topic_alerts, 0))
    producer.send(settings.topic_alerts, b"hanging", partition=0).get(5)
    offsets = {TopicPartition(settings.topic_transactions, 0): OffsetAndMetadata(7, "", -1)}
    with manager._lock:
        result = TransactionalRequestResult()
        manager._pending_txn_offset_commits |= offsets
        group, pending = ConsumerGroupMetadata(settings.group, -1, "", None), manager._pending_txn_offset_commits
        manager._enqueue_request(TxnOffsetCommitHandler(manager, group, pending, result))
    producer._sender.wakeup()
    assert result.wait(timeout_ms=5_000)
    producer._sender.force_close()
    producer._closed = True
    producer.close(timeout=0)


@pytest.mark.parametrize("committed", [True, False])
def test_an_open_transaction_is_ended_as_the_coordinator_had_decided(settings: Settings, committed: bool) -> None:
    leave_hanging(settings, committed=committed)
    broker = KafkaBroker(settings)
    reader = broker.reader()
    with pytest.raises(BrokerError):
        reader.committed(settings.group, settings.topic_transactions)
    producer = broker.transactional_producer("id")
    producer.start()
    producer.begin()
    producer.send(Message(settings.topic_alerts, None, b"published", (), 0)).wait(5)
    producer.commit()
    producer.close()
    wanted = [b"hanging", b"published"] if committed else [b"published"]
    assert _values(lambda: reader.read(settings.topic_alerts), len(wanted)) == wanted
    offsets = {Partition(settings.topic_transactions, 0): 7} if committed else {}
    assert reader.committed(settings.group, settings.topic_transactions) == offsets
    reader.close()


def test_what_another_worker_has_open_is_left_alone(settings: Settings) -> None:
    broker = KafkaBroker(settings)
    other, producer = broker.transactional_producer("other"), broker.transactional_producer("id")
    other.start()
    other.begin()
    other.send(Message(settings.topic_alerts, None, b"of another", (), 0)).wait(5)
    producer.start()
    other.commit()
    reader = broker.reader()
    assert _values(lambda: reader.read(settings.topic_alerts), 1) == [b"of another"]
    for client in (other, producer, reader):
        client.close()


def _values(read: Callable[[], Any], count: int) -> list[bytes]:
    """A commit is decided before every log has heard of it."""
    found: list[bytes] = []
    for _ in range(50):
        found = [record.value for record in read()]
        if len(found) >= count:
            break
    return found

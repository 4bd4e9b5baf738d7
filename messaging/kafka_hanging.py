"""Ends commits that the broker has forgotten.

Kafka 4.1 to 4.3 (KAFKA-20734) skips the markers that end a commit in partitions that have no leader at that moment,
as when the only broker of a cluster was killed and comes back, and yet takes the commit for ended. Its messages then
hang: nobody sees them, nor anything behind them, until the same producer's next commit, whose marker ends both. Then
they are there as well, although they were aborted, or were published again: doubled. In the same way the group's
offsets stay in suspense.

So whoever takes over a transactional id looks for what hangs, and ends it as aborted: the group then is where it was
before, and those messages are read again.
"""

import contextlib
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import AuthorizationError, UnsupportedVersionError
from kafka.structs import ConsumerGroupMetadata, TopicPartition

from messaging.kafka_client import ERRORS, common, connect
from monitoring import logs
from settings import Settings

log = logs.get(__name__)


def end_hanging(producer: Any, settings: Settings) -> None:
    """Aborts what hangs of a producer that has just taken over its id, and so has nothing open by its own account.

    Raises:
        KafkaError: it cannot be found out, or not be ended; try again with a new producer.
    """
    manager = producer._transaction_manager
    hanging = _hanging(manager.producer_id_and_epoch.producer_id, settings)
    if not hanging:
        return
    log.warning("ending a commit that the broker left open", partitions=[f"{p.topic}:{p.partition}" for p in hanging])
    producer.begin_transaction()
    for partition in hanging:
        manager.maybe_add_partition_to_transaction(partition)
    with manager._lock:
        manager._enqueue_request(manager._add_partitions_to_transaction_handler())
    timeout_ms = settings.transaction_timeout_ms
    # No offsets, and nobody's name: only so that the abort reaches the offsets in suspense.
    offsets = manager.send_offsets_to_transaction({}, ConsumerGroupMetadata(settings.group, -1, "", None))
    producer._sender.wakeup()
    offsets.wait(timeout_ms=timeout_ms)
    aborted = manager.begin_abort()
    producer._sender.wakeup()
    aborted.wait(timeout_ms=timeout_ms)


def _hanging(producer_id: int, settings: Settings) -> list[TopicPartition]:
    admin = connect(KafkaAdminClient, common(settings))
    try:
        topics = [settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger]
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in admin.describe_topics(topics)
            for partition in topic["partitions"]
        ]
        states = admin.describe_producers(partitions)
    except (AuthorizationError, UnsupportedVersionError):
        return []  # not for us to know; then we live with what the broker does
    finally:
        with contextlib.suppress(*ERRORS):
            admin.close()
    return sorted(
        partition
        for partition, state in states.items()
        for one in state.active_producers
        if one.producer_id == producer_id and one.current_transaction_start_offset >= 0
    )

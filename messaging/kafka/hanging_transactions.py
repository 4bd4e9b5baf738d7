"""Completes commits that the broker left open (Kafka's term: hanging transactions).

Seen on Kafka 4.3.1: the markers that end a commit are skipped in partitions that have no leader at that moment, as when
the only broker of a cluster was killed and comes back; the coordinator still counts the commit as completed. Its
messages then stay open: nobody sees them, nor anything behind them, until the next commit or abort of the same producer
ends both alike. So aborted messages appear a second time, or committed ones are lost, and pending offsets keep the
group from going on at all.

A producer that takes over a transactional id therefore looks for such messages, and ends them as the coordinator had
decided.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import AuthorizationError, RetriableError, TransactionalIdNotFoundError, UnsupportedVersionError
from kafka.structs import ConsumerGroupMetadata, TopicPartition

from eddy.messaging.kafka.client import ERRORS, common, connect
from eddy.messaging.kafka.client_internals import add_partitions, transactions, wake_up
from eddy.monitoring import logs
from eddy.settings import Settings

log = logs.get(__name__)

_COMMITTED = {"PrepareCommit", "CompleteCommit"}


def take_over(producer: Any, transactional_id: str, settings: Settings) -> None:
    """Fences the predecessor, aborts its open commit, and ends what the broker left open.

    Raises:
        KafkaError: the broker did not say, or did not end it; try again with a new producer.
    """
    with contextlib.closing(_Admin(settings)) as admin:
        committed = admin.committed_last(transactional_id)  # the coordinator forgets it when the id is taken over
        producer.init_transactions()
        hanging = admin.hanging(transactions(producer).producer_id_and_epoch.producer_id)
    if hanging:
        names = [f"{partition.topic}:{partition.partition}" for partition in hanging]
        log.warning("ending a commit that the broker left open", committed=committed, partitions=names)
        _end(producer, hanging, settings, committed=committed)


def _end(producer: Any, hanging: list[TopicPartition], settings: Settings, *, committed: bool) -> None:
    """An empty commit over the same partitions: its markers end the open one, too."""
    manager, timeout_ms = transactions(producer), settings.transaction_timeout_ms
    producer.begin_transaction()
    add_partitions(producer, hanging)
    # Without offsets or a member: only so that the marker reaches the pending offsets.
    offsets = manager.send_offsets_to_transaction({}, ConsumerGroupMetadata(settings.group, -1, "", None))
    wake_up(producer)
    offsets.wait(timeout_ms=timeout_ms)
    ended = manager.begin_commit() if committed else manager.begin_abort()
    wake_up(producer)
    ended.wait(timeout_ms=timeout_ms)


class _Admin:
    """What the broker knows of producers. If it is too old, or we may not ask, nothing counts as open."""

    def __init__(self, settings: Settings) -> None:
        self._topics = [settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger]
        self._timeout_s = settings.request_timeout_ms / 1000
        self._client = connect(KafkaAdminClient, common(settings))

    def committed_last(self, transactional_id: str) -> bool:
        """Whether the coordinator decided for the last commit of this id."""
        try:
            found = self._patiently(lambda: self._client.describe_transactions([transactional_id]))
        except (AuthorizationError, TransactionalIdNotFoundError, UnsupportedVersionError):
            return False
        return found[transactional_id].state in _COMMITTED

    def hanging(self, producer_id: int) -> list[TopicPartition]:
        """Partitions where this producer has open messages, although it has just taken over."""
        try:
            partitions = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in self._client.describe_topics(self._topics)
                for partition in topic["partitions"]
            ]
            states = self._patiently(lambda: self._client.describe_producers(partitions))
        except (AuthorizationError, UnsupportedVersionError):
            return []
        return sorted(
            partition
            for partition, state in states.items()
            for one in state.active_producers
            if one.producer_id == producer_id and one.current_transaction_start_offset >= 0
        )

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """Asks again while the broker is not ready to answer, as long as one request may take."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                return ask()
            except RetriableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        with contextlib.suppress(*ERRORS):
            self._client.close()

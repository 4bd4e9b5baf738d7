"""Loops that are wrong in one step, by name: checks for lost and doubled messages must find theirs.

Each is how such a loop is often written. They are the real loop but for the step that is replaced.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from eddy.consumer.batch import Decision, OffsetRange
from eddy.consumer.loop import Loop
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.kafka.consumer import KafkaGroupConsumer
from eddy.messaging.ports import BrokerError, Membership, Partition, Records, TransactionalProducer
from tests.faults.kit.stage import Variant


class FuturesIgnored(Loop):
    """Assumes that what was flushed was stored."""

    def _publish(self, producer: TransactionalProducer, decision: Decision, membership: Membership) -> None:
        producer.begin()
        for message in decision.messages:
            producer.send(message)
        producer.flush(60)
        producer.send_offsets(decision.offsets, membership)
        producer.commit()


class ProducerReused(Loop):
    """Goes on with the same producer after an abort, even if the abort failed."""

    def _recover(self, error: BrokerError) -> None:
        for observer in self._observers:
            observer.on_failure(type(error).__name__)
        assert self._producer is not None
        with contextlib.suppress(BrokerError):
            self._producer.abort()
        self._rewind()


class RewoundToFirst(Loop):
    """Reads a batch whose commit failed again from its first offset, not from what is committed."""

    _firsts: Mapping[Partition, int] = {}

    def _process(
        self,
        producer: TransactionalProducer,
        records: Records,
        ranges: dict[Partition, OffsetRange],
        membership: Membership,
    ) -> None:
        self._firsts = {partition: covered.start for partition, covered in ranges.items()}
        super()._process(producer, records, ranges, membership)

    def _rewind(self) -> None:
        self._positions.starts = dict(self._firsts)
        client: Any = getattr(self._consumer, "_client", None)
        for partition, first in self._firsts.items():
            client.seek(TopicPartition(*partition), first)


class MembershipTakenLate(Loop):
    """Sends its offsets with the membership at the time of the commit, as the client's examples do."""

    def _publish(self, producer: TransactionalProducer, decision: Decision, membership: Membership) -> None:
        super()._publish(_AnyMembership(producer, self._consumer), decision, membership)


class _AnyMembership:
    """The producer it is given, but for the membership that goes with offsets."""

    def __init__(self, producer: Any, consumer: Any) -> None:
        self._producer, self._consumer = producer, consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def send_offsets(self, offsets: Mapping[Partition, int], membership: Membership) -> None:  # noqa: ARG002
        live: ConsumerGroupMetadata = self._consumer._client.group_metadata()
        known = {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
        self._producer._client.send_offsets_to_transaction(known, live)


class OffsetsAfterwards(Loop):
    """Commits the messages first, and the offsets when they are safe."""

    def _publish(self, producer: TransactionalProducer, decision: Decision, membership: Membership) -> None:
        producer.begin()
        deliveries = [producer.send(message) for message in decision.messages]
        producer.flush(self._config.delivery_timeout_s)
        for delivery in deliveries:
            delivery.wait(self._config.delivery_timeout_s)
        producer.commit()
        producer.begin()
        producer.send_offsets(decision.offsets, membership)
        producer.commit()


class OffsetsLeftToTheClient(Loop):
    """Commits the messages; the consumer's auto-commit sees to the offsets."""

    def _publish(self, producer: TransactionalProducer, decision: Decision, membership: Membership) -> None:  # noqa: ARG002
        producer.begin()
        deliveries = [producer.send(message) for message in decision.messages]
        producer.flush(self._config.delivery_timeout_s)
        for delivery in deliveries:
            delivery.wait(self._config.delivery_timeout_s)
        producer.commit()


class _NamelessBroker(KafkaBroker):
    """Members without a stable name, as a client is by default."""

    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:  # noqa: ARG002
        return super().consumer(group=group, topic=topic, instance=None)


class _Configured(KafkaGroupConsumer):
    """A consumer with other settings of the client."""

    changes: ClassVar[Mapping[str, Any]] = {}

    def _config(self) -> dict[str, Any]:
        return {**super()._config(), **self.changes}


class _AutoCommitting(_Configured):
    changes: ClassVar[Mapping[str, Any]] = {"enable_auto_commit": True, "auto_commit_interval_ms": 1_000}


class _ReadingUncommitted(_Configured):
    changes: ClassVar[Mapping[str, Any]] = {"isolation_level": "read_uncommitted"}


class _AutoCommitBroker(KafkaBroker):
    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:
        return _AutoCommitting(self._settings, group, topic, instance)


class _UncommittedBroker(KafkaBroker):
    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:
        return _ReadingUncommitted(self._settings, group, topic, instance)


SOUND_WITHOUT_NAMES = Variant("sound, members without stable names", broker=_NamelessBroker)
"""Not wrong: for comparison with the one whose membership is late."""
FUTURES_IGNORED = Variant("futures ignored", FuturesIgnored)
PRODUCER_REUSED = Variant("producer reused after an abort", ProducerReused)
REWOUND_TO_FIRST = Variant("rewound to the first offset", RewoundToFirst)
MEMBERSHIP_TAKEN_LATE = Variant("membership taken late", MembershipTakenLate, _NamelessBroker)
OFFSETS_AFTERWARDS = Variant("offsets after the commit", OffsetsAfterwards)
AUTO_COMMIT = Variant("auto-commit", OffsetsLeftToTheClient, _AutoCommitBroker)
READING_UNCOMMITTED = Variant("reading uncommitted input", broker=_UncommittedBroker)

"""A member of a consumer group, whose every position is that of the broker."""

import contextlib
from typing import Any

from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError, RetriableError
from kafka.structs import MemberState, TopicPartition

from eddy.messaging.kafka.client import (
    ERRORS,
    connect_consumer,
    reading,
    translated,
)
from eddy.messaging.kafka.client_internals import (
    fetch_ahead,
    forget_offset_fetches,
    is_silenced,
    leave_when_closed,
    positions,
    refresh_metadata,
)
from eddy.messaging.ports import (
    BrokerError,
    Fenced,
    Membership,
    Offsets,
    Partition,
    Records,
    Span,
    StartRule,
    earliest,
)
from eddy.settings import Settings

HEARTBEAT_MOST_MS = 2_000


class KafkaGroupConsumer:
    """A member of a group; see `ports.Consumer`."""

    def __init__(self, settings: Settings, group: str, topic: str, instance: str | None) -> None:
        self._settings = settings
        self._group, self._topic, self._instance = group, topic, instance
        self._client: Any = None
        self._identity: tuple[int, str] = (-1, "")
        self._start_rule: StartRule = earliest
        self._at: dict[Partition, int] = {}  # where the next records are to begin

    def start_by(self, rule: StartRule) -> None:
        self._start_rule = rule

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        with translated("poll"):
            client = self._opened()
            forget_offset_fetches(client)
            records = self._polled(timeout_ms, max_records)
            metadata = client.group_metadata()
            identity = (metadata.generation_id, metadata.member_id)
            if identity != self._identity:
                return self._joined(identity)
            self._check_heartbeat()
            self._check_deleted(records)
            if records:
                fetch_ahead(client)
        return records

    def _polled(self, timeout_ms: int, max_records: int) -> Records:
        """Drops a client that read something unreadable: at the next poll it would spin on it for ever."""
        try:
            records: Records = self._client.poll(timeout_ms, max_records)
        except KafkaError as error:
            if not isinstance(error, RetriableError):
                self.close()
            raise
        return records

    def _joined(self, identity: tuple[int, str]) -> Records:
        """Starts a new membership from the committed offsets, whatever the client remembers.

        The client keeps its position on partitions that it had before. Usually that is right; but if it was removed
        from the group while it rejoined, another member may have committed since, and the position is out of date.
        """
        if identity[0] >= 0:
            self.rewind()
        self._identity = identity
        return {}

    def _check_heartbeat(self) -> None:
        """A static member learns by a heartbeat that it was fenced; the client writes that to its log only."""
        if is_silenced(self._client):
            raise Fenced(f"another process joined group {self._group} as {self._instance}; end one of the two")

    def _check_deleted(self, records: Records) -> None:
        """Where messages were deleted before they were read, the client goes on behind them without a word."""
        now = positions(self._client)
        begin = {p: records[p][0].offset if p in records else now[p] for p in now}
        gaps = [p for p in now if begin[p] > self._at.get(p, begin[p])]
        timeout_ms = self._settings.request_timeout_ms
        firsts = self._client.beginning_offsets(gaps, timeout_ms=timeout_ms) if gaps else {}
        if deleted := [p for p in gaps if firsts[p] > self._at[p]]:
            raise BrokerError(f"messages of {deleted} were deleted before they were read; committed offsets say which")
        self._at.update(now)

    def membership(self) -> Membership:
        if self._client is None:
            return Membership(self._group, -1, "", self._instance, stable=False)
        group, generation, member, instance, state = self._client.group_metadata()
        return Membership(group, generation, member, instance, stable=state == MemberState.STABLE)

    def positions(self) -> Offsets:
        return {} if self._client is None else positions(self._client)

    def committed(self) -> Offsets:
        with translated("read committed offsets"):
            client = self._opened()
            forget_offset_fetches(client)
            assigned = sorted(client.assignment())
            timeout_ms = self._settings.request_timeout_ms
            known = {p: client.committed(p, timeout_ms=timeout_ms) for p in assigned}
            firsts = client.beginning_offsets(assigned, timeout_ms=timeout_ms)
            unusable = [p for p in assigned if known[p] is None or known[p] < firsts[p]]
            ends = client.end_offsets(unusable, timeout_ms=timeout_ms) if unusable else {}
        return {**known, **self._start_rule({Partition(*p): Span(firsts[p], ends[p], known[p]) for p in unusable})}

    def rewind(self) -> Offsets:
        offsets = self.committed()
        with translated("seek"):
            for partition, offset in offsets.items():
                self._client.seek(TopicPartition(*partition), offset)
        self._at = dict(offsets)
        return offsets

    def close(self) -> None:
        client, self._client, self._identity = self._client, None, (-1, "")
        if client is not None:
            # A worker that closes will not be back at once; one that is killed, and restarted, never gets here.
            leave_when_closed(client)
            with contextlib.suppress(*ERRORS):
                client.close(autocommit=False, timeout_ms=self._settings.request_timeout_ms)

    def _opened(self) -> Any:
        if self._client is None:
            self._client = connect_consumer(self._config())
            self._client.subscribe([self._topic])
            # A member that does not know the partitions when the group makes it the leader assigns none of them, and
            # nobody reads anything until it has heard of them and the group has met once more.
            refresh_metadata(self._client, self._settings.request_timeout_ms)
        return self._client

    def _config(self) -> dict[str, Any]:
        settings = self._settings
        return {
            **reading(settings),
            "group_id": self._group,
            # A stable name: after kill -9 the successor has the partitions at once, not when the session expires.
            "group_instance_id": self._instance,
            "session_timeout_ms": settings.session_timeout_ms,
            # Members also learn by it that another one joins, so it stays short where the session is long.
            "heartbeat_interval_ms": min(max(settings.session_timeout_ms // 3, 1), HEARTBEAT_MOST_MS),
            "max_poll_interval_ms": settings.max_poll_interval_ms,
            "max_poll_records": settings.batch_max_records,
            # Eager on purpose: with every batch committed before the next poll, a rebalance has nothing to save, and
            # one round is less that can go wrong than the two of cooperative rebalancing.
            "partition_assignment_strategy": [StickyPartitionAssignor],
        }

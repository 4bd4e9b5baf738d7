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
from eddy.messaging.ports import Fenced, Membership, Offsets, Partition, Records, StartRule, earliest
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
            missing = [p for p in assigned if known[p] is None]
            firsts = client.beginning_offsets(missing, timeout_ms=timeout_ms) if missing else {}
            ends = client.end_offsets(missing, timeout_ms=timeout_ms) if missing else {}
        return {**known, **self._start_rule({Partition(*p): (firsts[p], ends[p]) for p in missing})}

    def rewind(self) -> Offsets:
        offsets = self.committed()
        with translated("seek"):
            for partition, offset in offsets.items():
                self._client.seek(TopicPartition(*partition), offset)
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

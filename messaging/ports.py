"""What Eddy needs of a broker: two implementations, `kafka` and `memory`, tested by one suite.

The steps of a commit are separate calls on purpose: the order in which the consumer takes them *is* the delivery
promise, so it stands in the open (`consumer/loop.py`), not behind one `publish`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from eddy.messaging.topics import TopicAdmin
from eddy.model.errors import EddyError


class Partition(NamedTuple):
    """One partition of one topic; equal to the client's own named tuple."""

    topic: str
    partition: int


Header = tuple[str, bytes]


class Record(Protocol):
    """One message as it was read. `timestamp` is the broker's, in milliseconds since 1970, never the event time."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


Records = Mapping[Partition, Sequence[Record]]
Offsets = Mapping[Partition, int]


class Span(NamedTuple):
    """What a partition holds: the first offset kept, one past the last committed record; the group's offset, if any."""

    first: int
    end: int
    committed: int | None = None


OffsetSpans = Mapping[Partition, Span]
StartRule = Callable[[OffsetSpans], Offsets]
"""Gives the first offset to read of partitions without a usable committed offset, or raises why there is none."""


def earliest(spans: OffsetSpans) -> Offsets:
    """The start rule of a member that was given none."""
    return {partition: span.first for partition, span in spans.items()}


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be sent. Without a `partition` the key decides it, by Kafka's standard murmur2 hash."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """Who we were in the group when the records were handed out: the fence that a commit is checked against.

    A snapshot. Taken after the poll and before anything else; a later one could cover records that by then
    belong to another member.
    """

    group: str
    generation: int
    member: str
    instance: str | None
    stable: bool


class Delivery(Protocol):
    """The promise that one sent message is stored."""

    def wait(self, timeout_s: float) -> int:
        """The offset at which the message was stored.

        Raises:
            BrokerError: it was not stored, or it is unknown whether it was, within `timeout_s`.
        """
        ...


class Consumer(Protocol):
    """A member of a consumer group, reading committed records only."""

    def start_by(self, rule: StartRule) -> None:
        """Has `rule` say where assigned partitions begin that have no committed offset, or one before the first kept.

        It is called with all of them, or none, each time that committed offsets are asked for. To be set before the
        first poll; without it they begin at their start.
        """
        ...

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        """Waits up to `timeout_ms` for records; at most `max_records`, in offset order within a partition.

        Raises:
            Fenced: another process has joined the group under this member's name.
            BrokerError: anything else.
        """
        ...

    def membership(self) -> Membership: ...

    def positions(self) -> Offsets:
        """The next offset to be read of every assigned partition whose position is known."""
        ...

    def committed(self) -> Offsets:
        """The group's committed offset of every assigned partition; where none is usable, what the start rule says."""
        ...

    def rewind(self) -> Offsets:
        """Goes back to the committed offsets of every assigned partition, and returns them.

        The only safe place after a commit whose outcome is unknown: it may have happened.
        """
        ...

    def close(self) -> None:
        """Leaves; its partitions go to the others at once. Never raises.

        A static member that dies without it keeps its partitions for its successor until the session times out.
        """
        ...


class TransactionalProducer(Protocol):
    """Publishes messages and moves offsets in one atomic commit. After any error: `close` it and make a new one."""

    def start(self) -> None:
        """Takes over the transactional id: aborts the open commit of a predecessor, and fences it.

        Raises:
            BrokerError: no coordinator answered in time.
        """
        ...

    def begin(self) -> None: ...

    def send(self, message: Message) -> Delivery: ...

    def flush(self, timeout_s: float) -> None:
        """Returns when every message was stored or has failed: the deliveries must still be checked."""
        ...

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None: ...

    def commit(self) -> None:
        """Makes messages and offsets visible together.

        Raises:
            Fenced: another process has taken over the transactional id.
            BrokerError: the outcome is unknown; it may have happened.
        """
        ...

    def abort(self) -> None: ...

    def close(self) -> None:
        """Frees the connection. Never raises, never waits for messages."""
        ...


class Publisher(Protocol):
    """Publishes messages one by one, idempotently and in order per key, outside any commit."""

    def send(self, message: Message) -> Delivery: ...

    def flush(self, timeout_s: float) -> None: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """Reads whole topics, committed records only, without a group: for ledgers, alerts, checks."""

    def read(self, topic: str, starts: Offsets | None = None) -> Iterator[Record]:
        """Every record of each partition, from `starts` or its start to the end it had when the call was made.

        Raises:
            TopicMissing: there is no such topic.
        """
        ...

    def follow(
        self, topic: str, *, from_start: bool, idle_s: float, starts: Offsets | None = None
    ) -> Iterator[Record | None]:
        """Records as they come, for ever; None whenever `idle_s` seconds went by without one.

        Begins at `starts`, else at the start or the end of each partition; partitions that are added later, at theirs.
        """
        ...

    def offsets_at(self, topic: str, time_ms: int) -> Offsets:
        """The first offset of each partition with a timestamp at or after that time; its end where there is none."""
        ...

    def offsets(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        """First offset kept and one past the last committed one, per partition."""
        ...

    def committed(self, group: str, topic: str) -> Offsets:
        """The offsets that a group has committed on a topic; partitions without one are left out."""
        ...

    def close(self) -> None: ...


class Broker(Protocol):
    """Makes the clients."""

    def consumer(self, *, group: str, topic: str, instance: str | None) -> Consumer: ...

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer: ...

    def publisher(self) -> Publisher: ...

    def reader(self) -> Reader: ...

    def topic_admin(self) -> TopicAdmin: ...


class BrokerError(EddyError):
    """The broker did not do what was asked, or did not say. Retry with a new client."""


class TopicMissing(BrokerError):
    """The topic does not exist, or this user may not see it."""


class Fenced(BrokerError):
    """This process was fenced: another one uses its name. Not to be retried: the process ends."""

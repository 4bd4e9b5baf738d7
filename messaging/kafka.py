"""Apache Kafka through kafka-python: the only file that knows the client, and the only one that sees its errors.

The client leaves much of exactly-once to whoever calls it; what is done about that is said where it is done. Four
rules hold throughout: clients are made when first used, thus after a fork; every wait is bounded, also where the
client's own is not; a client that failed is thrown away; nothing is done per record.
"""

import contextlib
import importlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    InvalidProducerEpochError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFencedError,
    TopicAlreadyExistsError,
)
from kafka.net.compat import KafkaNetClient
from kafka.structs import ConsumerGroupMetadata, MemberState, OffsetAndMetadata, TopicPartition

from messaging.ports import BrokerError, Fenced, Membership, Message, Offsets, Partition, Record, Records
from messaging.topics import TopicPlan, TopicState
from settings import Settings

# RuntimeError and OSError: what its network loop raises when it was closed or a socket fails under it.
_ERRORS = (KafkaError, RuntimeError, OSError)
_MIB = 1024 * 1024
_ABORT_WAIT_S = 2.0
# The client has no limit on messages that wait to be sent (a slow broker would fill the memory): a publisher waits
# for the oldest of this many marks, one every so many messages.
_MARK_EVERY, _MARKS = 1_000, 50


class KafkaBroker:
    """A Kafka cluster, as the settings name it. Holds no connection: clients make theirs when they are first used."""

    def __init__(self, settings: Settings) -> None:
        _require_crc32c()
        self._settings = settings

    def consumer(self, *, group: str, topic: str, instance: str | None) -> "_Consumer":
        return _Consumer(self._settings, group, topic, instance)

    def transactional_producer(self, transactional_id: str) -> "_TransactionalProducer":
        return _TransactionalProducer(self._settings, transactional_id)

    def publisher(self) -> "_Publisher":
        return _Publisher(self._settings)

    def reader(self) -> "_Reader":
        return _Reader(self._settings)

    def topic_admin(self) -> "_TopicAdmin":
        return _TopicAdmin(self._settings)


class _Consumer:
    def __init__(self, settings: Settings, group: str, topic: str, instance: str | None) -> None:
        self._settings = settings
        self._group, self._topic, self._instance = group, topic, instance
        self._client: Any = None
        self._identity: tuple[int, str] = (-1, "")

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        with _translated("poll"):
            client = self._opened()
            _forget_offset_fetches(client)
            records: Records = client.poll(timeout_ms, max_records)
            metadata = client.group_metadata()
            identity = (metadata.generation_id, metadata.member_id)
            if identity != self._identity:
                records = self._joined(identity)
            elif not records:
                self._check_heartbeat()
        return records

    def _joined(self, identity: tuple[int, str]) -> Records:
        """Starts a new membership from what the group has committed, whatever the client remembers.

        The client keeps its position on partitions that it had before. Usually that is right; but where it was thrown
        out while it rejoined, another member may have read and committed in between, and the position is of the past.
        """
        if identity[0] >= 0:
            self.rewind()
        self._identity = identity
        return {}

    def _check_heartbeat(self) -> None:
        """A static member whose place was taken is told so by a heartbeat, which the client writes to its log only."""
        coordinator = self._client._coordinator
        silenced = coordinator.stable() and not coordinator._heartbeat_enabled
        if silenced and not coordinator.rejoining and not coordinator.need_rejoin():
            raise Fenced(f"another process joined group {self._group} as {self._instance}; end one of the two")

    def membership(self) -> Membership:
        if self._client is None:
            return Membership(self._group, -1, "", self._instance, stable=False)
        group, generation, member, instance, state = self._client.group_metadata()
        return Membership(group, generation, member, instance, stable=state == MemberState.STABLE)

    def positions(self) -> Offsets:
        return {} if self._client is None else _positions(self._client)

    def committed(self) -> Offsets:
        with _translated("read committed offsets"):
            client = self._opened()
            _forget_offset_fetches(client)
            assigned = sorted(client.assignment())
            timeout_ms = self._settings.request_timeout_ms
            known = {p: client.committed(p, timeout_ms=timeout_ms) for p in assigned}
            missing = [p for p in assigned if known[p] is None]
            starts = client.beginning_offsets(missing, timeout_ms=timeout_ms) if missing else {}
            return {**known, **starts}

    def rewind(self) -> Offsets:
        offsets = self.committed()
        with _translated("seek"):
            for partition, offset in offsets.items():
                self._client.seek(partition, offset)
        return offsets

    def end_offsets(self) -> Offsets:
        with _translated("read end offsets"):
            client = self._opened()
            timeout_ms = self._settings.request_timeout_ms
            offsets: Offsets = client.end_offsets(sorted(client.assignment()), timeout_ms=timeout_ms)
            return offsets

    def close(self) -> None:
        client, self._client, self._identity = self._client, None, (-1, "")
        if client is not None:
            with contextlib.suppress(*_ERRORS):
                client.close(autocommit=False, timeout_ms=self._settings.request_timeout_ms)

    def _opened(self) -> Any:
        if self._client is None:
            self._client = _connect(KafkaConsumer, self._config())
            self._client.subscribe([self._topic])
        return self._client

    def _config(self) -> dict[str, Any]:
        settings = self._settings
        return {
            **_reading(settings),
            "group_id": self._group,
            # A stable name: after kill -9 the successor has the partitions at once, not when the session expires.
            "group_instance_id": self._instance,
            "session_timeout_ms": settings.session_timeout_ms,
            "heartbeat_interval_ms": max(settings.session_timeout_ms // 3, 1),
            "max_poll_interval_ms": settings.max_poll_interval_ms,
            "max_poll_records": settings.batch_max_records,
            # Eager on purpose: with every batch committed before the next poll, a rebalance has nothing to save, and
            # one round is less that can go wrong than the two of cooperative rebalancing.
            "partition_assignment_strategy": [StickyPartitionAssignor],
        }


class _TransactionalProducer:
    def __init__(self, settings: Settings, transactional_id: str) -> None:
        self._settings, self._id = settings, transactional_id
        self._client: Any = None

    def start(self) -> None:
        self.close()
        with self._translated("take over"):
            self._client = _connect(KafkaProducer, self._config())
            self._client.init_transactions()

    def begin(self) -> None:
        with self._translated("begin"):
            self._started().begin_transaction()

    def send(self, message: Message) -> "_Delivery":
        with self._translated("send"):
            return _Delivery(_send(self._started(), message), self._fault)

    def flush(self, timeout_s: float) -> None:
        with self._translated("flush"):
            self._started().flush(timeout_s)

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:
        # Kafka takes generation -1 for a consumer outside of any group and checks nothing.
        if membership.generation < 0 or not membership.member:
            raise BrokerError(f"offsets of group {membership.group} not sent: this consumer is no member; poll again")
        known = {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
        who = ConsumerGroupMetadata(membership.group, membership.generation, membership.member, membership.instance)
        self._finish("send offsets", lambda manager: manager.send_offsets_to_transaction(known, who))

    def commit(self) -> None:
        self._finish("commit", lambda manager: manager.begin_commit())

    def abort(self) -> None:
        # Not worth a long wait: whoever takes over the id aborts what is open.
        self._finish("abort", lambda manager: manager.begin_abort(), _ABORT_WAIT_S)

    def close(self) -> None:
        client, self._client = self._client, None
        _discard(client)

    def _finish(self, doing: str, ask: Callable[[Any], Any], wait_s: float | None = None) -> None:
        """What the client's own methods do, but bounded: theirs never return while the broker does not answer.

        Longer than the broker keeps the commit open there is nothing to wait for.
        """
        wait_s = self._settings.transaction_timeout_ms / 1000 if wait_s is None else wait_s
        with self._translated(doing):
            client = self._started()
            result = ask(client._transaction_manager)
            client._sender.wakeup()
            if not result.wait(timeout_ms=wait_s * 1000):
                raise KafkaTimeoutError(f"no answer in {wait_s:.1f} s")

    def _started(self) -> Any:
        if self._client is None:
            raise BrokerError(f"producer {self._id} is not started or closed; start a new one")
        return self._client

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _ERRORS as error:
            raise self._fault(error, doing) from error

    def _fault(self, error: Exception, doing: str) -> BrokerError:
        """Tells a process that was fenced from one that merely failed.

        ProducerFenced ends the process. It also comes when the broker aborted our commit because we slept longer than
        the transaction time-out; the two cannot be told apart, and taking the id back from a living process would let
        two processes throw each other out for ever.

        InvalidProducerEpoch is the answer to a message (not to a request of the commit) in both cases. There the
        client itself asks the broker to raise the epoch that it had: granted if nobody else came, else ProducerFenced.
        So wait for that answer: only with it can a new producer be made without stealing the id.
        """
        manager = None if self._client is None else self._client._transaction_manager
        if isinstance(error, InvalidProducerEpochError) and manager is not None:
            _wait(lambda: not manager.is_bumping_epoch(), self._settings.request_timeout_ms / 1000)
        # Once fenced, later calls raise a plain KafkaError that only tells the reason in words.
        for cause in (error, manager and manager.last_error):
            if isinstance(cause, ProducerFencedError | FencedInstanceIdError):
                return Fenced(f"{doing} of {self._id}: another process has taken its place ({cause})")
        return BrokerError(f"{doing} of {self._id} failed: {error}; go on with a new producer")

    def _config(self) -> dict[str, Any]:
        timeout_ms = self._settings.transaction_timeout_ms
        return {**_writing(self._settings), "transactional_id": self._id, "transaction_timeout_ms": timeout_ms}


class _Delivery:
    __slots__ = ("_fault", "_future")

    def __init__(self, future: Any, fault: Callable[[Exception, str], BrokerError]) -> None:
        self._future, self._fault = future, fault

    def wait(self, timeout_s: float) -> int:
        try:
            offset: int = self._future.get(timeout_s).offset
        except _ERRORS as error:
            raise self._fault(error, "delivery") from error
        return offset


class _Publisher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None
        self._sent = 0
        self._marks: deque[Any] = deque()

    def send(self, message: Message) -> _Delivery:
        try:
            future = _send(self._opened(), message)
        except _ERRORS as error:
            raise _failed(error, "send") from error
        self._sent += 1
        if self._sent % _MARK_EVERY == 0:
            self._hold_back(future)
        return _Delivery(future, _failed)

    def _hold_back(self, future: Any) -> None:
        self._marks.append(future)
        if len(self._marks) > _MARKS:
            # Whether it was stored is for its own delivery to say.
            with contextlib.suppress(KafkaError):
                self._marks.popleft().get(self._settings.delivery_timeout_ms / 1000)

    def flush(self, timeout_s: float) -> None:
        if self._client is not None:
            with _translated("flush"):
                self._client.flush(timeout_s)

    def close(self) -> None:
        """Waits for what was sent, as long as one request may take."""
        with contextlib.suppress(BrokerError):
            self.flush(self._settings.request_timeout_ms / 1000)
        client, self._client = self._client, None
        self._marks.clear()
        _discard(client)

    def _opened(self) -> Any:
        if self._client is None:
            self._client = _connect(KafkaProducer, {**_writing(self._settings), "linger_ms": 5})
        return self._client


class _Reader:
    """One client for questions; one more for each iteration, as a client has only one set of positions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str | None, Any] = {}

    def read(self, topic: str) -> Iterator[Record]:
        ranges = self.offsets(topic)
        return self._read({p: span for p, span in ranges.items() if span[0] < span[1]})

    def _read(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Record]:
        """Ends by position, not by record: the last offsets of a partition may hold no record at all."""
        if not ranges:
            return
        with self._positioned({p: start for p, (start, _) in ranges.items()}) as client:
            deadline = time.monotonic()
            left = dict.fromkeys(ranges, -1)
            while left:
                with _translated("read"):
                    polled = client.poll(500, self._settings.batch_max_records)
                for partition, records in polled.items():
                    end = ranges[partition][1]
                    yield from (record for record in records if record.offset < end)
                positions = _positions(client)
                now = {p: positions.get(TopicPartition(*p), -1) for p in left}
                deadline = self._deadline() if now != left else deadline
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"reading stopped at {now} for {self._settings.delivery_timeout_ms} ms; try again"
                    )
                left = {p: position for p, position in now.items() if position < ranges[p][1]}
                client.pause(*(TopicPartition(*p) for p in now.keys() - left.keys()))

    def _deadline(self) -> float:
        return time.monotonic() + self._settings.delivery_timeout_ms / 1000

    def follow(self, topic: str, *, from_start: bool, idle_s: float) -> Iterator[Record | None]:
        ranges = self.offsets(topic)
        ends = {p: end for p, (_, end) in ranges.items()}
        return self._follow({p: start for p, (start, _) in ranges.items()} if from_start else ends, ends, idle_s)

    def _follow(self, positions: Offsets, ends: Offsets, idle_s: float) -> Iterator[Record | None]:
        """Is not idle while it connects: not before it is where the partitions ended when it began."""
        with self._positioned(positions) as client:
            deadline = self._deadline()
            while True:
                with _translated("follow"):
                    polled = client.poll(idle_s * 1000, self._settings.batch_max_records)
                for records in polled.values():
                    yield from records
                if not polled and (_reached(client, ends) or time.monotonic() > deadline):
                    yield None

    def offsets(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        with _translated(f"read offsets of {topic}"):
            client = self._asked(None)
            timeout_ms = self._settings.request_timeout_ms
            partitions = _partitions(client, topic, timeout_ms)
            starts = client.beginning_offsets(partitions, timeout_ms=timeout_ms)
            ends = client.end_offsets(partitions, timeout_ms=timeout_ms)
        return {Partition(*p): (starts[p], ends[p]) for p in partitions}

    def committed(self, group: str, topic: str) -> Offsets:
        with _translated(f"read committed offsets of {group}"):
            client = self._asked(group)
            _forget_offset_fetches(client)
            timeout_ms = self._settings.request_timeout_ms
            partitions = _partitions(client, topic, timeout_ms)
            known = {p: client.committed(p, timeout_ms=timeout_ms) for p in partitions}
        return {Partition(*p): offset for p, offset in known.items() if offset is not None}

    def close(self) -> None:
        while self._clients:
            _, client = self._clients.popitem()
            _close_consumer(client)

    def _asked(self, group: str | None) -> Any:
        if group not in self._clients:
            self._clients[group] = _connect(KafkaConsumer, {**_reading(self._settings), "group_id": group})
        return self._clients[group]

    @contextlib.contextmanager
    def _positioned(self, positions: Offsets) -> Iterator[Any]:
        with _translated("connect"):
            client = _connect(KafkaConsumer, {**_reading(self._settings), "group_id": None})
            client.assign([TopicPartition(*p) for p in positions])
            for partition, offset in positions.items():
                client.seek(TopicPartition(*partition), offset)
        try:
            yield client
        finally:
            _close_consumer(client)


class _TopicAdmin:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        with _translated("describe topics"):
            found = [topic for topic in self._opened().describe_topics(list(names)) if topic["error_code"] == 0]
            return {topic["name"]: self._state(topic) for topic in found}

    def _state(self, topic: Mapping[str, Any]) -> TopicState:
        replicas = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
        return TopicState(len(topic["partitions"]), replicas, self._configs(topic["name"]))

    def _configs(self, name: str) -> Mapping[str, str] | None:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs=None)
        try:
            found = self._client.describe_configs([resource], config_filter="all")["topic"][name]
        except AuthorizationError:
            return None
        return {key: str(entry["value"]) for key, entry in found.items()}

    def create(self, plan: TopicPlan) -> bool:
        wanted = {
            "num_partitions": plan.partitions,
            "replication_factor": plan.replication,
            "configs": dict(plan.configs),
        }
        with _translated(f"create topic {plan.name}"):
            try:
                self._opened().create_topics(
                    {plan.name: wanted}, timeout_ms=self._settings.request_timeout_ms, wait_for_metadata=True
                )
            except TopicAlreadyExistsError:
                return False
        return True

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*_ERRORS):
                client.close()

    def _opened(self) -> Any:
        if self._client is None:
            self._client = _connect(KafkaAdminClient, _common(self._settings))
        return self._client


def _connect(make: Callable[..., Any], config: Mapping[str, Any]) -> Any:
    """A client with its first connection made; one that could not connect leaves no thread and no socket behind."""
    made: list[Any] = []

    def net(**options: Any) -> Any:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        return make(**config, kafka_client=net)
    except _ERRORS:
        for client in made:
            with contextlib.suppress(*_ERRORS):
                client.close()
        raise


def _discard(producer: Any) -> None:
    """Ends a producer without waiting: its own `close` first waits for messages, and raises when they do not come.

    That it then counts as closed also keeps its `__del__` from waiting, a second at some moment of its own choice.
    """
    if producer is not None:
        producer._sender.force_close()
        producer._closed = True
        producer.close(timeout=0)


def _close_consumer(client: Any) -> None:
    with contextlib.suppress(*_ERRORS):
        client.close(autocommit=False, timeout_ms=1_000)


def _send(client: Any, message: Message) -> Any:
    """Waits for the topic's partitions (as long as a request may take), never for the message."""
    headers = list(message.headers)
    return client.send(message.topic, message.value, message.key, headers, message.partition)


def _positions(client: Any) -> Offsets:
    """From the client's memory: its public `position` may ask the broker."""
    return {p: position.offset for p, position in client._subscription.all_consumed_offsets().items()}


def _reached(client: Any, ends: Offsets) -> bool:
    positions = _positions(client)
    return all(positions.get(partition, -1) >= end for partition, end in ends.items())


def _forget_offset_fetches(client: Any) -> None:
    """The client hands a later caller the answer to an earlier question for committed offsets that was given up.

    By then the answer may be older than a commit of another member; reading from it would double that commit.
    """
    client._coordinator._offset_fetch_futures.clear()


def _partitions(client: Any, topic: str, timeout_ms: int) -> list[Any]:
    """Asked anew each time, and bounded: the public `partitions_for_topic` answers from memory, or waits for ever."""
    cluster = client._cluster
    cluster.need_all_topic_metadata = True
    for _ in range(2):  # A refresh under way may have been asked for other topics only.
        client._net.run(client._manager.wait_for, cluster.request_update(), timeout_ms)
        numbers = cluster.partitions_for_topic(topic)
        if numbers:
            return [TopicPartition(topic, number) for number in sorted(numbers)]
    raise BrokerError(f"topic {topic} does not exist or may not be read; `eddy topics create` makes it")


def _wait(done: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise _failed(error, doing) from error


def _failed(error: Exception, doing: str) -> BrokerError:
    if isinstance(error, FencedInstanceIdError):
        return Fenced(f"{doing}: another process joined the group under the same name; end one of the two")
    return BrokerError(f"{doing} failed: {error or type(error).__name__}; try again with a new client")


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": [server.strip() for server in settings.kafka_bootstrap_servers.split(",")],
        "client_id": "eddy",
        "request_timeout_ms": settings.request_timeout_ms,
        "bootstrap_timeout_ms": settings.request_timeout_ms,
        # The default lets a client sleep up to half a minute after the broker is back.
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": 30_000,
        **_security(settings),
    }


def _security(settings: Settings) -> dict[str, Any]:
    protocol = settings.kafka_security_protocol
    config: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL") and settings.kafka_ssl_cafile is not None:
        config["ssl_cafile"] = str(settings.kafka_ssl_cafile)
    if protocol.startswith("SASL"):
        password = settings.kafka_password
        config["sasl_mechanism"] = settings.kafka_sasl_mechanism
        config["sasl_plain_username"] = settings.kafka_username
        config["sasl_plain_password"] = None if password is None else password.get_secret_value()
    return config


def _reading(settings: Settings) -> dict[str, Any]:
    """No deserializers: where one raises, the client stops at the third poll and never returns."""
    return {
        **_common(settings),
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": 4 * _MIB,
        "fetch_min_bytes": _MIB,
        "fetch_max_wait_ms": settings.batch_max_wait_ms,
        "metrics_enabled": False,
    }


def _writing(settings: Settings) -> dict[str, Any]:
    return {
        **_common(settings),
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": settings.delivery_timeout_ms,
        "max_block_ms": settings.request_timeout_ms,
        # The client sends one batch per partition at a time, so a larger one is the only way to more messages.
        "batch_size": _MIB // 2,
        # What one message may take; how much a topic takes is for the topic to say.
        "max_request_size": 16 * _MIB,
        "metrics_enabled": False,
    }


def _require_crc32c() -> None:
    try:
        importlib.import_module("crc32c")
    except ImportError:
        raise BrokerError(
            "the package crc32c is missing, without which Kafka is read at less than half the speed; "
            "install it: pip install crc32c"
        ) from None

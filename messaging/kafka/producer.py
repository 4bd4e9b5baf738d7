"""Writing to Kafka: messages and offsets in one commit, or messages one by one."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    FencedInstanceIdError,
    InvalidProducerEpochError,
    KafkaTimeoutError,
    ProducerFencedError,
)
from kafka.partitioner import DefaultPartitioner, murmur2
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from eddy.messaging.kafka.client import ERRORS, MIB, common, connect, failed, translated
from eddy.messaging.kafka.client_internals import discard, never_reset, transactions, wake_up
from eddy.messaging.kafka.hanging_transactions import take_over
from eddy.messaging.ports import BrokerError, Fenced, Membership, Message, Offsets
from eddy.settings import Settings

_ABORT_WAIT_S = 2.0


class KafkaTransactionalProducer:
    """Messages and offsets in one commit; see `ports.TransactionalProducer`."""

    def __init__(self, settings: Settings, transactional_id: str) -> None:
        self._settings, self._id = settings, transactional_id
        self._client: Any = None

    def start(self) -> None:
        self.close()
        with self._translated("take over"):
            self._client = connect(KafkaProducer, self._config())
            never_reset(self._client)
            take_over(self._client, self._id, self._settings)

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
        # Not worth a long wait: the successor of this id aborts the open commit.
        self._finish("abort", lambda manager: manager.begin_abort(), _ABORT_WAIT_S)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            discard(client)

    def _finish(self, doing: str, ask: Callable[[Any], Any], wait_s: float | None = None) -> None:
        """What the client's own methods do, but bounded: theirs never return while the broker does not answer.

        Longer than the broker keeps the commit open there is nothing to wait for.
        """
        wait_s = self._settings.transaction_timeout_ms / 1000 if wait_s is None else wait_s
        with self._translated(doing):
            client = self._started()
            result = ask(transactions(client))
            wake_up(client)
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
        except ERRORS as error:
            raise self._fault(error, doing) from error

    def _fault(self, error: Exception, doing: str) -> BrokerError:
        """`Fenced` if another process uses the id, else an error that a new producer cures.

        ProducerFenced ends the process. It also comes when the broker aborted our commit because we slept longer than
        the transaction time-out; the two look alike here, and taking the id back from a living process would let two
        processes fence each other for ever.

        InvalidProducerEpoch is the answer to a message (not to a request of the commit) in both cases. There the
        client itself asks the broker to raise the epoch that it had: granted if nobody else came, else ProducerFenced.
        So wait for that answer: only with it can a new producer be made without stealing the id.
        """
        manager = None if self._client is None else transactions(self._client)
        if isinstance(error, InvalidProducerEpochError) and manager is not None:
            _wait(lambda: not manager.is_bumping_epoch(), self._settings.request_timeout_ms / 1000)
        # Once fenced, later calls raise a plain KafkaError with the reason in its text only.
        for cause in (error, manager and manager.last_error):
            if isinstance(cause, ProducerFencedError | FencedInstanceIdError):
                return Fenced(f"{doing} of {self._id}: it was fenced by another process ({cause})")
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
        except ERRORS as error:
            raise self._fault(error, "delivery") from error
        return offset


class KafkaPublisher:
    """Messages one by one; see `ports.Publisher`. The client does not limit how many are under way; `publish` does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def send(self, message: Message) -> _Delivery:
        try:
            future = _send(self._opened(), message)
        except ERRORS as error:
            raise failed(error, "send") from error
        return _Delivery(future, failed)

    def flush(self, timeout_s: float) -> None:
        if self._client is not None:
            with translated("flush"):
                self._client.flush(timeout_s)

    def close(self) -> None:
        """Waits for what was sent, as long as one request may take."""
        with contextlib.suppress(BrokerError):
            self.flush(self._settings.request_timeout_ms / 1000)
        client, self._client = self._client, None
        if client is not None:
            discard(client)

    def _opened(self) -> Any:
        if self._client is None:
            self._client = connect(KafkaProducer, {**_writing(self._settings), "linger_ms": 5})
        return self._client


def _send(client: Any, message: Message) -> Any:
    """Waits for the topic's partitions (as long as a request may take), never for the message."""
    headers = list(message.headers)
    return client.send(message.topic, message.value, message.key, headers, message.partition)


def _wait(done: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)


class _Partitioner(DefaultPartitioner):  # type: ignore[misc]
    """The client's own, which hashes in Python and sorts all partitions for each message; this remembers keys."""

    def partition(
        self, topic: str, key: Any, serialized_key: Any, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        if serialized_key is None:
            chosen: int = super().partition(topic, key, serialized_key, value, serialized_value, cluster)
            return chosen
        return _hashed(serialized_key) % len(cluster.partitions_for_topic(topic))


@functools.lru_cache(maxsize=100_000)
def _hashed(key: bytes) -> int:
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed


def _writing(settings: Settings) -> dict[str, Any]:
    return {
        **common(settings),
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": settings.delivery_timeout_ms,
        "max_block_ms": settings.request_timeout_ms,
        # Where one commit follows the other closely, the broker asks to wait until it is done with the last. That is a
        # matter of milliseconds; the default has the client sleep for 100.
        "retry_backoff_ms": 20,
        # The client sends one batch per partition at a time, so a larger one is the only way to more messages.
        "batch_size": MIB // 2,
        "partitioner": _Partitioner(),
        # What one message may take; how much a topic takes is for the topic to say.
        "max_request_size": 16 * MIB,
        "metrics_enabled": False,
    }

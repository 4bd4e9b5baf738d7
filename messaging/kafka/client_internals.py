"""Everything that touches private parts of kafka-python; `record_batch.py` replaces one more of them.

Each function stands in for a public way that waits for ever, answers from memory, or is missing. They were read against
the versions in `LOOKED_AT`; a test fails on any other: read them again, run `make faults`, then add it.
"""

from collections.abc import Sequence
from typing import Any

from eddy.messaging.ports import Offsets

LOOKED_AT = {"3.0.12"}


def hand_out_what_has_come(consumer: Any) -> None:
    """Has a poll return records that arrive while it checks.

    The client takes what has come, then asks for more, and sleeps (`retry_backoff_ms`, 100 ms) if nothing is under way.
    What comes between the two is overlooked: nothing is under way any more, and records wait until it wakes up.
    """
    fetcher = consumer._fetcher
    fetch = fetcher.fetch_records

    def fetch_records(*arguments: Any, **options: Any) -> tuple[Any, bool]:
        records, idle = fetch(*arguments, **options)
        return records, idle and not fetcher._completed_fetches

    fetcher.fetch_records = fetch_records


def fetch_ahead(consumer: Any) -> None:
    """Fetches the next records while the caller works on these.

    The client by itself does so only if it had these at hand. Where it had to wait for them, it would not ask before
    the next poll, and only then would the broker begin to hold records back for a larger micro-batch.
    """
    fetcher = consumer._fetcher
    if not (fetcher._nodes_with_pending_fetch_requests or fetcher._completed_fetches):
        fetcher.send_fetches()


def refresh_metadata(consumer: Any, timeout_ms: int) -> None:
    """Asks the broker for the topics' partitions, and waits for the answer; the client's own ways wait for ever."""
    consumer._net.run(consumer._manager.wait_for, consumer._cluster.request_update(), timeout_ms)


def partition_numbers(consumer: Any, topic: str, timeout_ms: int) -> list[int]:
    """Asked anew each time, and bounded: the public `partitions_for_topic` answers from memory, or waits for ever."""
    cluster = consumer._cluster
    cluster.need_all_topic_metadata = True
    for _ in range(2):  # A refresh under way may have been asked for other topics only.
        refresh_metadata(consumer, timeout_ms)
        if numbers := cluster.partitions_for_topic(topic):
            return sorted(numbers)
    return []


def positions(consumer: Any) -> Offsets:
    """From the client's memory: its public `position` may ask the broker."""
    return {p: position.offset for p, position in consumer._subscription.all_consumed_offsets().items()}


def forget_offset_fetches(consumer: Any) -> None:
    """The client hands a later caller the answer to an earlier request for committed offsets that timed out.

    By then the answer may be older than a commit of another member; reading from it would double that commit.
    """
    consumer._coordinator._offset_fetch_futures.clear()


def is_silenced(consumer: Any) -> bool:
    """Whether the client stopped its heartbeats: a static member has no other sign that it was fenced."""
    coordinator = consumer._coordinator
    silenced = coordinator.stable() and not coordinator._heartbeat_enabled
    return bool(silenced and not coordinator.rejoining and not coordinator.need_rejoin())


def leave_when_closed(consumer: Any) -> None:
    """By itself the client lets a static member fall silent, and its partitions wait until the session expires."""
    consumer._coordinator.is_dynamic_member = lambda: True


def transactions(producer: Any) -> Any:
    """Keeps the state of the producer's commits; its methods return results that can be waited for with a bound."""
    return producer._transaction_manager


def wake_up(producer: Any) -> None:
    producer._sender.wakeup()


def never_reset(producer: Any) -> None:
    """Called when a message expires that had been sent before. For a transactional producer the client's own does
    nothing but raise, in a thread of its own, where that becomes a traceback in the log.
    """
    producer._transaction_manager.reset_producer_id = lambda: None


def add_partitions(producer: Any, partitions: Sequence[Any]) -> None:
    """Makes partitions part of the open commit without a message."""
    manager = producer._transaction_manager
    for partition in partitions:
        manager.maybe_add_partition_to_transaction(partition)
    with manager._lock:
        manager._enqueue_request(manager._add_partitions_to_transaction_handler())


def discard(producer: Any) -> None:
    """Ends a producer without waiting: its own `close` first waits for messages, and raises when they do not come.

    Being marked as closed also keeps its `__del__` from waiting for a second at any moment.
    """
    producer._sender.force_close()
    producer._closed = True
    producer.close(timeout=0)

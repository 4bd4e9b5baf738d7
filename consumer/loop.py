"""Poll, decide, commit: the loop that turns transactions into alerts exactly once.

One poll is one micro-batch is one commit. The order below is the promise:

    poll -> snapshot of the membership -> decide -> begin -> send -> flush -> check EVERY delivery
    -> offsets -> commit; after any failure: a new producer, which aborts what the old one left open and fences it,
    and back to the committed offsets

`docs/guarantees.md` says which fault each step answers to. Nothing is counted before the commit.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from eddy.consumer.batch import BatchProcessor, Decision, OffsetRange
from eddy.consumer.breaker import Breaker
from eddy.consumer.observer import Iteration, Observer
from eddy.consumer.positions import Positions
from eddy.consumer.starts import Starts
from eddy.messaging.ports import (
    Broker,
    BrokerError,
    Consumer,
    Fenced,
    Membership,
    Partition,
    Records,
    TransactionalProducer,
)
from eddy.monitoring import logs

POLL_MS = 1_000  # returns at the first data; with a short one a member may never finish joining
RETRY_FIRST_S, RETRY_MOST_S = 0.1, 2.0

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """The limits of the loop; `settings.py` describes them."""

    batch_max_records: int
    delivery_timeout_s: float
    stall_timeout_s: float
    fencing_grace_s: float
    dead_letter_limit: float
    dead_letter_window: int


class SlotTaken(Exception):
    """Another process runs with the same group and slot; the older of the two ends."""


class Loop:
    """One worker's loop.

    Args:
        broker: makes the clients.
        subscribe: makes this worker's consumer, `broker.consumer` with its group, topic and instance filled in.
        transactional_id: stable over restarts, so that a successor aborts what this worker left open.
        processor: gives what decides, asked once per batch: another one takes its place between two batches.
        stop: set it, and `run` returns after the micro-batch at hand.
        starts: the start rule of the consumers; what it decided is committed before the first batch.
    """

    def __init__(
        self,
        broker: Broker,
        subscribe: Callable[[], Consumer],
        transactional_id: str,
        processor: Callable[[], BatchProcessor],
        config: LoopConfig,
        observers: Sequence[Observer],
        stop: threading.Event,
        starts: Starts | None = None,
    ) -> None:
        self._broker = broker
        self._subscribe = subscribe
        self._transactional_id = transactional_id
        self._processor = processor
        self._config = config
        self._observers = observers
        self._stop = stop
        self._starts = starts
        self._consumer: Consumer | None = None
        self._producer: TransactionalProducer | None = None
        self._positions = Positions()
        self._stable_at = time.monotonic()
        self._breaker = Breaker(config.dead_letter_limit, config.dead_letter_window)

    def take_over(self) -> None:
        """Ends what a predecessor left open, as a worker's first act: what it holds back need not wait for a model.

        What fails is tried again by `run`.

        Raises:
            SlotTaken: another process has this worker's slot.
        """
        try:
            self._producer = self._new_producer()
        except BrokerError as error:
            self._recover(error)

    def run(self) -> None:
        """Iterates until stopped.

        Raises:
            SlotTaken: another process has this worker's slot.
            TooManyDeadLetters: the breaker opened.
        """
        retry_s = RETRY_FIRST_S
        try:
            while not self._stop.is_set():
                if self.step():
                    retry_s = RETRY_FIRST_S
                else:
                    self._stop.wait(retry_s)
                    retry_s = min(2 * retry_s, RETRY_MOST_S)
        finally:
            self.close()

    def step(self) -> bool:
        """One iteration; False if the broker failed: the next one starts again from the committed offsets."""
        try:
            self.iterate()
        except BrokerError as error:
            self._recover(error)
            return False
        return True

    def iterate(self) -> None:
        """One poll and, if it brought anything, one commit."""
        consumer, producer = self._clients()
        records = self._poll(consumer)
        membership = consumer.membership()  # now: a later snapshot could cover records that are no longer ours
        for observer in self._observers:
            observer.on_poll(stable=membership.stable)
        self._guard_stall(membership)
        ranges = self._positions.ranges(consumer, records, membership)
        if self._starts is not None and (started := self._starts.decision()):
            self._publish(producer, started, membership)
            self._starts.recorded()
        if ranges:
            self._process(producer, records, ranges, membership)

    def _poll(self, consumer: Consumer) -> Records:
        try:
            return consumer.poll(POLL_MS, self._config.batch_max_records)
        except Fenced as error:
            raise self._slot_taken() from error

    def _slot_taken(self) -> SlotTaken:
        return SlotTaken(
            f"another process took over `{self._transactional_id}`: give each process of the group slots of its own "
            "(EDDY_FIRST_SLOT), or another group (EDDY_GROUP)"
        )

    @property
    def assigned(self) -> frozenset[Partition]:
        """The partitions that the worker had when it was last a stable member of its group."""
        return self._positions.assigned

    @property
    def lost(self) -> int:
        """How many offsets the broker had deleted before this worker read them."""
        return 0 if self._starts is None else self._starts.lost

    def close(self) -> None:
        """Closes both clients."""
        if self._producer is not None:
            self._producer.close()
        if self._consumer is not None:
            self._consumer.close()
        self._producer = self._consumer = None

    def _process(
        self,
        producer: TransactionalProducer,
        records: Records,
        ranges: dict[Partition, OffsetRange],
        membership: Membership,
    ) -> None:
        started = time.perf_counter()
        decision = self._processor().decide(records, ranges, datetime.now(UTC))
        dead = sum(decision.dead.values())
        self._breaker.check(decision.total, dead)
        decided = time.perf_counter()
        self._publish(producer, decision, membership)
        committed = time.perf_counter()
        self._positions.advance(decision.offsets)
        self._breaker.add(decision.total, dead)
        iteration = Iteration(
            decision=decision,
            stored_ms=tuple(part[end].timestamp for part in records.values() if part for end in (0, -1)),
            decide_s=decided - started,
            commit_s=committed - decided,
        )
        for observer in self._observers:
            observer.on_commit(iteration)

    def _publish(self, producer: TransactionalProducer, decision: Decision, membership: Membership) -> None:
        """Makes a decision's messages and offsets visible, together or not at all.

        Raises:
            BrokerError: the outcome is unknown. Only the committed offsets on the broker say what happened.
        """
        if membership.generation < 0:
            raise BrokerError("the worker left its group before the commit")
        timeout_s = self._config.delivery_timeout_s
        producer.begin()
        deliveries = [producer.send(message) for message in decision.messages]
        producer.flush(timeout_s)
        for delivery in deliveries:  # a flushed message may still have failed, and the commit would not say so
            delivery.wait(timeout_s)
        producer.send_offsets(decision.offsets, membership)
        producer.commit()

    def _clients(self) -> tuple[Consumer, TransactionalProducer]:
        """The clients in use, or new ones.

        A new producer first takes over the transactional id. That aborts or completes what its predecessor left open.
        Only then are the committed offsets final.
        """
        if self._producer is None:
            self._producer = self._new_producer()
            self._rewind()
        if self._consumer is None:
            self._consumer = self._subscribe()
            self._stable_at = time.monotonic()
            self._positions.forget()
        return self._consumer, self._producer

    def _new_producer(self) -> TransactionalProducer:
        producer = self._broker.transactional_producer(self._transactional_id)
        try:
            producer.start()
        except BrokerError:
            producer.close()
            raise
        return producer

    def _rewind(self) -> None:
        """Goes back to the committed offsets; if need be with a new consumer, which starts there anyway."""
        self._positions.forget()
        if self._consumer is None:
            return
        try:
            self._consumer.rewind()
        except Fenced as error:
            raise self._slot_taken() from error
        except BrokerError as error:
            log.warning("cannot rewind this consumer, taking a new one", reason=str(error))
            self._discard_consumer()

    def _recover(self, error: BrokerError) -> None:
        """Drops the producer; the next iteration takes a new one and goes back to the committed offsets."""
        log.warning("starting again from the committed offsets", slot=self._transactional_id, reason=str(error))
        for observer in self._observers:
            observer.on_poll(stable=False)
            observer.on_failure(type(error).__name__)
        if self._producer is not None:
            self._producer.close()
            self._producer = None
        if isinstance(error, Fenced):
            self._detect_rival()
        if isinstance(error, Stalled):
            self._discard_consumer()

    def _detect_rival(self) -> None:
        """After the producer was fenced: did its commit time out (we slept), or is there a rival process?

        The two look alike to the producer. To the group they do not: a rival has joined it under our name, and the
        next heartbeat says so. Taking the transactional id back at once could let two processes fence each other for
        ever.
        """
        deadline = time.monotonic() + self._config.fencing_grace_s
        while self._consumer is not None and not self._stop.is_set():
            try:
                self._poll(self._consumer)  # what it hands out is read again after the rewind
            except BrokerError:
                return
            for observer in self._observers:
                observer.on_poll(stable=False)
            if time.monotonic() >= deadline:
                return
            self._stop.wait(RETRY_FIRST_S)

    def _discard_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _guard_stall(self, membership: Membership) -> None:
        now = time.monotonic()
        if membership.stable:
            self._stable_at = now
        elif now - self._stable_at > self._config.stall_timeout_s:
            self._stable_at = now
            raise Stalled(f"not a stable member of the group for {self._config.stall_timeout_s:g} s")


class Stalled(BrokerError):
    """The group never became stable; a new consumer helps."""

"""The processor in force: another one takes its place between two batches when threshold or model change."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from eddy.consumer.batch import BatchProcessor
from eddy.control.follower import Follower
from eddy.control.live import InForce, LiveDetector, Loader
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.messages import Publishing
from eddy.messaging.ports import Broker
from eddy.settings import Settings

OnSwap = Callable[[InForce], None]


class LiveProcessor:
    """Gives the loop its processor; a call is one read of an attribute.

    The next processor is made by the follower's thread, beside the running one, and then takes its place as a whole.

    Args:
        load: loads models.
        on_swap: called with what is in force from then on.
    """

    def __init__(self, settings: Settings, broker: Broker, load: Loader, on_swap: Sequence[OnSwap] = ()) -> None:
        self._settings, self._observers = settings, on_swap
        self._detector = LiveDetector(load, self._swap)
        self.follower = Follower(broker, settings.topic_control)
        self._processor: BatchProcessor | None = None

    def start(
        self, stop: threading.Event, on_wait: Callable[[], None], meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Returns once the control topic was read to its end, or `stop` is set; calls `on_wait` every second.

        `meanwhile` is done while the topic is being read.

        Raises:
            ArtifactError: no model can be loaded.
        """
        self.follower.start()
        if meanwhile is not None:
            meanwhile()
        while not self.follower.wait_ready(1.0):
            on_wait()
            if stop.is_set():
                return
        self.follower.subscribe(self._detector.apply)

    def __call__(self) -> BatchProcessor:
        assert self._processor is not None, "start it first"
        return self._processor

    def close(self) -> None:
        self.follower.close()

    def _swap(self, found: InForce) -> None:
        self._processor = self._next(found)
        for observer in self._observers:
            observer(found)

    def _next(self, found: InForce) -> BatchProcessor:
        running = self._processor
        if running is not None and running.detector.schema == found.detector.schema:
            return replace(running, detector=found.detector, control_offset=found.control_offset, shadow=found.shadow)
        return processor_of(self._settings, found)


def processor_of(settings: Settings, found: InForce) -> BatchProcessor:
    """A processor that decides by what is in force."""
    return BatchProcessor(
        detector=found.detector,
        codec=TransactionCodec(found.detector.schema, settings.unknown_fields),
        publishing=Publishing(
            alerts=settings.topic_alerts,
            dead_letters=settings.topic_dead_letters,
            ledger=settings.topic_ledger,
            contributions=settings.alert_contributions,
            payload=settings.dead_letter_payload,
            payload_max_bytes=settings.dead_letter_max_bytes,
            group=settings.group,
        ),
        control_offset=found.control_offset,
        shadow=found.shadow,
    )

"""Work of the demo in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from eddy.consumer.breaker import TooManyDeadLetters
from eddy.consumer.loop import SlotTaken
from eddy.model.errors import EddyError

T = TypeVar("T")


class Background(Generic[T]):
    """A daemon thread. `work` gets the event that asks it to end, and leaves a `result` or a `failure`."""

    def __init__(self, name: str, work: Callable[[threading.Event], T]) -> None:
        self.name = name
        self.result: T | None = None
        self.failure: Exception | None = None
        self._work, self._stop = work, threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            self.result = self._work(self._stop)
        except (EddyError, SlotTaken, TooManyDeadLetters) as error:
            self.failure = error

"""What a loop reports to its observers: metrics, the health file, the watchdog."""

from dataclasses import dataclass
from typing import Protocol

from eddy.consumer.batch import Decision


@dataclass(frozen=True, slots=True)
class Iteration:
    """One committed micro-batch, as observers see it.

    Attributes:
        stored_ms: when the broker stored the records, milliseconds since 1970: first and last of each partition.
        decide_s, commit_s: how long it took, in seconds.
    """

    decision: Decision
    stored_ms: tuple[int, ...]
    decide_s: float
    commit_s: float


class Observer(Protocol):
    """Follows a loop."""

    def on_poll(self, *, stable: bool) -> None:
        """The loop has polled; `stable`: as a stable member of its group."""

    def on_commit(self, iteration: Iteration) -> None: ...

    def on_failure(self, kind: str) -> None:
        """A commit or a client failed; the loop goes on with new ones."""

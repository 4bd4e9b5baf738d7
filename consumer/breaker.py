"""Stops a worker that refuses nearly everything: the schema is more likely wrong than the messages."""

from collections import deque
from dataclasses import dataclass, field


class TooManyDeadLetters(Exception):
    """The breaker opened: no more messages go to the dead letters."""


@dataclass(slots=True)
class Breaker:
    """Watches the share of refused messages among the last ones.

    Args:
        limit: the largest share that is tolerated; 1 never opens.
        window: over how many messages it is taken; fewer than `limit * window` refused ones never open it.
    """

    limit: float
    window: int
    _batches: deque[tuple[int, int]] = field(default_factory=deque)
    _total: int = 0
    _dead: int = 0

    def check(self, total: int, dead: int) -> None:
        """Whether a batch may be published.

        Raises:
            TooManyDeadLetters: with it the share would be over the limit.
        """
        seen, refused = self._total + total, self._dead + dead
        if refused > self.limit * max(seen, self.window):
            raise TooManyDeadLetters(
                f"{refused} of the last {seen} messages were refused: is it the right topic, and the right model? "
                "Compare `eddy dead-letters` with `eddy models show`; EDDY_DEAD_LETTER_LIMIT sets the share"
            )

    def add(self, total: int, dead: int) -> None:
        """Counts a batch that was committed, and forgets those before the window."""
        self._batches.append((total, dead))
        self._total += total
        self._dead += dead
        while self._total - self._batches[0][0] >= self.window:
            old_total, old_dead = self._batches.popleft()
            self._total -= old_total
            self._dead -= old_dead

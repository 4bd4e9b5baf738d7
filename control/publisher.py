"""Writes changes to the control topic, and says which of several writers came first."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from eddy.control.change import Body, Change, message
from eddy.control.follower import Follower
from eddy.control.limits import ChangeRefused
from eddy.control.state import Outcome
from eddy.messaging.ports import Broker


class LostRace(ChangeRefused):
    """Somebody else changed the same key first; nothing of this change counts."""

    def __init__(self, key: str, base: int, current: int) -> None:
        self.key, self.base, self.current = key, base, current
        super().__init__(
            f"somebody else changed the {key} first: this change builds on {_change(base)}, "
            f"and {_change(current)} is in force: look at it (`eddy audit`), then decide again"
        )


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and why."""

    who: str
    why: str


class ChangePublisher:
    """Appends changes, and follows the topic to each of them.

    The broker stores each change once, on all replicas. A writer that gets no answer may repeat the change with the
    same base: if the first one was stored after all, the second is rejected.

    Args:
        follower: has been started on the same topic.
    """

    def __init__(self, broker: Broker, topic: str, follower: Follower, timeout_s: float) -> None:
        self._publisher = broker.publisher()
        self._topic, self._follower, self._timeout_s = topic, follower, timeout_s

    def publish(self, key: str, base: int, body: Body, author: Author, undoes: int | None = None) -> int:
        """Makes a change that builds on `base`. Returns its offset; then it is in force, and every reader will see it.

        Raises:
            LostRace: another change of this key was accepted since.
            BrokerError: the topic cannot be read or written now, or it is unknown whether the change was stored.
        """
        if self._follower.problem is not None:
            raise self._follower.problem
        current = self._follower.state.base(key)
        if current != base:
            raise LostRace(key, base, current)
        change = Change(
            key=key,
            base=base,
            who=author.who,
            at=datetime.now(UTC),
            why=author.why,
            request_id=uuid.uuid4().hex,
            undoes=undoes,
            body=body,
        )
        offset = self._append(change)
        if self._follower.outcome(offset, self._timeout_s) is not Outcome.ACCEPTED:
            raise LostRace(key, base, self._follower.state.base(key))
        return offset

    def _append(self, change: Change) -> int:
        delivery = self._publisher.send(message(self._topic, change))
        self._publisher.flush(self._timeout_s)
        return delivery.wait(self._timeout_s)

    def close(self) -> None:
        self._publisher.close()


def _change(offset: int) -> str:
    return "no change at all" if offset < 0 else f"the change at offset {offset}"

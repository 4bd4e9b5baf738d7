"""Publishing to the in-memory broker, in commits and outside of them."""

from eddy.messaging.memory.cluster import Cluster, Commit, Group, Outcome
from eddy.messaging.ports import BrokerError, Fenced, Membership, Message, Offsets


class MemoryTransactionalProducer:
    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster, self._id = cluster, transactional_id
        self._epoch = 0
        # After a failure Kafka's client lets a commit only be aborted; once it is closed, nothing.
        self._may_commit = self._may_abort = False

    def start(self) -> None:
        with self._cluster.changed:
            self._cluster.finish(self._id)
            self._cluster.epochs[self._id] += 1
            self._epoch = self._cluster.epochs[self._id]
            self._may_commit = self._may_abort = True

    def begin(self) -> None:
        with self._cluster.changed:
            self._check(self._may_commit)
            if self._id in self._cluster.commits:
                raise BrokerError(f"producer {self._id} has begun already; commit or abort first")
            self._cluster.commits[self._id] = Commit()

    def send(self, message: Message) -> "_Delivery":
        with self._cluster.changed:
            return _Delivery(self._cluster.store(message, self._begun(self._may_commit)))

    def flush(self, timeout_s: float) -> None:
        """Everything is stored at once."""

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:
        with self._cluster.changed:
            commit = self._begun(self._may_commit)
            self._may_commit = False
            self._check_member(membership)
            commit.offsets.setdefault(membership.group, {}).update(offsets)
            self._may_commit = True

    def _check_member(self, who: Membership) -> None:
        group = self._cluster.groups.get(who.group, Group())
        if who.generation >= 0 and group.holder(who.instance) not in (None, who.member):
            raise Fenced(f"another member joined group {who.group} as {who.instance}; end one of the two")
        if who.member not in group.members or who.generation != group.generation:
            raise BrokerError(f"{who} is not in generation {group.generation} of its group; poll again")

    def commit(self) -> None:
        with self._cluster.changed:
            self._begun(self._may_commit)
            self._cluster.finish(self._id, Outcome.COMMITTED)

    def abort(self) -> None:
        with self._cluster.changed:
            self._begun(self._may_abort)
            self._cluster.finish(self._id)
            self._may_commit = True

    def close(self) -> None:
        self._may_commit = self._may_abort = False

    def _begun(self, allowed: bool) -> Commit:
        self._check(allowed)
        if self._id not in self._cluster.commits:
            raise BrokerError(f"producer {self._id} has not begun; begin first")
        return self._cluster.commits[self._id]

    def _check(self, allowed: bool) -> None:
        if self._epoch and self._epoch != self._cluster.epochs[self._id]:
            raise Fenced(f"another process has taken over {self._id}; end one of the two")
        if not allowed:
            raise BrokerError(f"producer {self._id} is not started, closed, or has failed; go on with a new one")


class _Delivery:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def wait(self, timeout_s: float) -> int:  # noqa: ARG002 - nothing is under way
        return self._offset


class MemoryPublisher:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def send(self, message: Message) -> _Delivery:
        with self._cluster.changed:
            return _Delivery(self._cluster.store(message, None))

    def flush(self, timeout_s: float) -> None:
        """Everything is stored at once."""

    def close(self) -> None:
        """Nothing is held."""

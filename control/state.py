"""What is in force, as a fold over the control topic: pure, so that everybody who reads the topic agrees.

A change is accepted exactly if its `base` is the offset of its key's last accepted change when the fold reaches it.
Of several writers who saw the same state one wins, without a coordinator; the others find theirs rejected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from eddy.control.change import NONE, Change, read_change, read_envelope
from eddy.messaging.ports import Record


class Outcome(StrEnum):
    """What the fold makes of a record."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Its base is not current: another change came first."""
    NOT_UNDERSTOOD = "not understood"
    """Accepted, but this version of Eddy cannot read what it says."""
    UNREADABLE = "unreadable"
    """Not even key and base can be read: it changes nothing."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change, and where it stands on the topic."""

    offset: int
    change: Change


@dataclass(frozen=True, slots=True)
class Chain:
    """The accepted changes of one key.

    Attributes:
        offset: of the last accepted one: the base of the next.
        last: the last one that this version of Eddy can read; it stays in force when a newer one cannot be read.
        before: the readable one before `last`.
    """

    offset: int
    last: Accepted | None
    before: Accepted | None

    @property
    def diverged(self) -> bool:
        """Whether others, of a newer version, may have something else in force."""
        return self.last is None or self.last.offset != self.offset


@dataclass(frozen=True, slots=True)
class ControlState:
    """The topic up to and including `offset` (-1: nothing of it); `chains` by key.

    `missing` counts offsets without a record. The topic keeps every record, so there should be none; if there are, who
    read it earlier may have something else in force.
    """

    chains: Mapping[str, Chain] = field(default_factory=lambda: MappingProxyType({}))
    offset: int = -1
    rejected: int = 0
    unreadable: int = 0
    missing: int = 0

    def base(self, key: str) -> int:
        """What the next change of a key must name."""
        return self.chains[key].offset if key in self.chains else NONE

    def last(self, key: str) -> Accepted | None:
        """The change in force, if there is one."""
        return self.chains[key].last if key in self.chains else None

    @property
    def diverged(self) -> tuple[str, ...]:
        """Keys whose last change this version of Eddy cannot read."""
        return tuple(sorted(key for key, chain in self.chains.items() if chain.diverged))


def advance(state: ControlState, offset: int, value: bytes | None) -> tuple[ControlState, Outcome | None]:
    """The state after one more record, and what became of it. A record that was read before is None, no news."""
    if offset <= state.offset:
        return state, None
    state = replace(state, missing=state.missing + offset - state.offset - 1)
    envelope = read_envelope(value)
    if envelope is None:
        return replace(state, offset=offset, unreadable=state.unreadable + 1), Outcome.UNREADABLE
    if envelope.base != state.base(envelope.key):
        return replace(state, offset=offset, rejected=state.rejected + 1), Outcome.REJECTED
    change = read_change(value)
    chain = _extended(state.chains.get(envelope.key), offset, change)
    chains = MappingProxyType({**state.chains, envelope.key: chain})
    return replace(state, offset=offset, chains=chains), Outcome.ACCEPTED if change else Outcome.NOT_UNDERSTOOD


def fold(records: Iterable[Record], state: ControlState | None = None) -> ControlState:
    """The state after all of `records`, in their order."""
    state = state or ControlState()
    for record in records:
        state, _ = advance(state, record.offset, record.value)
    return state


def _extended(chain: Chain | None, offset: int, change: Change | None) -> Chain:
    last, before = (chain.last, chain.before) if chain else (None, None)
    return Chain(offset, last, before) if change is None else Chain(offset, Accepted(offset, change), last)

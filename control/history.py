"""The control topic as its own audit: every record, what became of it, and what an undo goes back to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from eddy.control.change import FIRST, Body, Change, read_change, read_envelope
from eddy.control.limits import ChangeRefused
from eddy.control.state import ControlState, Outcome, advance
from eddy.messaging.ports import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the topic. `stored_ms` is the broker's time, since 1970; what could not be read is None."""

    offset: int
    stored_ms: int
    outcome: Outcome
    key: str | None
    change: Change | None

    def as_json(self) -> dict[str, Any]:
        """For machines; field names are those of the change."""
        change = {} if self.change is None else msgspec.to_builtins(self.change)
        known = {"offset": self.offset, "stored_ms": self.stored_ms, "outcome": self.outcome.value, "key": self.key}
        return {**known, **change}


def entries(records: Iterable[Record]) -> Iterator[Entry]:
    """Every record of the topic from its start, in order."""
    state = ControlState()
    for record in records:
        state, outcome = advance(state, record.offset, record.value)
        if outcome is not None:
            envelope = read_envelope(record.value)
            key = envelope.key if envelope else None
            yield Entry(record.offset, record.timestamp, outcome, key, read_change(record.value))


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes back the last change of a key: a change to this body, that undoes the one at this offset."""

    offset: int
    body: Body


def undo_of(log: Iterable[Entry], key: str) -> Undo:
    """Takes back the last change that was not taken back yet: several undos in a row go back step by step.

    Raises:
        ChangeRefused: there is none, or it or the one before was made by a newer Eddy.
    """
    standing: list[Entry] = []
    for entry in log:
        if entry.key == key and entry.outcome in (Outcome.ACCEPTED, Outcome.NOT_UNDERSTOOD):
            undoes = entry.change.undoes if entry.change else None
            if undoes is not None and standing and standing[-1].offset == undoes:
                standing.pop()
            else:
                standing.append(entry)
    if not standing:
        raise ChangeRefused(f"there is no change of the {key} to undo: see `eddy audit`")
    last, before = standing[-1], standing[-2] if len(standing) > 1 else None
    if last.change is None or (before is not None and before.change is None):
        raise ChangeRefused(f"a newer version of Eddy has changed the {key}: undo it with that version")
    return Undo(last.offset, before.change.body if before is not None and before.change is not None else FIRST[key])

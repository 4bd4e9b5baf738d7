"""The control state as a file: one process of a host writes it, others read it, also while Kafka is away."""

import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from eddy.control.state import ControlState


class Saved(msgspec.Struct, frozen=True):
    """A state, the topic that it was read from (`source`), and when it was last known to be complete."""

    source: str
    at: datetime
    state: ControlState

    @property
    def age_s(self) -> float:
        """Seconds since it was known to be complete."""
        return max((datetime.now(UTC) - self.at).total_seconds(), 0.0)


def save(path: Path, saved: Saved) -> None:
    """Replaces the file as a whole, so that nobody reads half of it; only its owner may read it.

    Raises:
        OSError: it cannot be written; the file before it stays.
    """
    plain = msgspec.structs.replace(saved, state=replace(saved.state, chains=dict(saved.state.chains)))
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(plain))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path, source: str) -> Saved | None:
    """What was saved of this source; None if there is no such file, or nothing that this version of Eddy can read."""
    try:
        saved = _decoder.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeError):
        return None
    if saved.source != source:
        return None
    return msgspec.structs.replace(saved, state=replace(saved.state, chains=MappingProxyType(dict(saved.state.chains))))


_decoder = msgspec.json.Decoder(Saved)

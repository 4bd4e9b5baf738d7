"""A change: one record on the control topic, by which threshold or model are changed while everything runs.

A record is a JSON object. Format, key and base can be read by every version of Eddy; what the body of a newer one says,
only by that version.
"""

import re
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from eddy.messaging.ports import Message
from eddy.model.serving.calibration import RAREST

FORMAT = 1
THRESHOLD, MODEL, SHADOW = "threshold", "model", "shadow"
NONE = -1
"""The base of a key's first change."""

_KEY = re.compile(r"(threshold|model|shadow|rule/.+|api-key/.+)")
Text = Annotated[str, Meta(max_length=500)]


class AlertRate(
    msgspec.Struct, frozen=True, tag="alert-rate", tag_field="kind", forbid_unknown_fields=True, omit_defaults=True
):
    """A threshold that flags this share of normal transactions, whatever the model.

    `alerts_per_day` is the budget that it was computed for, if `eddy budget` made the change.
    """

    alert_rate: Annotated[float, Meta(ge=RAREST, le=1)]
    alerts_per_day: float | None = None


class Score(msgspec.Struct, frozen=True, tag="score", tag_field="kind", forbid_unknown_fields=True):
    """A threshold as a score, which means something for one model only."""

    score: float
    model: str


class ModelsOwn(msgspec.Struct, frozen=True, tag="models-own", tag_field="kind", forbid_unknown_fields=True):
    """Each model's own threshold, as it was trained: what counts before the first change."""


class UseModel(msgspec.Struct, frozen=True, tag="model", tag_field="kind", forbid_unknown_fields=True):
    """This model, and only if its manifest has this SHA-256 (hex)."""

    version: str
    manifest_sha256: str


class StoresActive(msgspec.Struct, frozen=True, tag="stores-active", tag_field="kind", forbid_unknown_fields=True):
    """The active version of each process's own model store: what counts before the first change."""


class NoShadow(msgspec.Struct, frozen=True, tag="none", tag_field="kind", forbid_unknown_fields=True):
    """No model runs in shadow: what counts before the first change."""


ThresholdBody = AlertRate | Score | ModelsOwn
ModelBody = UseModel | StoresActive
ShadowBody = UseModel | NoShadow
Body = ThresholdBody | ModelBody | ShadowBody

BODIES: dict[str, type[Body] | tuple[type[Body], ...]] = {
    THRESHOLD: (AlertRate, Score, ModelsOwn),
    MODEL: (UseModel, StoresActive),
    SHADOW: (UseModel, NoShadow),
}
FIRST: dict[str, Body] = {THRESHOLD: ModelsOwn(), MODEL: StoresActive(), SHADOW: NoShadow()}
"""What counts before a key's first change."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change.

    `base` is the offset of the key's last accepted change, NONE for none; `undoes` that of the change that this one
    takes back. `request_id` tells two attempts at the same change apart from two changes.
    """

    format: int = FORMAT
    key: str
    base: int
    who: Text
    at: Annotated[datetime, Meta(tz=True)]
    why: Text
    request_id: Text
    undoes: int | None = None
    body: Body


class Envelope(msgspec.Struct, frozen=True):
    """What every version can read of a change."""

    format: int
    key: Annotated[str, Meta(max_length=100)]
    base: Annotated[int, Meta(ge=NONE)]


def message(topic: str, change: Change) -> Message:
    """The record of a change. The topic's order counts, so all are on one partition."""
    return Message(topic, change.key.encode(), _encode(change), (), 0)


def read_envelope(value: bytes | None) -> Envelope | None:
    """Key and base; None if the record is none of Eddy's."""
    envelope = _read(value, _envelope_decoder)
    return envelope if envelope is not None and _KEY.fullmatch(envelope.key) else None


def read_change(value: bytes | None) -> Change | None:
    """The whole change; None if this version of Eddy cannot read it."""
    envelope = read_envelope(value)
    if envelope is None or envelope.format != FORMAT:
        return None
    change = _read(value, _change_decoder)
    fits = change is not None and isinstance(change.body, BODIES.get(change.key, ()))
    return change if fits else None


T = TypeVar("T")


def _read(value: bytes | None, decoder: "msgspec.json.Decoder[T]") -> T | None:
    try:
        return decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


_encode = msgspec.json.Encoder().encode
_envelope_decoder = msgspec.json.Decoder(Envelope)
_change_decoder = msgspec.json.Decoder(Change)

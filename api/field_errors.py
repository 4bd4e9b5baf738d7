"""Everything that is wrong with a refused transaction, field by field; the stream's codec stops at the first mistake.

Each field that was sent is put into a transaction that is sound otherwise, and the codec reads that: so there is no
second opinion on what a field may be.
"""

from collections.abc import Mapping

import msgspec

from eddy.api.example import example
from eddy.api.problems import FieldError
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.refusals import Category
from eddy.model.schema.schema import TransactionSchema

OF_FIELDS = frozenset(
    {
        Category.MISSING_FIELD,
        Category.WRONG_TYPE,
        Category.OUT_OF_RANGE,
        Category.BAD_TEXT,
        Category.EVENT_TIME,
    }
)

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def field_errors(body: bytes, schema: TransactionSchema, codec: TransactionCodec) -> tuple[FieldError, ...]:
    """What is wrong with the fields of a transaction, in the schema's order; empty where it is not for its fields."""
    try:
        sent = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ()
    sound = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in example(schema).items()}
    fields = [field for field in schema.fields if field.name in sound]
    bodies = [msgspec.json.encode(_with(sound, field.name, sent)) for field in fields]
    refused = codec.decode_values(bodies).refused
    return tuple(
        FieldError(_pointer(field.name), refused[i].category, refused[i].reason)
        for i, field in enumerate(fields)
        if i in refused
    )


def _with(sound: Mapping[str, msgspec.Raw], name: str, sent: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    if name in sent:
        return {**sound, name: sent[name]}
    return {other: raw for other, raw in sound.items() if other != name}


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")

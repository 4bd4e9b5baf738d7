"""Well-known envelopes around transactions: a refusal names them, for "a field is missing" would send people astray."""

import json
from collections.abc import Collection
from typing import Any

_MAGIC = (
    (b"\0", "the wire format of a schema registry (a zero byte and a schema id before the body)"),
    (b"\x03\0", "the wire format of the AWS Glue schema registry"),
    (b"\xc3\x01", "an Avro single-object encoding"),
    (b"Obj\x01", "an Avro container file"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xac\xed\0\x05", "a serialized Java object"),
    (b":)\n", "Smile, a binary form of JSON"),
)
_PLAIN_JSON = "send plain JSON, such as with a JSON serializer without a schema"
_CARRIERS = (
    "after", "payload", "data", "detail", "message", "Message", "body", "value", "record", "event", "transaction",
    "content", "fields", "attributes", "before",
)  # fmt: skip
_DEEPEST = 3


def name_of(value: bytes, fields: Collection[str]) -> str | None:
    """What a message that was refused is wrapped in, and what to do; None where it is no known envelope.

    Args:
        fields: what a transaction must have.
    """
    for magic, name in _MAGIC:
        if value.startswith(magic) and len(value) > len(magic) + 3:
            return f"the message is in {name}: {_PLAIN_JSON}"
    try:
        message = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if isinstance(message, str) and _is_inside(message, fields, 0):
        return "the message is JSON text within JSON text: encode it once"
    if isinstance(message, list) and any(_has(each, fields) for each in message[:1]):
        return "the message is a list of transactions: send each as a message of its own"
    return _name_of_object(message, fields) if isinstance(message, dict) else None


def _name_of_object(message: dict[str, Any], fields: Collection[str]) -> str | None:
    keys = message.keys()
    if _is_change(message) or _is_change(message.get("payload")):
        return "the message is a Debezium envelope (before, after): unwrap it with the transform ExtractNewRecordState"
    if keys == {"schema", "payload"}:
        return "the message is a Kafka Connect envelope (schema, payload): set value.converter.schemas.enable=false"
    if "specversion" in keys and keys & {"data", "data_base64"}:
        return "the message is a structured CloudEvents envelope (data): send CloudEvents in binary content mode"
    carrier = next((key for key in _CARRIERS if _is_inside(message.get(key), fields, 0)), None)
    if carrier:
        return f"the transaction is inside an envelope, below `{carrier}`: send what is there as the message"
    if any(_is_inside(inner, fields, 0) for inner in message.values()):
        return "the transaction is inside an envelope, below a field that the schema does not name: send it alone"
    return None


def _is_change(message: Any) -> bool:
    return isinstance(message, dict) and "after" in message and bool(message.keys() & {"before", "op"})


def _is_inside(value: Any, fields: Collection[str], depth: int) -> bool:
    """Whether a value is a transaction, as an object or as text, or has one inside."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    if isinstance(value, list):
        value = next(iter(value), None)
    if _has(value, fields):
        return True
    return (
        depth < _DEEPEST and isinstance(value, dict) and any(_is_inside(v, fields, depth + 1) for v in value.values())
    )


def _has(value: Any, fields: Collection[str]) -> bool:
    return isinstance(value, dict) and bool(fields) and all(field in value for field in fields)

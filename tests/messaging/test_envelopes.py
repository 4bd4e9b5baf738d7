"""A message in a well-known envelope is refused with a reason that names the envelope, not a field that is missing."""

import base64
import gzip
import json
import struct
from typing import Any

import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.messaging.refusals import REASON_MAX_CHARS, Category
from tests.plugins.poison import SCHEMA, SOUND, message

CODEC = TransactionCodec(SCHEMA)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


CHANGE = {"before": None, "after": SOUND, "source": {"db": "bank"}, "op": "c", "ts_ms": 1}
ENVELOPES = {
    "Confluent JSON Schema": (b"\0" + struct.pack(">I", 42) + message(), "schema registry"),
    "Confluent Avro": (b"\0" + struct.pack(">I", 42) + b"\x02\xff\x91\x0a", "schema registry"),
    "Glue": (b"\x03\0" + bytes(16) + message(), "Glue"),
    "Avro single object": (b"\xc3\x01" + bytes(8) + b"\x02\xff", "Avro"),
    "gzip": (gzip.compress(message()), "gzip"),
    "Connect": (as_json({"schema": {"type": "struct"}, "payload": SOUND}), "Kafka Connect"),
    "Connect, the schema left out": (as_json({"schema": None, "payload": SOUND}), "Kafka Connect"),
    "Debezium": (as_json(CHANGE), "Debezium"),
    "Debezium, a deletion": (as_json(CHANGE | {"before": SOUND, "after": None, "op": "d"}), "Debezium"),
    "Debezium in Connect": (as_json({"schema": {}, "payload": CHANGE}), "Debezium"),
    "CloudEvents": (
        as_json({"specversion": "1.0", "type": "x", "source": "/y", "id": "1", "data": SOUND}),
        "CloudEvents",
    ),
    "CloudEvents, base64": (
        as_json({"specversion": "1.0", "id": "1", "data_base64": base64.b64encode(message()).decode()}),
        "CloudEvents",
    ),
    "SNS": (as_json({"Type": "Notification", "Message": message().decode()}), "`Message`"),
    "EventBridge": (as_json({"detail-type": "payment", "detail": SOUND}), "`detail`"),
    "two levels": (as_json({"event": {"meta": {}, "body": SOUND}}), "`event`"),
    "an unknown field": (as_json({"4111111111111111": SOUND}), "below a field"),
    "twice encoded": (as_json(message().decode()), "encode it once"),
    "a list": (as_json([SOUND, SOUND]), "list of transactions"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_reason_names_the_envelope_and_quotes_no_value(name: str) -> None:
    value, said = ENVELOPES[name]
    refused = CODEC.decode_values([value]).refused[0]
    assert refused.category is Category.ENVELOPE
    assert said in refused.reason
    assert len(refused.reason) <= REASON_MAX_CHARS
    assert "4111" not in refused.reason


@pytest.mark.parametrize(
    "value",
    [
        as_json({"payload": 1}),
        as_json({"data": {"amount": 1}}),
        as_json({"schema": 1}),
        as_json([1]),
        as_json("text"),
        b"\0",
        as_json({name: value for name, value in SOUND.items() if name != "amount"}),
    ],
)
def test_what_is_no_envelope_is_not_called_one(value: bytes) -> None:
    assert CODEC.decode_values([value]).refused[0].category is not Category.ENVELOPE


def test_a_transaction_may_have_fields_that_envelopes_have_too() -> None:
    assert not CODEC.decode_values([as_json(SOUND | {"payload": {"after": 1, "op": 2}, "data": SOUND})]).refused

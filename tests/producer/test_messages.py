"""Messages carry the transactions as they are, keyed by card, without their labels."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from eddy.producer.messages import Fraud, encode, iso8601, outgoing
from eddy.producer.synthetic import SyntheticStream, Transactions


@pytest.fixture(scope="module")
def chunk() -> Transactions:
    return next(SyntheticStream(seed=5, cards=200, fraud=0.05).chunks(2_000))


def test_messages_decode_to_the_same_values(chunk: Transactions) -> None:
    decoded = [json.loads(value) for value in next(outgoing([chunk])).values]
    assert {tuple(row) for row in decoded} == {tuple(chunk.columns)}
    for name in chunk.columns.keys() - {"event_time"}:
        assert [row[name] for row in decoded] == chunk.columns[name].tolist()
    times = [datetime.fromisoformat(row["event_time"]) for row in decoded]
    assert times == [time.replace(tzinfo=UTC) for time in chunk.columns["event_time"].tolist()]
    assert all(row["event_time"].endswith("Z") for row in decoded)


def test_the_key_is_the_card(chunk: Transactions) -> None:
    messages = next(outgoing([chunk]))
    assert messages.keys == [json.loads(value)["card_id"].encode() for value in messages.values]


def test_frauds_are_known_by_place_and_transaction_but_never_sent(chunk: Transactions) -> None:
    messages = next(outgoing([chunk]))
    assert len(messages.frauds) == chunk.is_fraud.sum() > 0
    for index, fraud in messages.frauds.items():
        row = json.loads(messages.values[index])
        assert fraud == Fraud(row["transaction_id"], chunk.fraud_kind[index])
        assert not [name for name in row if "fraud" in name]


def test_times_for_pacing_are_the_event_times(chunk: Transactions) -> None:
    messages = next(outgoing([chunk]))
    first = datetime.fromisoformat(json.loads(messages.values[0])["event_time"])
    assert messages.times_s[0] == pytest.approx(first.timestamp(), abs=1e-4)


def test_what_is_missing_becomes_null_and_names_may_be_any_text() -> None:
    columns = {
        "Betrag in €": np.array([1.5, np.nan]),
        'a "b"': np.array(["x", None], dtype=object),
        "when": np.array(["2026-01-01T00:00:00.5", "NaT"], dtype="datetime64[ms]"),
    }
    assert [json.loads(value) for value in encode(columns)] == [
        {"Betrag in €": 1.5, 'a "b"': "x", "when": "2026-01-01T00:00:00.500Z"},
        {"Betrag in €": None, 'a "b"': None, "when": None},
    ]


def test_microseconds_are_kept_where_there_are_any() -> None:
    times = np.array(["2026-01-01T00:00:00.000001", "2026-01-01T00:00:01"], dtype="datetime64[us]")
    assert iso8601(times) == ["2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:01.000000Z"]

"""POST /v1/checks: many transactions, each with its own answer."""

from types import ModuleType
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from eddy.api.app import create_app
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings

CARD = "4111111111111111"
MAX_BATCH = 500_000


@pytest.fixture
def client(fake: ModuleType) -> FlaskClient:
    settings = Settings(api_max_batch_bytes=MAX_BATCH, alert_contributions=2)
    return create_app(lambda: InForce(fake.DETECTOR), settings, HttpMetrics()).test_client()


def checks(client: FlaskClient, body: bytes) -> Any:
    return client.post("/v1/checks", data=body, content_type="application/json")


def array(*bodies: bytes) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


def test_each_transaction_has_the_verdict_that_it_has_alone_and_in_the_stream(client, transaction, fake):
    bodies = [transaction(transaction_id=f"t-{i}", amount=float(amount)) for i, amount in enumerate(range(0, 900, 3))]
    answer = checks(client, array(*bodies)).json
    batch = fake.DETECTOR.detect(TransactionCodec(fake.SCHEMA).decode_values(bodies).columns)
    assert (answer["model"], answer["threshold"]) == ("v1", 5.0)
    assert answer["anomalous"] == batch.anomalous.sum() > 0
    assert answer["refused"] == 0
    for i, found in enumerate(answer["answers"]):
        alone = client.post("/v1/check", data=bodies[i], content_type="application/json").json
        assert found["transaction_id"] == f"t-{i}"
        assert (found["score"], found["rarity"]) == (batch.score[i], batch.rarity[i])
        assert found["anomalous"] == batch.anomalous[i]
        assert {name: alone[name] for name in ("score", "rarity", "anomalous", "transaction_id")} == {
            name: found[name] for name in ("score", "rarity", "anomalous", "transaction_id")
        }
        reasons = msgspec.to_builtins(list(batch.contributions(i, 2))) if batch.anomalous[i] else []
        assert found["contributions"] == reasons


def test_what_is_refused_has_a_problem_in_its_place_and_harms_nobody(client, transaction):
    sound = transaction()
    body = array(sound, b"{}", b"17", sound.replace(b"31.5", b'"%s EUR"' % CARD.encode()), transaction(amount=900.0))
    answer = checks(client, body)
    assert answer.status_code == 200
    assert CARD.encode() not in answer.data
    found = answer.json
    assert (found["anomalous"], found["refused"]) == (1, 3)
    first, missing, number, text, anomalous = found["answers"]
    assert first["anomalous"] is False
    assert anomalous["anomalous"] is True
    assert [problem["category"] for problem in (missing, number, text)] == [
        "missing-field",
        "not-an-object",
        "wrong-type",
    ]
    assert {problem["type"] for problem in (missing, number, text)} == {"/problems#refused"}


def test_none_and_a_thousand_are_answered_and_one_more_is_refused_whole(client, transaction):
    assert checks(client, b"[]").json["answers"] == []
    small = transaction()
    assert len(checks(client, array(*[small] * 1_000)).json["answers"]) == 1_000
    answer = checks(client, array(*[small] * 1_001))
    assert (answer.status_code, answer.json["type"]) == (422, "/problems#too-many-transactions")
    assert "1,001" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{}", 422, "not-an-array"),
        (b"17", 422, "not-an-array"),
        (b"[", 400, "not-json"),
        (b"[{}]x", 400, "not-json"),
        (b"[" * 100_000, 400, "not-json"),
        (b"[NaN]", 400, "not-json"),
        (b"\xef\xbb\xbf[]", 400, "not-json"),
        (b'["\\ud800", 1 2]', 400, "not-json"),
        (b" " * (MAX_BATCH + 1), 413, "too-large"),
    ],
)
def test_what_is_no_array_is_a_problem(client, body, status, kind):
    answer = checks(client, body)
    assert (answer.status_code, answer.json["type"]) == (status, f"/problems#{kind}")


def test_each_item_is_read_as_carefully_as_a_message(client, transaction):
    doubled = transaction()[:-1] + b', "amount": 1}'
    odd = [b'"\xff"', doubled, b"[" * 400 + b"]" * 400, transaction(country="x" * 5_000), b"null"]
    categories = [answer["category"] for answer in checks(client, array(*odd)).json["answers"]]
    assert categories == ["not-utf8", "duplicate-key", "not-an-object", "bad-text", "not-an-object"]


def test_all_are_counted(client, transaction):
    checks(client, array(transaction(), transaction(amount=900.0), transaction(), b"{}", b"{}"))
    text = client.get("/metrics").text
    assert 'eddy_verdicts_total{verdict="anomalous"} 1.0' in text
    assert 'eddy_verdicts_total{verdict="normal"} 2.0' in text
    assert 'eddy_checks_refused_total{category="missing-field"} 2.0' in text


def test_a_transaction_that_the_model_gives_no_number_for_is_refused_alone(client, transaction, fake, monkeypatch):
    real = fake.DistanceFromUsual.score

    def broken(self, columns, explain=True):
        scores = real(self, columns, explain)
        scores.score[columns.numeric[:, 0] == 900.0] = float("nan")
        return scores

    monkeypatch.setattr(fake.DistanceFromUsual, "score", broken)
    found = checks(client, array(transaction(), transaction(amount=900.0))).json
    assert found["answers"][1]["category"] == "unscorable"
    assert (found["anomalous"], found["refused"]) == (0, 1)

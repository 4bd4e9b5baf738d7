"""What the API answers, without a server in between."""

import json
from dataclasses import replace
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
import structlog
from flask.testing import FlaskClient

from eddy.api.app import create_app
from eddy.api.detectors import NotReady
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings

CARD = "4111111111111111"
MAX_BODY = 6_000


@pytest.fixture
def metrics() -> HttpMetrics:
    return HttpMetrics()


@pytest.fixture
def client(fake: ModuleType, metrics: HttpMetrics) -> FlaskClient:
    return create_app(lambda: InForce(fake.DETECTOR), Settings(api_max_body_bytes=MAX_BODY), metrics).test_client()


def check(client: FlaskClient, body: bytes, **kwargs: Any) -> Any:
    length = {"CONTENT_LENGTH": str(len(body))}  # also of an empty body, as HTTP clients have it
    return client.post(
        "/v1/check", data=body, environ_overrides=length, **{"content_type": "application/json", **kwargs}
    )


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem["type"] == f"/problems#{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith((".", "?", ")")) or "category" in problem
    return problem


def test_a_usual_transaction_passes_and_says_why(client, transaction):
    answer = check(client, transaction(amount=30.0, distance_km=7.0))
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    verdict = answer.json
    assert verdict["anomalous"] is False
    assert verdict["transaction_id"] == "t-00000001"
    assert verdict["score"] == pytest.approx(1.0)
    assert verdict["threshold"] == 5.0
    assert verdict["model"] == "v1"
    assert 0.001 < verdict["rarity"] < 1
    assert [(c["field"], c["observed"], c["expected"]) for c in verdict["contributions"][:2]] == [
        ("amount", 30.0, 25.0),
        ("distance_km", 7.0, 2.0),
    ]


def test_an_unusual_transaction_is_anomalous_and_rare(client, transaction):
    verdict = check(client, transaction(amount=225.0)).json
    assert verdict["anomalous"] is True
    assert verdict["rarity"] < 0.001
    assert verdict["contributions"][0]["field"] == "amount"


def test_the_verdict_is_the_one_of_the_stream(client, transaction, fake):
    bodies = [transaction(amount=amount, distance_km=km) for amount in (1.0, 60.5, 900.0) for km in (None, 0.5, 75.0)]
    decoded = TransactionCodec(fake.SCHEMA).decode_values(bodies)
    batch = fake.DETECTOR.detect(decoded.columns)
    for i, body in enumerate(bodies):
        verdict = check(client, body).json
        assert verdict["score"] == batch.score[i]
        assert verdict["rarity"] == batch.rarity[i]
        assert verdict["anomalous"] == batch.anomalous[i]
        assert verdict["contributions"] == msgspec.to_builtins(list(batch.contributions(i, 5)))


def test_no_more_contributions_are_named_than_an_alert_names(fake, transaction):
    client = create_app(lambda: InForce(fake.DETECTOR), Settings(alert_contributions=2)).test_client()
    assert len(check(client, transaction()).json["contributions"]) == 2


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (b"", "empty"),
        (b"  \n", "whitespace"),
        (b"amount=3", "malformed"),
        (b'{"amount": 3', "truncated"),
        (b'{"amount": 1,}', "malformed"),
        (b"\xff\xfe{\x00}\x00", "byte-order-mark"),
        (b'{"amount": "\xff"}', "not-utf8"),
        (b'{"amount": NaN}', "not-finite"),
        (b'{"x": ' + b"[" * 4_000, "too-deep"),
    ],
)
def test_what_is_not_json_is_a_bad_request(client, body, category):
    problem = assert_problem(check(client, body), 400, "not-json")
    assert problem["category"] == category


def test_what_follows_a_transaction_is_not_json_either(client, transaction):
    assert assert_problem(check(client, transaction() + b"{}"), 400, "not-json")["category"] == "trailing-bytes"


def doubled(body: bytes) -> bytes:
    return body[:-1] + b', "amount": 1}'


@pytest.mark.parametrize(
    ("change", "category"),
    [
        (lambda _: b"[]", "not-an-object"),
        (lambda _: b"{}", "missing-field"),
        (lambda body: body.replace(b"31.5", b'"31.5 EUR"'), "wrong-type"),
        (lambda body: body.replace(b"31.5", b"true"), "wrong-type"),
        (lambda body: body.replace(b"31.5", b"1e999"), "out-of-range"),
        (lambda body: body.replace(b"31.5", b"1e38"), "out-of-range"),
        (lambda body: body.replace(b'"DE"', b'"\\ud800"'), "bad-text"),
        (lambda body: body.replace(b"2026-03-01", b"yesterday!"), "event-time"),
        (lambda body: body.replace(b"2026", b"2300"), "event-time"),
        (doubled, "duplicate-key"),
    ],
)
def test_json_that_is_no_transaction_is_unprocessable(client, transaction, change, category):
    problem = assert_problem(check(client, change(transaction())), 422, "refused")
    assert problem["category"] == category


def test_integers_of_thousands_of_digits_are_an_answer_like_any_other(client, transaction):
    assert check(client, transaction().replace(b"31.5", b"9" * 5_000)).status_code in (400, 422)
    unknown = transaction()[:-1] + b', "x": ' + b"9" * 5_000 + b"}"
    assert check(client, unknown).status_code in (200, 422)


def test_no_problem_shows_a_value_of_the_transaction(client, transaction):
    bodies = [
        transaction(amount=f"{CARD}x"),
        transaction(country=[4111111111111111]),
        transaction(event_time=CARD),
        transaction()[:-20],
        transaction() + b"x",
        transaction(card_id=None, country=CARD),
        doubled(transaction()),
        transaction(**{CARD: 1}).replace(b'"DE"', b"[1]"),
        transaction(country="x" * MAX_BODY),
    ]
    for body in bodies:
        answer = check(client, body)
        assert 400 <= answer.status_code < 500, body
        assert CARD not in answer.text


def test_nesting_that_would_exhaust_the_stack_is_an_answer_like_any_other(fake, transaction):
    client = create_app(lambda: InForce(fake.DETECTOR), Settings(api_max_body_bytes=1_000_000)).test_client()
    for deep in (b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000):
        assert_problem(check(client, deep), 422, "refused")
        problem = assert_problem(check(client, transaction()[:-1] + b', "x": ' + deep + b"}"), 400, "not-json")
        assert problem["category"] == "too-deep"


def test_unknown_fields_are_refused_where_the_stream_refuses_them(fake, transaction):
    strict = create_app(lambda: InForce(fake.DETECTOR), Settings(unknown_fields="refuse")).test_client()
    assert_problem(check(strict, transaction(colour="blue")), 422, "refused")


def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_not(client, transaction):
    body = transaction(note="")
    body = transaction(note="x" * (MAX_BODY - len(body)))
    assert len(body) == MAX_BODY
    assert check(client, body).status_code == 200
    assert_problem(check(client, body + b" "), 413, "too-large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_only_json_is_taken(client, transaction, content_type):
    assert_problem(check(client, transaction(), content_type=content_type), 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/cloudevents+json", None])
def test_json_may_be_named_in_several_ways(client, transaction, content_type):
    assert check(client, transaction(), content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Type": "application/json; charset=utf-16"}]
)
def test_encodings_are_not_guessed(client, transaction, headers):
    answer = client.post("/v1/check", data=transaction(), headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/check/", "//v1/check", "/v1/check%00", "/%ff", "/v1/../etc"])
def test_unknown_addresses_are_not_found(client, path):
    assert_problem(client.get(path), 404, "not-found")


def test_a_wrong_method_is_answered_with_the_right_ones(client):
    answer = client.get("/v1/check")
    assert_problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


def test_a_mistake_of_ours_is_a_500_that_tells_nothing_and_logs_where(fake, transaction, metrics):
    class Broken:
        fields = fake.DETECTOR.scorer.fields

        def score(self, _columns, explain=True):  # noqa: ARG002
            raise ZeroDivisionError(f"while scoring {CARD}")

    broken = replace(fake.DETECTOR, scorer=Broken())
    app = create_app(lambda: InForce(broken), Settings(), metrics)
    with structlog.testing.capture_logs() as lines:
        answer = check(app.test_client(), transaction())
    (line,) = lines
    assert line["error"] == "ZeroDivisionError"
    assert "in score" in line["at"]
    assert CARD not in str(line)
    problem = assert_problem(answer, 500, "internal")
    assert CARD not in json.dumps(problem)
    assert 'status="500"' in metrics.exposition().decode()


def test_live_even_without_a_model_but_ready_only_with_a_model(transaction, fake):
    detectors = []

    def provide():
        if not detectors:
            raise NotReady("The model store is empty: train a model with `eddy train`.")
        return detectors[0]

    client = create_app(provide, Settings()).test_client()
    assert client.get("/health/live").status_code == 200
    for answer in (client.get("/health/ready"), check(client, transaction())):
        problem = assert_problem(answer, 503, "not-ready")
        assert "eddy train" in problem["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    detectors.append(InForce(fake.DETECTOR))
    assert client.get("/health/ready").json == {"ready": True, "model": "v1", "control_offset": None, "problems": []}
    assert check(client, transaction()).status_code == 200


def test_another_detector_answers_from_the_next_check_on(transaction, fake, metrics):
    current = [fake.DETECTOR]
    client = create_app(lambda: InForce(current[0]), Settings(), metrics).test_client()
    assert check(client, transaction()).json["model"] == "v1"
    current[0] = fake.another("v2")
    assert check(client, transaction()).json["model"] == "v2"
    assert 'eddy_model_info{version="v2"} 1.0' in metrics.exposition().decode()
    assert 'eddy_model_info{version="v1"} 0.0' in metrics.exposition().decode()


def test_requests_verdicts_and_refusals_are_counted(client, transaction):
    check(client, transaction())
    check(client, transaction(amount=900.0))
    check(client, b"{")
    client.get("/nothing/here")
    client.open("/v1/check", method="BREW")
    text = client.get("/metrics").text
    assert 'eddy_http_requests_total{method="POST",route="/v1/check",status="200"} 2.0' in text
    assert 'eddy_http_requests_total{method="POST",route="/v1/check",status="400"} 1.0' in text
    assert 'eddy_http_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "BREW" not in text
    assert "/nothing/here" not in text
    assert 'eddy_verdicts_total{verdict="anomalous"} 1.0' in text
    assert 'eddy_verdicts_total{verdict="normal"} 1.0' in text
    assert 'eddy_checks_refused_total{category="truncated"} 1.0' in text
    assert "eddy_http_requests_in_flight 1.0" in text


def test_the_index_lists_what_there_is(client):
    routes = client.get("/").json["routes"]
    app = client.application
    there = {(m, rule.rule) for rule in app.url_map.iter_rules() for m in rule.methods - {"HEAD", "OPTIONS"}}
    assert {tuple(route.split()) for route in routes} == there


def test_a_transaction_that_the_model_gives_no_number_for_is_refused(fake, client, transaction, monkeypatch):
    real = fake.DistanceFromUsual.score

    def broken(self, columns, explain=True):
        return real(self, columns, explain)._replace(score=np.full(len(columns), np.nan))

    monkeypatch.setattr(fake.DistanceFromUsual, "score", broken)
    assert assert_problem(check(client, transaction()), 422, "refused")["category"] == "unscorable"

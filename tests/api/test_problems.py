"""What a client is told that sent something wrong."""

import json
from typing import Any

import pytest
from flask import abort
from flask.testing import FlaskClient

from eddy.api import problem_types
from eddy.api.app import create_app
from eddy.api.field_errors import field_errors
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.settings import Settings
from tests.api.kit.values import ALL_KINDS, CHANGES, SOUND

CARD = "4111111111111111"


@pytest.fixture
def client(fake: Any) -> FlaskClient:
    return create_app(lambda: InForce(fake.DETECTOR), Settings()).test_client()


def refused(client: FlaskClient, body: bytes) -> Any:
    answer = client.post("/v1/check", data=body, content_type="application/json")
    assert answer.status_code == 422
    return answer.json


def test_all_fields_that_are_wrong_are_listed_at_once(client, transaction):
    sent = json.loads(
        transaction(amount=f"{CARD} EUR", event_time=CARD, distance_km=[], country="x" * 4_001, card_id=[CARD])
    )
    del sent["transaction_id"]
    problem = refused(client, json.dumps(sent).encode())
    assert [(error["pointer"], error["category"]) for error in problem["errors"]] == [
        ("/transaction_id", "missing-field"),
        ("/card_id", "wrong-type"),
        ("/event_time", "event-time"),
        ("/amount", "wrong-type"),
        ("/distance_km", "wrong-type"),
        ("/country", "bad-text"),
    ]
    details = [error["detail"] for error in problem["errors"]]
    assert details[0] == problem["detail"].replace("The", "the") == "the message lacks the field `transaction_id`"
    assert all(f"`{error['pointer'][1:]}`" in error["detail"] for error in problem["errors"])
    assert "errors_left_out" not in problem
    assert CARD not in json.dumps(problem)


def test_numbers_and_times_beyond_the_range_are_listed(client, transaction):
    problem = refused(client, transaction(amount=1e31, event_time="1969-12-31T00:00:00Z"))
    assert [error["category"] for error in problem["errors"]] == ["event-time", "out-of-range"]


@pytest.mark.parametrize("name", SOUND)
def test_the_list_names_what_the_codec_refuses_for_the_codecs_reason(name):
    codec = TransactionCodec(ALL_KINDS)
    for value in CHANGES[name]:
        body = json.dumps(SOUND | {name: value}).encode()
        refused = codec.decode_values([body]).refused
        pointed = [("/" + name, found.category, found.reason) for found in refused.values()]
        errors = field_errors(body, ALL_KINDS, codec)
        assert [(error.pointer, error.category, error.detail) for error in errors] == pointed


@pytest.mark.parametrize("body", [b"[]", b'{"amount": 1, "amount": 2}'])
def test_what_is_wrong_with_no_field_in_particular_has_no_list_of_fields(client, transaction, body):
    body = body if body == b"[]" else transaction()[:-1] + b', "amount": 2}'
    assert "errors" not in refused(client, body)


def test_a_long_list_is_cut_and_says_so(fake):
    fields = tuple(Field(f"v{number}", Kind.NUMERIC) for number in range(25))
    detector = type(fake.DETECTOR)(
        "v1", TransactionSchema(fields), fake.DETECTOR.scorer, fake.DETECTOR.calibration, fake.DETECTOR.threshold
    )
    client = create_app(lambda: InForce(detector), Settings()).test_client()
    problem = refused(client, b"{}")
    assert [error["pointer"] for error in problem["errors"]] == [f"/v{number}" for number in range(20)]
    assert problem["errors_left_out"] == 5
    assert problem["detail"].endswith("The first 20 of 25 errors are listed.")


def test_names_are_escaped_as_json_pointers_have_it(fake):
    schema = TransactionSchema((Field("a/b~c", Kind.NUMERIC),))
    detector = type(fake.DETECTOR)(
        "v1", schema, fake.DETECTOR.scorer, fake.DETECTOR.calibration, fake.DETECTOR.threshold
    )
    problem = refused(create_app(lambda: InForce(detector), Settings()).test_client(), b"{}")
    assert [error["pointer"] for error in problem["errors"]] == ["/a~1b~0c"]


@pytest.mark.parametrize("status", [400, 404, 405, 408, 411, 413, 414, 415, 417, 418, 429, 431, 500, 502, 503])
def test_whatever_the_framework_raises_is_a_problem_of_the_page(fake, status):
    app = create_app(lambda: InForce(fake.DETECTOR), Settings())
    app.add_url_rule("/raises", view_func=lambda: abort(status))
    answer = app.test_client().get("/raises")
    assert answer.content_type == "application/problem+json"
    assert answer.status_code == answer.json["status"]
    assert answer.json["type"] in {known.uri for known in problem_types.ALL}
    assert answer.status_code // 100 == status // 100


def test_a_body_of_no_length_is_asked_for(client):
    answer = client.post("/v1/check", content_type="application/json")
    assert (answer.status_code, answer.json["type"]) == (411, "/problems#length-required")

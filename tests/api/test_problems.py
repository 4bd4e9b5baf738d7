"""What a client is told that sent something wrong."""

import json
from typing import Any

import pytest
from flask import abort
from flask.testing import FlaskClient

from eddy.api import problem_types
from eddy.api.app import create_app
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.settings import Settings

CARD = "4111111111111111"


@pytest.fixture
def client(fake: Any) -> FlaskClient:
    return create_app(lambda: fake.DETECTOR, Settings()).test_client()


def refused(client: FlaskClient, body: bytes) -> Any:
    answer = client.post("/v1/check", data=body, content_type="application/json")
    assert answer.status_code == 422
    return answer.json


def test_all_fields_that_are_wrong_are_listed_at_once(client, transaction):
    sent = json.loads(transaction(amount=CARD, event_time=CARD, country="x" * 4_001, card_id=17))
    del sent["distance_km"]
    problem = refused(client, json.dumps(sent).encode())
    assert [(error["pointer"], error["category"]) for error in problem["errors"]] == [
        ("/card_id", "wrong-type"),
        ("/event_time", "event-time"),
        ("/amount", "wrong-type"),
        ("/distance_km", "missing-field"),
        ("/country", "bad-text"),
    ]
    assert "errors_left_out" not in problem
    assert CARD not in json.dumps(problem)


def test_numbers_and_times_beyond_the_range_are_listed(client, transaction):
    problem = refused(client, transaction(amount=1e16, event_time="1969-12-31T00:00:00Z"))
    assert [error["category"] for error in problem["errors"]] == ["event-time", "out-of-range"]


@pytest.mark.parametrize("body", [b"[]", b'{"amount": 1, "amount": 2}'])
def test_what_is_wrong_with_no_field_in_particular_has_no_list_of_fields(client, transaction, body):
    body = body if body == b"[]" else transaction()[:-1] + b', "amount": 2}'
    assert "errors" not in refused(client, body)


def test_a_long_list_is_cut_and_says_so(fake):
    fields = tuple(Field(f"v{number}", Kind.NUMERIC) for number in range(25))
    detector = type(fake.DETECTOR)(
        "v1", TransactionSchema(fields), fake.DETECTOR.scorer, fake.DETECTOR.calibration, fake.DETECTOR.threshold
    )
    client = create_app(lambda: detector, Settings()).test_client()
    problem = refused(client, b"{}")
    assert [error["pointer"] for error in problem["errors"]] == [f"/v{number}" for number in range(20)]
    assert problem["errors_left_out"] == 5
    assert problem["detail"].endswith("The first 20 of 25 errors are listed.")


def test_names_are_escaped_as_json_pointers_have_it(fake):
    schema = TransactionSchema((Field("a/b~c", Kind.NUMERIC),))
    detector = type(fake.DETECTOR)(
        "v1", schema, fake.DETECTOR.scorer, fake.DETECTOR.calibration, fake.DETECTOR.threshold
    )
    problem = refused(create_app(lambda: detector, Settings()).test_client(), b"{}")
    assert [error["pointer"] for error in problem["errors"]] == ["/a~1b~0c"]


@pytest.mark.parametrize("status", [400, 404, 405, 408, 411, 413, 414, 415, 417, 418, 429, 431, 500, 502, 503])
def test_whatever_the_framework_raises_is_a_problem_of_the_page(fake, status):
    app = create_app(lambda: fake.DETECTOR, Settings())
    app.add_url_rule("/raises", view_func=lambda: abort(status))
    answer = app.test_client().get("/raises")
    assert answer.content_type == "application/problem+json"
    assert answer.status_code == answer.json["status"]
    assert answer.json["type"] in {known.uri for known in problem_types.ALL}
    assert answer.status_code // 100 == status // 100


def test_a_body_of_no_length_is_asked_for(client):
    answer = client.post("/v1/check", content_type="application/json")
    assert (answer.status_code, answer.json["type"]) == (411, "/problems#length-required")

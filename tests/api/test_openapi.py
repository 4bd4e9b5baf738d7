"""The OpenAPI document is well-formed, complete and true: requests made from it get the answers that it promises."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from eddy.api.app import OPERATIONS, create_app
from eddy.api.detectors import NotReady
from eddy.api.example import example
from eddy.api.openapi.transaction import transaction_schema
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.settings import Settings
from tests.api.conftest import serving
from tests.api.kit.values import ALL_KINDS, CHANGES, SOUND
from tests.places import ROOT

HERE, SCHEMATHESIS = Path(__file__).parent, Path(sys.executable).parent / "st"
CARD = "4111111111111111"
EXAMPLES = 200  # of each operation


def document_of(client: FlaskClient) -> dict[str, Any]:
    found = client.get("/openapi.json").json
    validate(found)
    return found


@pytest.fixture
def client(fake: Any) -> FlaskClient:
    return create_app(lambda: InForce(fake.DETECTOR), Settings()).test_client()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    return document_of(client)


def test_every_operation_is_in_the_document(document):
    there = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert there == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_property_of_an_answer_is_explained(document):
    of_answers = {name: of for name, of in document["components"]["schemas"].items() if "properties" in of}
    explained_as_a_whole = ("Index", "Live", "Models", "Ready")
    assert [
        (name, key)
        for name, of in of_answers.items()
        if name not in explained_as_a_whole
        for key, value in of["properties"].items()
        if not value.get("description")
    ] == []
    assert all(of["description"] for of in of_answers.values())


def test_without_a_model_the_document_says_so():
    def none() -> Any:
        raise NotReady("There is no model.")

    found = document_of(create_app(none, Settings()).test_client())
    assert "none is loaded" in found["components"]["schemas"]["Transaction"]["description"]


def test_the_example_and_its_answer_are_real(client, document):
    operation = document["paths"]["/v1/check"]["post"]
    sent = operation["requestBody"]["content"]["application/json"]["example"]
    answer = client.post("/v1/check", json=sent)
    assert answer.json == operation["responses"]["200"]["content"]["application/json"]["example"]


@pytest.mark.parametrize("levels", [{}, {"mcc": "5411", "shop": "bakery", "card": CARD}, {"mcc": "other", "shop": ""}])
def test_the_example_is_a_transaction_of_any_schema_and_shows_no_card(levels):
    made = example(ALL_KINDS, levels)
    assert not TransactionCodec(ALL_KINDS, "refuse").decode_values([json.dumps(made).encode()]).refused
    jsonschema.validate(made, transaction_schema(ALL_KINDS, "refuse"))
    assert CARD not in json.dumps(made)


@pytest.mark.parametrize("unknown_fields", ["ignore", "refuse"])
@pytest.mark.parametrize("name", CHANGES, ids=lambda name: name[:10] + str(len(name)))
def test_the_schema_accepts_exactly_what_the_codec_accepts(unknown_fields, name):
    schema, codec = transaction_schema(ALL_KINDS, unknown_fields), TransactionCodec(ALL_KINDS, unknown_fields)
    validator = jsonschema.Draft202012Validator(schema)
    candidates = [SOUND, *(SOUND | {name: value} for value in CHANGES[name])]
    if name in SOUND:
        candidates.append({key: value for key, value in SOUND.items() if key != name})
    for candidate in candidates:
        accepted = not codec.decode_values([json.dumps(candidate).encode()]).refused
        assert validator.is_valid(candidate) == accepted, (name, str(candidate.get(name))[:40])


@pytest.mark.parametrize("name", ["id", "at", "posted", "written", "online", "amount"])
@given(data=st.data())
def test_text_that_the_document_admits_is_read(name, data):
    """Times within a microsecond of the years' end are rounded out of them; no such text is made."""
    pattern = transaction_schema(ALL_KINDS, "ignore")["properties"][name]["pattern"]
    sent = SOUND | {name: data.draw(st.from_regex(pattern))}
    assert not TransactionCodec(ALL_KINDS).decode_values([json.dumps(sent).encode()]).refused


def test_where_times_have_a_format_of_their_own_the_document_says_it_and_admits_any_text():
    schema = TransactionSchema((Field("day", Kind.TIMESTAMP, unit="iso8601", format="%d.%m.%Y %H:%M"),))
    document = transaction_schema(schema, "ignore")
    for day in ("01.03.2026 12:34", "2026-03-01T12:34"):
        assert not TransactionCodec(schema).decode_values([json.dumps({"day": day}).encode()]).refused
        jsonschema.validate({"day": day}, document)
    assert "or in the format `%d.%m.%Y %H:%M`" in document["properties"]["day"]["description"]


def test_numbers_that_stand_for_missing_ones_are_named():
    schema = TransactionSchema((Field("balance", Kind.NUMERIC, missing=(-1, 999_999_999)),))
    document = transaction_schema(schema, "ignore")
    assert document["required"] == []
    words = document["properties"]["balance"]["description"]
    assert words.endswith("Missing where it is -1 or 999999999. Null or left out where it is missing.")


def test_requests_made_from_the_document_are_answered_as_it_says(tmp_path):
    """Schemathesis with all its checks against a real server."""
    with serving(tmp_path / "log", max_body=1_000_000) as server:
        document = f"http://127.0.0.1:{server.port}/openapi.json"
        command = [SCHEMATHESIS, "--no-color", "--config-file", HERE / "kit/schemathesis.toml", "run", document]
        options = ["--checks", "all", "--max-examples", str(EXAMPLES), "--continue-on-failure"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Tested: {len(OPERATIONS) - 1}" in done.stdout  # all but the document's own
        assert "Traceback" not in server.log.read_text()


def test_every_process_makes_the_same_document_with_the_same_entity_tag():
    code = (
        "from eddy.api.app import create_app; from eddy.settings import Settings;"
        "from eddy.control.live import InForce; from tests.api.kit.fake import DETECTOR;"
        "print(create_app(lambda: InForce(DETECTOR), Settings()).test_client().get('/openapi.json').headers['ETag'])"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(made) == 1
    assert made != {b""}

"""GET /v1/models, GET /v1/threshold and readiness."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from eddy.api.app import create_app
from eddy.api.detectors import NotReady, StoredDetector
from eddy.control.live import InForce
from eddy.model.serving.artifact import ArtifactStore
from eddy.settings import Settings


@pytest.fixture
def client(fake: Any, tmp_path: Path) -> FlaskClient:
    return create_app(lambda: InForce(fake.DETECTOR), Settings(artifacts=tmp_path / "nothing")).test_client()


def of_store(store: ArtifactStore, version: str) -> FlaskClient:
    return create_app(StoredDetector(store.path, version), Settings(artifacts=store.path)).test_client()


def test_the_threshold_says_score_rate_and_model(client):
    answer = client.get("/v1/threshold")
    assert answer.json == {"score": 5.0, "alert_rate": 0.001, "model": "v1", "control_offset": None}


def test_an_unchanged_threshold_is_not_sent_again(fake):
    current = [fake.DETECTOR]
    client = create_app(lambda: InForce(current[0]), Settings()).test_client()
    tag = client.get("/v1/threshold").headers["ETag"]
    again = client.get("/v1/threshold", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    current[0] = fake.another("v2")
    changed = client.get("/v1/threshold", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_models_are_listed_newest_first_with_what_scores_here(store):
    (version,) = store.versions()
    found = of_store(store, version).get("/v1/models").json["models"]
    manifest = store.manifest(version)
    assert [(model["version"], model["in_use"], model["active"]) for model in found] == [(version, True, True)]
    assert (found[0]["threshold"], found[0]["alert_rate"]) == (manifest.threshold.score, manifest.threshold.rate)
    assert found[0]["problem"] is None


def test_a_newer_model_is_active_but_not_in_use(store):
    (version,) = store.versions()
    newer = "20991231T235959Z-abcdef"
    (store.path / newer).mkdir()
    client = of_store(store, version)
    tag = client.get("/v1/models").headers["ETag"]
    found = {model["version"]: model for model in client.get("/v1/models").json["models"]}
    assert list(found) == [newer, version]
    assert (found[version]["in_use"], found[version]["active"]) == (True, False)
    assert (found[newer]["in_use"], found[newer]["active"]) == (False, True)
    assert "eddy models verify" in found[newer]["problem"]
    assert str(store.path) not in client.get("/v1/models").text
    (store.path / newer).rmdir()
    assert client.get("/v1/models", headers={"If-None-Match": tag}).status_code == 200


def test_without_a_model_the_store_can_still_be_listed(client, tmp_path):
    assert client.get("/v1/models").json == {"models": []}

    def none() -> Any:
        raise NotReady("There is no model.")

    unready = create_app(none, Settings(artifacts=tmp_path)).test_client()
    assert unready.get("/v1/models").json == {"models": []}
    assert unready.get("/v1/threshold").status_code == 503


def test_readiness_names_what_is_missing(tmp_path):
    def none() -> Any:
        raise NotReady("There is no model.")

    answer = create_app(none, Settings(artifacts=tmp_path)).test_client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["missing"] == ["model"]
    assert answer.json["detail"] == "There is no model."

"""`GET /v1/models`: what is in the model store, and which of it scores."""

from datetime import datetime

import msgspec
from flask import Flask, Response

from eddy.api.context import Context
from eddy.api.detectors import NotReady
from eddy.api.openapi.operation import Operation
from eddy.api.responses import json_with_etag
from eddy.model.serving.artifact import ArtifactError, ArtifactStore


class Model(msgspec.Struct, frozen=True):
    """A version in the model store.

    Attributes:
        version: its name.
        in_use: whether this server scores with it.
        active: whether a server that starts now would.
        created_at: when it was trained; null where it is damaged.
        threshold: scores from this on are anomalous, as stored with the model.
        alert_rate: share of normal transactions that the threshold flags; null where it was given as a score.
        problem: why it cannot be used; null where it can.
    """

    version: str
    in_use: bool
    active: bool
    created_at: datetime | None = None
    threshold: float | None = None
    alert_rate: float | None = None
    problem: str | None = None


class Models(msgspec.Struct, frozen=True):
    """The model store, newest version first."""

    models: list[Model]


OPERATIONS = (
    Operation(
        "GET",
        "/v1/models",
        "listModels",
        "The models in the store, newest first, and which one scores.",
        "`in_use` is the model that answers checks here; `active` is the one that a server started now would use. Of a "
        "damaged model only its name is known, and what is wrong.",
        answer=Models,
        etag=True,
    ),
)


def register(app: Flask, context: Context) -> None:
    @app.get("/v1/models")
    def models() -> Response:
        return json_with_etag(_models(context.store, _in_use(context)))


def _models(store: ArtifactStore, in_use: str | None) -> Models:
    active = _active(store)
    return Models([_model(store, version, version == in_use, version == active) for version in store.versions()])


def _model(store: ArtifactStore, version: str, in_use: bool, active: bool) -> Model:
    try:
        manifest = store.manifest(version)
    except ArtifactError:
        return Model(version, in_use, active, problem="Damaged or of a newer format: `eddy models verify` says more.")
    threshold = manifest.threshold
    return Model(version, in_use, active, manifest.created_at, threshold.score, threshold.rate)


def _in_use(context: Context) -> str | None:
    try:
        return context.checkers.current().detector.version
    except NotReady:
        return None


def _active(store: ArtifactStore) -> str | None:
    try:
        return store.active()
    except ArtifactError:
        return None

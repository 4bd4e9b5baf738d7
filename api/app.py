"""The API as a Flask application; `server` puts it behind gunicorn. `docs/http-api.md` is written for its clients."""

import contextlib
import time

import msgspec
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from eddy.api import problems
from eddy.api.check import NOT_JSON, Checker
from eddy.api.detectors import RETRY_S, DetectorProvider, NotReady
from eddy.api.problems import Problem
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.refusals import Refused
from eddy.model.serving.detector import Detector
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings

INDEX = {
    "name": "Eddy",
    "routes": {
        "POST /v1/check": "Scores one transaction: a JSON object as on the topic.",
        "GET /health/live": "Whether the process answers.",
        "GET /health/ready": "Whether transactions can be scored, and why not.",
        "GET /metrics": "Numbers over all worker processes, for Prometheus.",
    },
}
SWALLOWED_MOST_BYTES = 1_048_576
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_encode = msgspec.json.Encoder().encode


def create_app(detectors: DetectorProvider, settings: Settings, metrics: HttpMetrics | None = None) -> Flask:
    """The application of one process.

    Args:
        detectors: called for every check; raises `NotReady` while there is none.
        settings: `api_max_body_bytes`, `unknown_fields` and `alert_contributions` matter here.
    """
    metrics = metrics or HttpMetrics()
    app = Flask("eddy", static_folder=None)
    app.url_map.merge_slashes = False  # `//v1/check` is not found, rather than a redirect
    problems.register(app)
    _count_requests(app, metrics)
    _add_probes(app, detectors, metrics)
    checkers = _Checkers(detectors, settings, metrics)

    @app.post("/v1/check")
    def check() -> Response:
        return _check(checkers.current(), _body(settings.api_max_body_bytes), metrics)

    return app


class _Checkers:
    """Makes the checker of a detector once, and again when there is another detector."""

    def __init__(self, detectors: DetectorProvider, settings: Settings, metrics: HttpMetrics) -> None:
        self._detectors, self._settings, self._metrics = detectors, settings, metrics
        self._checker: Checker | None = None

    def current(self) -> Checker:
        detector, checker = self._detectors(), self._checker
        if checker is None or checker.detector is not detector:
            checker = self._checker = self._make(detector)
        return checker

    def _make(self, detector: Detector) -> Checker:
        self._metrics.model(detector.version, detector.threshold.score)
        codec = TransactionCodec(detector.schema, self._settings.unknown_fields)
        return Checker(detector, codec, self._settings.alert_contributions)


def _check(checker: Checker, body: bytes, metrics: HttpMetrics) -> Response:
    verdict = checker.check(body)
    if isinstance(verdict, Refused):
        metrics.refused(verdict.category)
        raise _refusal(verdict)
    metrics.checked(anomalous=verdict.anomalous)
    return _json(verdict)


def _refusal(refused: Refused) -> Problem:
    if refused.category in NOT_JSON:
        return Problem(400, "not-json", "Not a JSON document", _sentence(refused.reason), refused.category)
    return Problem(422, "refused", "Not a transaction of the schema", _sentence(refused.reason), refused.category)


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _body(max_body_bytes: int) -> bytes:
    """The request's body, whole and within the limit; Flask's own limit would cut a chunked one short in silence."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _unsupported("Send the body as it is, without Content-Encoding.")
    if request.mimetype not in ("", "application/json") and not request.mimetype.endswith("+json"):
        raise _unsupported("Send JSON, with `Content-Type: application/json`.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise _unsupported("Send UTF-8.")
    announced = request.content_length  # None where the body comes in chunks, or there is none
    if announced is not None and announced > max_body_bytes:
        _swallow(announced)
        raise problems.too_large(max_body_bytes)
    try:
        body: bytes = request.environ["wsgi.input"].read(max_body_bytes + 1 if announced is None else announced)
    except (ParseException, OSError):  # a broken chunk; the client is gone
        raise problems.malformed("The body could not be read to its end.") from None
    if len(body) > max_body_bytes:
        _swallow(SWALLOWED_MOST_BYTES)
        raise problems.too_large(max_body_bytes)
    if len(body) < (announced or 0):
        raise problems.malformed("The body ended, or took too long to arrive, before it was as long as announced.")
    return body


def _swallow(size: int) -> None:
    """Reads what is left, within reason: a connection that is closed on unread bytes takes the answer along with it."""
    with contextlib.suppress(ParseException, OSError):
        request.environ["wsgi.input"].read(min(size, SWALLOWED_MOST_BYTES))


def _unsupported(detail: str) -> Problem:
    return Problem(415, "unsupported-media-type", "Unsupported media type", detail)


def _add_probes(app: Flask, detectors: DetectorProvider, metrics: HttpMetrics) -> None:
    @app.get("/")
    def index() -> Response:
        return _json(INDEX)

    @app.get("/health/live")
    def live() -> Response:
        return _json({"live": True})

    @app.get("/health/ready")
    def ready() -> Response:
        return _json({"ready": True, "model": detectors().version})

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")

    @app.errorhandler(NotReady)
    def _(error: NotReady) -> Response:
        headers = {"Retry-After": f"{RETRY_S:.0f}"}
        return Problem(503, "not-ready", "Not ready", str(error), headers=headers).response()


def _count_requests(app: Flask, metrics: HttpMetrics) -> None:
    @app.before_request
    def start() -> None:
        request.environ["eddy.started"] = time.perf_counter()
        metrics.started()

    @app.after_request
    def finish(response: Response) -> Response:
        started = request.environ.pop("eddy.started", None)
        if started is not None:
            route = request.url_rule.rule if request.url_rule else "none"
            method = request.method if request.method in METHODS else "other"
            metrics.answered(route, method, response.status_code, time.perf_counter() - started)
        return response


def _json(value: object) -> Response:
    return Response(_encode(value), content_type="application/json")

"""The API as a Flask application; `server` puts it behind gunicorn. `docs/http-api.md` is written for its clients."""

import time
from collections.abc import Callable

from flask import Flask, Response, request

from eddy.api import problems
from eddy.api.context import Checkers, Context
from eddy.api.detectors import DetectorProvider
from eddy.api.routes import check, checks, documents, models, probes, threshold
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings

RESOURCES = (check, checks, models, threshold, probes)
OPERATIONS = (*(operation for resource in RESOURCES for operation in resource.OPERATIONS), *documents.OPERATIONS)
FRESH_S = 5.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def create_app(detectors: DetectorProvider, settings: Settings, metrics: HttpMetrics | None = None) -> Flask:
    """The application of one process.

    Args:
        detectors: called for every check; raises `NotReady` while there is none.
        settings: the sizes of bodies, `unknown_fields`, `alert_contributions` and the model store matter here.
        metrics: where requests are counted.
    """
    metrics = metrics or HttpMetrics()
    context = Context(Checkers(detectors, settings, metrics), settings, metrics)
    app = Flask("eddy", static_folder=None)
    app.url_map.merge_slashes = False  # `//v1/check` is not found, rather than a redirect
    problems.register(app)
    _count_requests(app, metrics)
    for resource in RESOURCES:
        resource.register(app, context)
    documents.register(app, context, OPERATIONS)
    return app


def tell_age(app: Flask, age_s: Callable[[], float | None]) -> None:
    """Says in the answers' header `Eddy-State-Age`, in seconds, if threshold and model may have changed since."""

    @app.after_request
    def tell(response: Response) -> Response:
        age = age_s()
        if age is not None and age > FRESH_S:
            response.headers["Eddy-State-Age"] = f"{age:.0f}"
        return response


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

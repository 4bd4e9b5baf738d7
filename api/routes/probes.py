"""What those who run the server ask it: health and metrics."""

import msgspec
from flask import Flask, Response

from eddy.api import problem_types
from eddy.api.context import Checkers, Context
from eddy.api.detectors import RETRY_S, NotReady
from eddy.api.openapi.operation import Operation
from eddy.api.problems import Problem
from eddy.api.responses import json

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool = True


class Ready(msgspec.Struct, frozen=True):
    """Transactions can be scored, by this version of the model.

    `problems` names changes of threshold and model that are not in force in this process, and why.
    """

    ready: bool
    model: str
    control_offset: int | None
    problems: tuple[str, ...]


OPERATIONS = (
    Operation("GET", "/health/live", "live", "Whether the process answers.", answer=Live),
    Operation(
        "GET",
        "/health/ready",
        "ready",
        "Whether transactions can be scored; if not, what is missing and why.",
        answer=Ready,
        problems=(problem_types.NOT_READY,),
    ),
    Operation(
        "GET", "/metrics", "metrics", "Numbers over all worker processes, for Prometheus.", media_type="text/plain"
    ),
)


def register(app: Flask, context: Context) -> None:
    @app.get("/health/live")
    def live() -> Response:
        return json(Live())

    @app.get("/health/ready")
    def ready() -> Response:
        return json(_ready(context.checkers))

    @app.get("/metrics")
    def exposition() -> Response:
        return Response(context.metrics.exposition(), content_type=METRICS_TYPE)

    @app.errorhandler(NotReady)
    def _(error: NotReady) -> Response:
        headers = {"Retry-After": f"{RETRY_S:.0f}"}
        return Problem(problem_types.NOT_READY, str(error), missing=error.missing, headers=headers).response()


def _ready(checkers: Checkers) -> Ready:
    checker = checkers.current()
    return Ready(True, checker.detector.version, checker.control_offset, checkers.problems())

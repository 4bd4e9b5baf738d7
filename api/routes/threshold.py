"""`GET /v1/threshold`: from which score on a transaction is anomalous."""

import msgspec
from flask import Flask, Response

from eddy.api import problem_types
from eddy.api.context import Context
from eddy.api.openapi.operation import Operation
from eddy.api.responses import json_with_etag


class ThresholdInUse(msgspec.Struct, frozen=True):
    """The threshold that decides.

    Attributes:
        score: scores from this on are anomalous.
        alert_rate: share of normal transactions that it flags; null where it was given as a score.
        model: the version whose scores it applies to.
        control_offset: offset on the control topic of the last change that model and threshold rest on; null for none.
    """

    score: float
    alert_rate: float | None
    model: str
    control_offset: int | None


OPERATIONS = (
    Operation(
        "GET",
        "/v1/threshold",
        "getThreshold",
        "The threshold in use.",
        answer=ThresholdInUse,
        problems=(problem_types.NOT_READY,),
        etag=True,
    ),
)


def register(app: Flask, context: Context) -> None:
    @app.get("/v1/threshold")
    def threshold() -> Response:
        checker = context.checkers.current()
        threshold, model = checker.detector.threshold, checker.detector.version
        return json_with_etag(ThresholdInUse(threshold.score, threshold.rate, model, checker.control_offset))

"""`POST /v1/check`: the verdict on one transaction."""

from flask import Flask, Response

from eddy.api import body, problem_types
from eddy.api.check import Checker, Verdict
from eddy.api.context import Context
from eddy.api.field_errors import OF_FIELDS, field_errors
from eddy.api.openapi.operation import Operation
from eddy.api.problems import Problem
from eddy.api.refusal import of_refused
from eddy.api.responses import json
from eddy.messaging.refusals import Refused

READS_JSON = (
    problem_types.NOT_JSON,
    problem_types.LENGTH_REQUIRED,
    problem_types.TOO_LARGE,
    problem_types.UNSUPPORTED_MEDIA_TYPE,
    problem_types.NOT_READY,
)
OPERATIONS = (
    Operation(
        "POST",
        "/v1/check",
        "checkTransaction",
        "Scores one transaction: a JSON object as on the topic.",
        "The verdict is the one that the stream gives to the same transaction, with the fields that made up most of "
        "its score.",
        answer=Verdict,
        body="Transaction",
        problems=(*READS_JSON, problem_types.REFUSED),
    ),
)


def register(app: Flask, context: Context) -> None:
    @app.post("/v1/check")
    def check() -> Response:
        return _check(context, context.checkers.current(), body.read(context.settings.api_max_body_bytes))


def _check(context: Context, checker: Checker, sent: bytes) -> Response:
    verdict = checker.check(sent)
    if isinstance(verdict, Refused):
        context.metrics.refused(verdict.category)
        raise _problem(verdict, sent, checker)
    context.metrics.checked(anomalous=verdict.anomalous)
    return json(verdict)


def _problem(refused: Refused, sent: bytes, checker: Checker) -> Problem:
    problem = of_refused(refused)
    if refused.category in OF_FIELDS:
        problem.errors = field_errors(sent, checker.detector.schema, checker.codec)
    return problem

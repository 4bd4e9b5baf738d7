"""`POST /v1/checks`: the verdicts on many transactions, by one call of the detector."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from flask import Flask, Response

from eddy.api import body, problem_types
from eddy.api.check import TRANSACTIONS_MOST, CheckedTransaction, Checker
from eddy.api.context import Context
from eddy.api.openapi.operation import Operation
from eddy.api.problems import Problem, ProblemDocument
from eddy.api.refusal import of_refused
from eddy.api.responses import json
from eddy.api.routes.check import READS_JSON
from eddy.messaging.refusals import Refused, reason_for
from eddy.monitoring.http_metrics import HttpMetrics

_IN_THE_LIST = (CheckedTransaction.__name__, ProblemDocument.__name__)
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


# msgspec decodes no union of two types without tags, so it is told what stands in the list.
_EITHER = {"items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in _IN_THE_LIST]}}


class Answers(msgspec.Struct, frozen=True):
    """The verdicts on many transactions.

    Attributes:
        model: version of the model that scored them all.
        threshold: scores from this on are anomalous.
        control_offset: offset on the control topic of the last change that model and threshold rest on; null where
            they were never changed.
        anomalous: how many are.
        refused: how many were not scored; each has a problem in its place.
        answers: one for each transaction, in their order.
    """

    model: str
    threshold: float
    control_offset: int | None
    anomalous: int
    refused: int
    answers: Annotated[list[Any], msgspec.Meta(extra_json_schema=_EITHER)]


OPERATIONS = (
    Operation(
        "POST",
        "/v1/checks",
        "checkTransactions",
        f"Scores up to {TRANSACTIONS_MOST:,} transactions: a JSON array of objects as on the topic.",
        "Each transaction has its own answer, in the order sent: a verdict, or a problem where it is no transaction of "
        "the schema. One that is refused does not affect the others, and the response is a 200 all the same. Reasons "
        "are given for anomalous transactions only.",
        answer=Answers,
        body="Transactions",
        problems=(*READS_JSON, problem_types.NOT_AN_ARRAY, problem_types.TOO_MANY),
    ),
)


def register(app: Flask, context: Context) -> None:
    @app.post("/v1/checks")
    def checks() -> Response:
        checker = context.checkers.current()
        bodies = _transactions(body.read(context.settings.api_max_batch_bytes))
        return json(_answers(checker, bodies, context.metrics))


def _transactions(sent: bytes) -> list[bytes]:
    try:
        found = _split(sent)
    except msgspec.ValidationError:
        raise Problem(problem_types.NOT_AN_ARRAY, "Send an array of transactions: `[{...}, {...}]`.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        problem = of_refused(reason_for(sent, error, ()))
        problem.what = problem_types.NOT_JSON
        raise problem from None
    if len(found) > TRANSACTIONS_MOST:
        detail = f"Received {len(found):,}, at most {TRANSACTIONS_MOST:,} are accepted; none was checked."
        raise Problem(problem_types.TOO_MANY, detail)
    return list(map(bytes, found))


def _answers(checker: Checker, bodies: Sequence[bytes], metrics: HttpMetrics) -> Answers:
    found = checker.check_all(bodies)
    refused = Counter(answer.category for answer in found if isinstance(answer, Refused))
    anomalous = sum(isinstance(answer, CheckedTransaction) and answer.anomalous for answer in found)
    metrics.checked_many(anomalous, len(found) - refused.total() - anomalous)
    for category, count in refused.items():
        metrics.refused(category, count)
    detector = checker.detector
    answers = [of_refused(answer).document() if isinstance(answer, Refused) else answer for answer in found]
    return Answers(
        detector.version, detector.threshold.score, checker.control_offset, anomalous, refused.total(), answers
    )

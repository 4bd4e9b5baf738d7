"""A detector whose verdicts are known in advance, for tests of everything around it: the score is amount / 100."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from eddy.consumer.batch import BatchProcessor
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.messages import Publishing
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.calibration import Calibration, Threshold
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scores

SCHEMA = TransactionSchema(
    (
        Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
        Field("card_id", Kind.IDENTIFIER, role="card"),
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount"),
        Field("category", Kind.CATEGORICAL),
    )
)
ALERTED_FROM = 1_000.0
"""Amounts from here on are alerted."""


@dataclass(frozen=True)
class AmountScorer:
    """Stands in for the scoring graph: all of the score is the amount's."""

    fields: tuple[str, ...] = SCHEMA.scored
    usual_levels: Any = None

    def score(self, columns: Columns, explain: bool = True) -> Scores:  # noqa: ARG002
        score = np.abs(columns.numeric[:, 0]) / 100
        contributions = np.zeros((len(columns), len(self.fields)), np.float32)
        contributions[:, 0] = score
        return Scores(score, contributions, np.full(contributions.shape, 50.0))


def rule_detector(version: str = "rule-1") -> Detector:
    scorer: Any = AmountScorer(usual_levels={"category": "grocery"})
    calibration = Calibration(scores=(0.0, 10.0), rarities=(1.0, 0.001), shape=0.1, scale=1.0, rows=1_000)
    return Detector(version, SCHEMA, scorer, calibration, Threshold(ALERTED_FROM / 100))


def rule_processor(alerts: str, dead_letters: str, ledger: str, **publishing: Any) -> BatchProcessor:
    where = Publishing(
        **{
            "alerts": alerts,
            "dead_letters": dead_letters,
            "ledger": ledger,
            "contributions": 2,
            "payload": "masked",
            "payload_max_bytes": 1_000,
            **publishing,
        }
    )
    return BatchProcessor(rule_detector(), TransactionCodec(SCHEMA), where)


def transaction(number: int, amount: float = 10.0, **changes: Any) -> bytes:
    """A message; every number gives another transaction."""
    fields = {
        "transaction_id": f"t-{number}",
        "card_id": f"c-{number % 97}",
        "event_time": "2026-03-01T12:00:00Z",
        "amount": amount,
        "category": "grocery",
    }
    return json.dumps(fields | changes, separators=(",", ":")).encode()


@pytest.fixture
def processor() -> BatchProcessor:
    return rule_processor("alerts", "dead-letters", "ledger")

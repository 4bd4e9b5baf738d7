"""The one call of the product behind an HTTP request: bytes in, verdict or refusal out, no HTTP.

It is the stream's own path (`TransactionCodec`, `Detector`) with a batch of one, so a transaction gets the same verdict
here as on the topic.
"""

from dataclasses import dataclass
from math import isfinite

import msgspec

from eddy.messaging.codec import TransactionCodec
from eddy.messaging.refusals import UNSCORABLE, Category, Refused
from eddy.model.serving.detector import Contribution, Detector

NOT_JSON = frozenset(
    {
        Category.NULL_VALUE,
        Category.EMPTY,
        Category.WHITESPACE,
        Category.NOT_UTF8,
        Category.BYTE_ORDER_MARK,
        Category.TRUNCATED,
        Category.TRAILING_BYTES,
        Category.MALFORMED,
        Category.NOT_FINITE,
        Category.TOO_DEEP,
    }
)


class Verdict(msgspec.Struct, frozen=True):
    """The answer to a check.

    Attributes:
        transaction_id: as sent; null where the schema names no field as the transaction's id.
        anomalous: whether the stream would publish an alert.
        score: reconstruction error; higher is more anomalous. Comparable within one model only.
        threshold: scores from this on are anomalous.
        rarity: share of normal transactions expected to score at least as high, 0 to 1: 0.00004 is 1 in 25,000.
        model: version of the model that scored it.
        contributions: the fields that made up most of the score, largest first, each with the value observed and the
            value that would have been usual, in the field's own unit.
    """

    transaction_id: str | None
    anomalous: bool
    score: float
    threshold: float
    rarity: float
    model: str
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Checker:
    """A detector with the reader of its schema.

    Args:
        contributions: how many of the largest a verdict names.
    """

    detector: Detector
    codec: TransactionCodec
    contributions: int

    def check(self, body: bytes) -> Verdict | Refused:
        """Scores one transaction, a JSON object as on the topic. Never raises for anything that a body may be."""
        decoded = self.codec.decode_values([body])
        if decoded.refused:
            return decoded.refused[0]
        verdicts = self.detector.detect(decoded.columns, explain=True)
        if not isfinite(verdicts.score[0]):
            return UNSCORABLE
        return Verdict(
            transaction_id=decoded.transaction_id(0),
            anomalous=bool(verdicts.anomalous[0]),
            score=float(verdicts.score[0]),
            threshold=float(verdicts.threshold),
            rarity=float(verdicts.rarity[0]),
            model=self.detector.version,
            contributions=verdicts.contributions(0, self.contributions),
        )

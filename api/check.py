"""The one call of the product behind an HTTP request: bytes in, verdict or refusal out, no HTTP.

It is the stream's own path (`TransactionCodec`, `Detector`) with a batch of one or of a request's, so a transaction
gets the same verdict here as on the topic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import msgspec
import numpy as np

from eddy.messaging.codec import Decoded, TransactionCodec
from eddy.messaging.refusals import UNSCORABLE, Refused
from eddy.model.serving.detector import Contribution, Detector, Verdicts

TRANSACTIONS_MOST = 1_000
"""Transactions that are checked at once."""


class Verdict(msgspec.Struct, frozen=True):
    """The verdict on one transaction.

    Attributes:
        transaction_id: as sent; null where the schema names no field as the transaction's id.
        anomalous: whether the stream would publish an alert.
        score: reconstruction error; higher is more anomalous. Comparable within one model only.
        threshold: scores from this on are anomalous.
        rarity: share of normal transactions expected to score at least as high, 0 to 1: 0.00004 is 1 in 25,000.
        model: version of the model that scored it.
        control_offset: offset on the control topic of the last change that model and threshold rest on; null where
            they were never changed.
        contributions: the fields that made up most of the score, largest first, each with the value observed and the
            value that would have been usual, in the field's own unit.
    """

    transaction_id: str | None
    anomalous: bool
    score: float
    threshold: float
    rarity: float
    model: str
    control_offset: int | None
    contributions: tuple[Contribution, ...]


class CheckedTransaction(msgspec.Struct, frozen=True):
    """The verdict on one of many transactions; threshold and model stand once beside all of them.

    Attributes:
        transaction_id: as sent; null where the schema names no field as the transaction's id.
        anomalous: whether the stream would publish an alert.
        score: reconstruction error; higher is more anomalous. Comparable within one model only.
        rarity: share of normal transactions expected to score at least as high, 0 to 1: 0.00004 is 1 in 25,000.
        contributions: as in a single verdict where the transaction is anomalous, otherwise empty.
    """

    transaction_id: str | None
    anomalous: bool
    score: float
    rarity: float
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Checker:
    """A detector with the reader of its schema.

    Args:
        contributions: how many of the largest a verdict names.
        control_offset: of the last change that the detector rests on; None for none.
    """

    detector: Detector
    codec: TransactionCodec
    contributions: int
    control_offset: int | None = None

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
            control_offset=self.control_offset,
            contributions=verdicts.contributions(0, self.contributions),
        )

    def check_all(self, bodies: Sequence[bytes]) -> list[CheckedTransaction | Refused]:
        """Scores n transactions in one call of the detector; the answers are in the order of the bodies."""
        decoded = self.codec.decode_values(bodies)
        checked = _checked(decoded, self.detector.detect(decoded.columns), self.contributions)
        answers: list[CheckedTransaction | Refused] = [UNSCORABLE] * len(bodies)
        for index, answer in zip(decoded.kept, checked, strict=True):
            answers[index] = answer
        for index, refused in decoded.refused.items():
            answers[index] = refused
        return answers


def _checked(decoded: Decoded, verdicts: Verdicts, top: int) -> list[CheckedTransaction | Refused]:
    anomalous = np.flatnonzero(verdicts.anomalous & np.isfinite(verdicts.score)).tolist()
    reasons = dict(zip(anomalous, verdicts.reasons(anomalous, top), strict=True))
    values = zip(decoded.transaction_ids(), verdicts.score.tolist(), verdicts.rarity.tolist(), strict=True)
    return [
        CheckedTransaction(name, k in reasons, score, rarity, reasons.get(k, ())) if isfinite(score) else UNSCORABLE
        for k, (name, score, rarity) in enumerate(values)
    ]

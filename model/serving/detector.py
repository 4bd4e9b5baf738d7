"""The product: transactions in, verdicts out. A scorer under one threshold, shared by the stream and the API.

A detector is a value: it never changes. Another model or another threshold is another detector, put in its place
between two calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite

import msgspec
import numpy as np

from eddy.model.arrays import Bools, Floats, Floats32, Indices
from eddy.model.schema.schema import Columns, TransactionSchema
from eddy.model.serving.calibration import Calibration, Threshold
from eddy.model.serving.scorer import Scorer, Scores


class Contribution(msgspec.Struct, frozen=True):
    """One field's part of a score, and why.

    Attributes:
        field: its name in the schema.
        contribution: its part; those of all fields add up to the score.
        observed: what the transaction has, in original units; of a time the hour of the day ("03:15", UTC); null where
            there was no value.
        expected: what would have been expected, in the same units; of a category the most usual level; null where there
            is nothing to say.
    """

    field: str
    contribution: float
    observed: float | str | None
    expected: float | str | None


@dataclass(frozen=True)
class Verdicts:
    """What was found about n transactions: score and rarity float64 [n], anomalous bool [n]."""

    score: Floats
    rarity: Floats
    anomalous: Bools
    threshold: float
    _columns: Columns
    _scorer: Scorer
    _explained: Scores | None = None

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, rows: Indices) -> "Verdicts":
        """The verdicts on some of the transactions."""
        found = (self.score[rows], self.rarity[rows], self.anomalous[rows])
        return Verdicts(*found, self.threshold, self._columns[rows], self._scorer)

    @cached_property
    def contribution_matrix(self) -> Floats32:
        """Every field's part of every score [n, f], in the order of `TransactionSchema.scored`."""
        return self._scorer.score(self._columns).contributions.astype(np.float32)

    @property
    def expected(self) -> Floats:
        """What was expected of every field [n, f]: numbers in original units, hours of day, NaN for categories."""
        return self._scorer.score(self._columns).expected

    def contributions(self, i: int, top: int | None = None) -> tuple[Contribution, ...]:
        """The `top` largest parts of transaction i's score (None: all), largest first."""
        return self.reasons([i], top)[0]

    def reasons(self, rows: Sequence[int], top: int | None = None) -> list[tuple[Contribution, ...]]:
        """The `contributions` of some transactions, which is quicker for all of them at once."""
        found = []
        for i, parts, expected in zip(rows, *self._explanations(np.asarray(rows, np.intp)), strict=True):
            largest = np.argsort(-parts, kind="stable")[:top].tolist()
            found.append(tuple(self._contribution(i, k, float(parts[k]), float(expected[k])) for k in largest))
        return found

    def _explanations(self, rows: Indices) -> tuple[Floats, Floats]:
        """Contributions and expected values of some transactions, each [n, f]."""
        if self._explained is None:
            scores = self._scorer.score(self._columns[rows])
            return scores.contributions, scores.expected
        return self._explained.contributions[rows], self._explained.expected[rows]

    def _contribution(self, i: int, field: int, part: float, expected: float) -> Contribution:
        name = self._scorer.fields[field]
        numeric, categorical = self._columns.numeric[i], self._columns.categorical[i]
        if field < len(numeric):
            return Contribution(name, part, _plain(float(numeric[field])), _number(expected))
        if field < len(numeric) + len(categorical):
            level = str(categorical[field - len(numeric)])
            return Contribution(name, part, level or None, self._scorer.usual_levels.get(name) or None)
        seconds = float(self._columns.timestamp[i, field - len(numeric) - len(categorical)])
        return Contribution(name, part, _clock(seconds % 86_400), _clock(expected * 3_600))


@dataclass(frozen=True, slots=True)
class Detector:
    """Evaluates transactions of one schema by one model under one threshold."""

    version: str
    schema: TransactionSchema
    scorer: Scorer
    calibration: Calibration
    threshold: Threshold

    def detect(self, columns: Columns, explain: bool = False) -> Verdicts:
        """Evaluates n transactions (`schema.columns(rows)`), n >= 0. Anomalous is what reaches the threshold.

        Args:
            columns: the transactions.
            explain: find the reasons of all of them in the same run of the graph. Without it they are found when
                asked for, in a second run over the rows in question: cheaper where few rows of a batch are explained.
        """
        scores = self.scorer.score(columns, explain)
        line = self.threshold.score
        rarity = self.calibration.rarity(scores.score)
        explained = scores if explain else None
        return Verdicts(scores.score, rarity, scores.score >= line, line, columns, self.scorer, explained)

    def under(self, threshold: Threshold) -> "Detector":
        """The same model under another threshold."""
        return replace(self, threshold=threshold)


def _plain(value: float) -> float | None:
    return value if isfinite(value) else None


def _number(value: float) -> float | None:
    """Six digits: more than that is rounding noise of the network."""
    return float(f"{value:.6g}") if isfinite(value) else None


def _clock(seconds: float) -> str | None:
    if not isfinite(seconds):
        return None
    minutes = int(seconds // 60) % 1_440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"

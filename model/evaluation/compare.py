"""Two models on the same rows: how far they agree, and where they do not."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from eddy.model.arrays import Bools, Floats, Indices
from eddy.model.evaluation.evaluate import Evaluation, ModelResult
from eddy.model.serving.detector import Contribution

TOP_SHARE = 0.01
SHOWN, REASONS = 12, 3


@dataclass(frozen=True)
class Opinion:
    """What one model says of a row."""

    score: float
    rarity: float
    anomalous: bool
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True)
class Disagreement:
    """A row (from 1) that is much rarer to one model than to the other; `label` where rows are labelled."""

    row: int
    label: bool | None
    first: Opinion
    second: Opinion


@dataclass(frozen=True)
class Comparison:
    """Two models' verdicts on the same rows.

    Args:
        rank_correlation: Spearman's, of their scores; 1: the same order.
        top_scoring_shared: of the top-scoring hundredth of rows of one model, the share that is so of the other too.
        both, only_first, only_second, neither: rows by who flags them.
        disagreements: those flagged by one model alone first, then others; the largest ratio of rarities first.
    """

    rank_correlation: float
    top_scoring_shared: float
    both: int
    only_first: int
    only_second: int
    neither: int
    disagreements: tuple[Disagreement, ...]


def compare_models(evaluation: Evaluation) -> Comparison:
    """Compares the first two models of an evaluation."""
    first, second = evaluation.models[:2]
    a, b = first.verdicts, second.verdicts
    return Comparison(
        rank_correlation(a.score, b.score),
        top_scoring_shared(a.score, b.score),
        int((a.anomalous & b.anomalous).sum()),
        int((a.anomalous & ~b.anomalous).sum()),
        int((~a.anomalous & b.anomalous).sum()),
        int((~a.anomalous & ~b.anomalous).sum()),
        tuple(_disagreement(int(i), evaluation, first, second) for i in _most_apart(first, second)),
    )


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation of scores [n]; rows that score the same share their rank. 0 where one is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 90.0]))
    1.0
    """
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic.round(12))


def top_scoring(score: Floats) -> Indices:
    """The hundredth of the rows [n] that scores highest, from the highest down; one at least."""
    return np.argsort(-score, kind="stable")[: max(1, round(TOP_SHARE * len(score)))]


def top_scoring_shared(first: Floats, second: Floats) -> float:
    """Of the top-scoring rows by one score, the share that is so by the other too."""
    top = top_scoring(first)
    return len(np.intersect1d(top, top_scoring(second))) / len(top)


def _most_apart(first: ModelResult, second: ModelResult) -> Indices:
    a, b = first.verdicts, second.verdicts
    ratio = np.abs(np.log(a.rarity) - np.log(b.rarity))
    contested: Bools = a.anomalous != b.anomalous
    order = np.lexsort((-ratio, ~contested))[:SHOWN]
    return np.asarray(order[ratio[order] > 0])


def _disagreement(i: int, evaluation: Evaluation, first: ModelResult, second: ModelResult) -> Disagreement:
    labels = evaluation.rows.anomalous
    row = int(evaluation.rows.table.index[i]) + 1
    return Disagreement(row, None if labels is None else bool(labels[i]), _opinion(i, first), _opinion(i, second))


def _opinion(i: int, result: ModelResult) -> Opinion:
    said = result.verdicts
    return Opinion(float(said.score[i]), float(said.rarity[i]), bool(said.anomalous[i]), said.contributions(i, REASONS))

"""What training would have come to with other choices: quick variants of a model, side by side, on the same rows.

The contamination and each group of features are choices that a user makes once, mostly without knowing what they cost.
So the settings as chosen, another contamination, and all but one group of features are trained in a quick form: one
network, few steps, few rows. Such a model is worse than the real one; only how the variants differ says something. Each
is trained a few times, for one network is a matter of luck: how much so says what can be told apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t
from sklearn.metrics import average_precision_score

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.features import fit
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import TransactionSchema
from eddy.model.training.diagnostics import some_rows
from eddy.model.training.variants import side_by_side

T = TypeVar("T")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

QUICK_ROWS, QUICK_ROWS_OF_CLUSTERS = 10_000, 5_000
STEPS_SHARE, FEWEST_STEPS, MOST_BATCH = 6, 300, 256
NETWORKS, FEWEST_TIMES, MOST_TIMES = 16, 2, 4
"""How many networks there are about in all, and how often a variant is trained: the more variants, the less often."""

STRANGEST_SHARE, FEWEST_STRANGEST = 0.01, 20
"""Agreement is about the strangest rows, as many as would be alerts on a bad day; of fewer, chance makes too much."""
FEWEST_ANOMALIES = 10
SMALLEST_DIFFERENCE = 0.02
"""Differences in average precision below this mean nothing on any table."""

CHOSEN = "as chosen"
Scored = tuple[Floats, Floats]
"""Scores of held-out rows [n] and of anomalies [a]."""


@dataclass(frozen=True)
class Variant:
    """Settings to compare; `option` is what to give to `eddy train` for them, `without` a group that they leave out."""

    name: str
    config: TrainingConfig
    option: str = ""
    without: str = ""


@dataclass(frozen=True)
class Choice:
    """What a variant would change; all figures are means over its trainings.

    Args:
        agreement: the share of the strangest rows that it has in common with the settings as chosen; of these
            themselves, what two of their trainings have in common.
        correlation: by ranks, of the scores of held-out rows, likewise.
        average_precision: at the table's share of anomalies; None where there are too few to judge by.
    """

    variant: Variant
    agreement: float
    correlation: float
    average_precision: float | None


@dataclass(frozen=True)
class Compared:
    """All variants, and how they were compared.

    Args:
        choices: the settings as chosen first.
        rows: learned from. steps: of each network; 0 where there are clusters. times: how often each was trained.
        held_out, anomalies: how many were judged. share: of anomalies among all rows, at which they count.
        strangest: how many rows the agreement is about, as if anomalies were as frequent as in the table.
        chance: a smaller difference in average precision may be due to the trainings.
    """

    choices: tuple[Choice, ...]
    rows: int
    steps: int
    times: int
    held_out: int
    anomalies: int
    share: float
    strangest: int
    chance: float


@dataclass(frozen=True, eq=False)
class Judges:
    """Rows to judge variants by: held out, and labelled as anomalies.

    Args:
        share: of anomalies among all rows of the table. Those at hand are more; they count for less.
    """

    held_out: Columns
    anomalies: Columns
    share: float


def compare(
    learned: Columns,
    judges: Judges,
    schema: TransactionSchema,
    config: TrainingConfig,
    progress: Callable[[float], None] = lambda _: None,
) -> Compared:
    """Trains the quick variants of a model and holds them against each other.

    Args:
        learned: the rows that the model learned from; some of them will do.
        progress: called with the share that is done.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    rows = some_rows(learned, QUICK_ROWS_OF_CLUSTERS if config.clusters else QUICK_ROWS)
    quick = quickened(config)
    chosen = variants(quick, fit.fit(rows, schema, quick.features, quick.hinge).groups)
    times = min(MOST_TIMES, max(FEWEST_TIMES, NETWORKS // len(chosen)))
    configs = [variant.config for variant in chosen]
    models = side_by_side(rows, judges.held_out, schema, configs, times, lambda share: progress(0.9 * share))
    scores = [[(score(judges.held_out), score(judges.anomalies)) for score in each] for each in models]
    progress(1.0)
    return judged(chosen, scores, judges.share, len(rows), 0 if config.clusters else quick.steps)


def quickened(config: TrainingConfig) -> TrainingConfig:
    """The same settings with one network and a sixth of the steps, but some hundreds, on smaller batches."""
    steps = min(config.steps, max(FEWEST_STEPS, config.steps // STEPS_SHARE))
    return replace(config, members=1, steps=steps, batch=min(config.batch, MOST_BATCH))


def variants(config: TrainingConfig, groups: tuple[str, ...]) -> tuple[Variant, ...]:
    """What is compared, the settings as chosen first.

    Args:
        groups: the groups of features that are used. Left out is one at a time, and none takes its place: without the
            hours by category the hours by themselves would, were the groups not named.
    """
    other = 0.0 if config.contamination else DEFAULTS.contamination
    same = [
        Variant(CHOSEN, config),
        Variant(f"contamination {other:g}", replace(config, contamination=other), f"--contamination {other:g}"),
    ]
    return (*same, *(_without(group, config, groups) for group in groups if len(groups) > 1))


def _without(group: str, config: TrainingConfig, groups: tuple[str, ...]) -> Variant:
    others = tuple(other for other in groups if other != group)
    return Variant(f"without {group}", replace(config, features=others), f"--features {','.join(others)}", group)


def judged(
    chosen: Sequence[Variant], scores: Sequence[Sequence[Scored]], share: float, rows: int, steps: int
) -> Compared:
    """Holds the scores of variants, each trained several times, against those of the first."""
    normal, strange = (len(part) for part in scores[0][0])
    weights = _weights(normal, strange, share)
    most = max(FEWEST_STRANGEST, STRANGEST_SHARE * weights.sum())
    joined = [[np.concatenate(pair) for pair in times] for times in scores]
    tops = [[_strangest(each, weights, most) for each in times] for times in joined]
    ranks = [[rankdata(of_normal) for of_normal, _ in times] for times in scores]
    precisions = [[_precision(each, normal, weights) for each in times] for times in joined]
    labelled = strange >= FEWEST_ANOMALIES
    choices = [
        Choice(
            variant,
            _mean_of_pairs(tops[0], tops[place], lambda one, other: _in_common(one, other, weights)),
            _mean_of_pairs(ranks[0], ranks[place], _correlation),
            float(np.mean(precisions[place])) if labelled else None,
        )
        for place, variant in enumerate(chosen)
    ]
    chance = _chance(precisions)
    return Compared(tuple(choices), rows, steps, len(scores[0]), normal, strange, share, round(most), chance)


def _mean_of_pairs(some: Sequence[T], others: Sequence[T], measure: Callable[[T, T], float]) -> float:
    """Over all pairs of a training of the one and another of the other."""
    pairs = ((one, other) for one in some for other in others if one is not other)
    return float(np.mean([measure(one, other) for one, other in pairs]))


def _chance(precisions: Sequence[Sequence[float]]) -> float:
    """How far the mean average precisions of two variants that are no different may lie apart, in 95 of 100 cases.

    By how far the trainings of one and the same lie apart, in all variants taken together.
    """
    variants, times = np.shape(precisions)
    error = np.sqrt(np.var(precisions, axis=1, ddof=1).mean() * 2 / times)
    return max(SMALLEST_DIFFERENCE, float(t.ppf(0.975, variants * (times - 1)) * error))


def _weights(normal: int, strange: int, share: float) -> Floats:
    """How much each row counts, held-out rows first: anomalies together as much as their share of the table."""
    weight = share / (1 - share) * normal / strange if strange else 0.0
    return np.repeat([1.0, weight], [normal, strange])


def _strangest(scores: Floats, weights: Floats, most: float) -> Bools:
    """Which rows [n] are the strangest that together count `most`; always one at least."""
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    strangest = np.zeros(len(scores), np.bool_)
    strangest[order[before < most - 1e-9]] = True
    return strangest


def _in_common(some: Bools, others: Bools, weights: Floats) -> float:
    return float(weights[some & others].sum() / max(weights[some].sum(), weights[others].sum()))


def _correlation(some: Floats, others: Floats) -> float:
    """Of ranks; 0 where all are the same."""
    spread = some.std() * others.std()
    return float(((some - some.mean()) * (others - others.mean())).mean() / spread) if spread else 0.0


def _precision(scores: Floats, normal: int, weights: Floats) -> float:
    """0 where there is no anomaly."""
    if normal == len(scores):
        return 0.0
    return float(average_precision_score(np.arange(len(scores)) >= normal, scores, sample_weight=weights))

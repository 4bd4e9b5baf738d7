"""What other settings would do: quick models of the same rows, compared with the settings as chosen.

A user chooses the contamination and the groups of features once, mostly without knowing what they cost. So the settings
as chosen, another contamination, and all but one group of features are trained in a quick form: one network, few steps,
few rows. Such a model is worse than the real one; only differences between runs say something. Each run is trained
several times with different seeds: how far these lie apart says which differences are chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t
from sklearn.metrics import average_precision_score

from eddy.model.arrays import Bools, Floats, Floats32
from eddy.model.components import gaussian_clusters
from eddy.model.components.autoencoder import Autoencoder
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.features import fit
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import TransactionSchema
from eddy.model.training.assemble import assemble
from eddy.model.training.diagnostics import evenly_sampled
from eddy.model.training.preprocessing import Preprocessed, fit_preprocessing

Scoring = Callable[[Columns], Floats]
"""From n transactions to their scores [n]."""
ShareCallback = Callable[[float], None]
"""Called with the share that is done."""

QUICK_ROWS, QUICK_ROWS_OF_CLUSTERS = 10_000, 5_000
STEPS_SHARE, FEWEST_STEPS, MOST_BATCH = 6, 300, 256
NETWORKS, FEWEST_TIMES, MOST_TIMES = 16, 2, 4
"""About how many networks there are in all, and how often a run is trained: the more runs, the less often."""

TOP_SHARE, FEWEST_TOP_ROWS = 0.01, 20
"""Agreement is about the top-scoring rows, as many as would be alerts on a bad day; among fewer, chance decides."""
FEWEST_ANOMALIES = 10
SMALLEST_DIFFERENCE = 0.02
"""Differences in average precision below this mean nothing on any table."""

CHOSEN = "as chosen"


@dataclass(frozen=True)
class AblationRun:
    """Settings to try; `option` is what to give to `eddy train` for them, `without` a group that they leave out."""

    name: str
    config: TrainingConfig
    option: str = ""
    without: str = ""


@dataclass(frozen=True)
class RunComparison:
    """What a run would change; all figures are means over its trainings.

    Args:
        agreement: the share of the top-scoring rows that it has in common with the settings as chosen; of these
            themselves, what two of their trainings have in common.
        correlation: by ranks, of the scores of held-out rows, likewise.
        average_precision: at the table's share of anomalies; None where these are too few.
    """

    run: AblationRun
    agreement: float
    correlation: float
    average_precision: float | None


@dataclass(frozen=True)
class AblationResult:
    """All runs, and how they were compared.

    Args:
        comparisons: the settings as chosen first.
        rows: learned from. steps: of each network; 0 where there are clusters. times: how often each was trained.
        held_out, anomalies: how many were scored. share: of anomalies among all rows, at which they count.
        top_rows: how many rows the agreement is about, as if anomalies were as frequent as in the table.
        chance: a smaller difference in average precision may be due to the seeds.
    """

    comparisons: tuple[RunComparison, ...]
    rows: int
    steps: int
    times: int
    held_out: int
    anomalies: int
    share: float
    top_rows: int
    chance: float


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Rows that runs are compared on: held out, and labelled as anomalies.

    Args:
        share: of anomalies among all rows of the table. Those at hand are more; they count for less.
    """

    held_out: Columns
    anomalies: Columns
    share: float


def ablate(
    learned: Columns,
    rows: EvaluationSet,
    schema: TransactionSchema,
    config: TrainingConfig,
    on_progress: ShareCallback = lambda _: None,
) -> AblationResult:
    """Trains quick runs on a sample of the rows that the model learned from, and compares them.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    sample = evenly_sampled(learned, QUICK_ROWS_OF_CLUSTERS if config.clusters else QUICK_ROWS)
    quick = quick_config(config)
    runs = runs_to_compare(quick, fit.fit(sample, schema, quick.features, quick.hinge).groups)
    times = min(MOST_TIMES, max(FEWEST_TIMES, NETWORKS // len(runs)))
    configs = [run.config for run in runs]
    models = train_side_by_side(sample, rows.held_out, schema, configs, times, lambda share: on_progress(0.9 * share))
    scores = [[(score(rows.held_out), score(rows.anomalies)) for score in each] for each in models]
    on_progress(1.0)
    return compare_scores(runs, scores, rows.share, len(sample), 0 if config.clusters else quick.steps)


def quick_config(config: TrainingConfig) -> TrainingConfig:
    """The same settings with one network and a sixth of the steps, but some hundreds, on smaller batches."""
    steps = min(config.steps, max(FEWEST_STEPS, config.steps // STEPS_SHARE))
    return replace(config, members=1, steps=steps, batch=min(config.batch, MOST_BATCH))


def runs_to_compare(config: TrainingConfig, groups: tuple[str, ...]) -> tuple[AblationRun, ...]:
    """The settings as chosen first.

    Args:
        groups: the groups of features that are used. Left out is one at a time, and none replaces it: without the hours
            by category the hours by themselves would, were the groups not named.
    """
    other = 0.0 if config.contamination else DEFAULTS.contamination
    option = f"contamination {other:g}"
    contaminated = AblationRun(option, replace(config, contamination=other), f"--{option}")
    left_out = (_without(group, config, groups) for group in groups if len(groups) > 1)
    return (AblationRun(CHOSEN, config), contaminated, *left_out)


def _without(group: str, config: TrainingConfig, groups: tuple[str, ...]) -> AblationRun:
    others = tuple(other for other in groups if other != group)
    return AblationRun(f"without {group}", replace(config, features=others), f"--features {','.join(others)}", group)


def train_side_by_side(
    learned: Columns,
    held_out: Columns,
    schema: TransactionSchema,
    configs: Sequence[TrainingConfig],
    times: int,
    on_progress: ShareCallback,
) -> list[list[Scoring]]:
    """Trains a model of one network for each of the settings, so many times, and gives what each scores by.

    The models are those of `model.training.fit.learn`, without what only a stored model needs. Settings may differ that
    do not change how networks are trained: features, hinge, contamination, parts, network input, score. Each training
    has a seed of its own, drawn from that of the first settings.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    prepared = [fit_preprocessing(learned, held_out, schema, config) for config in configs]
    on_progress(0.1)
    repeated = [each for each in prepared for _ in range(times)]
    scorings = (_with_clusters if configs[0].clusters else _with_networks)(repeated, on_progress)
    return [scorings[start : start + times] for start in range(0, len(scorings), times)]


def _with_clusters(prepared: Sequence[Preprocessed], on_progress: ShareCallback) -> list[Scoring]:
    scorings: list[Scoring] = []
    for index, each in enumerate(prepared):
        clusters = gaussian_clusters.fit(each.white, each.config.clusters, (each.config.seed + index) % 2**31)
        scorings.append(partial(each.model(clusters=clusters).score, reconstruct=np.asarray))
        on_progress(0.1 + 0.9 * (index + 1) / len(prepared))
    return scorings


def _with_networks(prepared: Sequence[Preprocessed], on_progress: ShareCallback) -> list[Scoring]:
    """All networks are members of one `Autoencoder`: getting TensorFlow started takes longer than a quick training."""
    config = prepared[0].config
    widths = [each.u.shape[1] for each in prepared]
    network = Autoencoder(widths, hidden=config.hidden, bottleneck=config.bottleneck, seed=config.seed)
    network.fit(
        _padded([each.u for each in prepared]),
        _padded([each.u_held_out for each in prepared]),
        config.steps,
        config.batch,
        config.loss,
        trim=[5 * each.config.contamination for each in prepared],
        on_progress=lambda step: on_progress(0.1 + 0.8 * step.done / step.of),
    )
    scorings: list[Scoring] = []
    for member, each in enumerate(prepared):
        reconstruct = partial(_reconstruct, network, member, widths)
        scorings.append(partial(assemble(each, reconstruct).model.score, reconstruct=reconstruct))
    on_progress(1.0)
    return scorings


def _padded(rows: Sequence[Floats32]) -> Floats32:
    """Rows [n, d] of each member, with zeros behind those that are narrower: [m, n, widest d]."""
    widest = max(each.shape[1] for each in rows)
    return np.array([np.pad(each, ((0, 0), (0, widest - each.shape[1]))) for each in rows])


def _reconstruct(network: Autoencoder, member: int, widths: Sequence[int], u: Floats32) -> Floats32:
    """What one member makes of rows u [n, d] of its own: [1, n, d]."""
    rows = np.zeros((len(widths), len(u), max(widths)), np.float32)
    rows[member, :, : widths[member]] = u
    return network.reconstruct(rows)[member : member + 1, :, : widths[member]]


def compare_scores(
    runs: Sequence[AblationRun], scores: Sequence[Sequence[tuple[Floats, Floats]]], share: float, rows: int, steps: int
) -> AblationResult:
    """Compares the scores of held-out rows [n] and anomalies [a], by run and training, with those of the first run."""
    normal, anomalous = (len(part) for part in scores[0][0])
    weights = _weights(normal, anomalous, share)
    count = max(FEWEST_TOP_ROWS, TOP_SHARE * weights.sum())
    joined = [[np.concatenate(pair) for pair in times] for times in scores]
    tops = [[_top_rows(each, weights, count) for each in times] for times in joined]
    ranks = [[rankdata(each[:normal]) for each in times] for times in joined]
    precisions = [[_precision(each, normal, weights) for each in times] for times in joined]
    comparisons = tuple(
        RunComparison(
            run,
            _mean_of_pairs(tops[0], tops[index], _in_common, weights),
            _mean_of_pairs(ranks[0], ranks[index], _correlation),
            float(np.mean(precisions[index])) if anomalous >= FEWEST_ANOMALIES else None,
        )
        for index, run in enumerate(runs)
    )
    times, chance = len(scores[0]), _chance(precisions)
    return AblationResult(comparisons, rows, steps, times, normal, anomalous, share, round(count), chance)


def _mean_of_pairs(
    first: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]], measure: Callable[..., float], *given: Floats
) -> float:
    """Over all pairs of a training of the first run and another training."""
    return float(np.mean([measure(one, other, *given) for one in first for other in others if one is not other]))


def _chance(precisions: Sequence[Sequence[float]]) -> float:
    """How far the mean average precisions of two equally good runs may lie apart, in 95 of 100 cases.

    Estimated from how far the trainings of one run lie apart, all runs taken together.
    """
    runs, times = np.shape(precisions)
    error = np.sqrt(np.var(precisions, axis=1, ddof=1).mean() * 2 / times)
    return max(SMALLEST_DIFFERENCE, float(t.ppf(0.975, runs * (times - 1)) * error))


def _weights(normal: int, anomalous: int, share: float) -> Floats:
    """How much each row counts, held-out rows first: anomalies together as much as their share of the table."""
    weight = share / (1 - share) * normal / anomalous if anomalous else 0.0
    return np.repeat([1.0, weight], [normal, anomalous])


def _top_rows(scores: Floats, weights: Floats, count: float) -> Bools:
    """Which rows [n] are the top-scoring that together count `count`; always one at least."""
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    top = np.zeros(len(scores), np.bool_)
    top[order[before < count - 1e-9]] = True
    return top


def _in_common(one: Bools, other: Bools, weights: Floats) -> float:
    return float(weights[one & other].sum() / max(weights[one].sum(), weights[other].sum()))


def _correlation(one: Floats, other: Floats) -> float:
    """Of ranks; 0 where all are the same."""
    return float(np.corrcoef(one, other)[0, 1]) if one.std() * other.std() else 0.0


def _precision(scores: Floats, normal: int, weights: Floats) -> float:
    """0 where there is no anomaly."""
    if normal == len(scores):
        return 0.0
    return float(average_precision_score(np.arange(len(scores)) >= normal, scores, sample_weight=weights))

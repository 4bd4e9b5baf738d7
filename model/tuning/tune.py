"""Searches for the settings of training that suit a table, and says what they gained.

rows          in the order of time where there is one, else at random: 60 % to train on, 20 % for validation, and
              20 % for the test at the end
value         average precision of the labelled anomalies; where there are too few, of injected ones
search        cheap trainings (fewer rows, steps, networks), settings proposed by Optuna, the defaults first
finalists     the best few, and the defaults, trained in full and evaluated on the validation rows once more
gain          the winner compared with the defaults on the test rows, which nothing has used yet
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version

import numpy as np
import optuna
import pandas as pd

from eddy.model.arrays import Bools, Floats, Indices
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.data.conversion import TableError, anomalous, columns_of
from eddy.model.evaluation.metrics import average_precision
from eddy.model.evaluation.paired_bootstrap import Gain, ScoresByKind, estimate_gain
from eddy.model.exploration.typed_table import sample_indices
from eddy.model.onnx_export.graph import ParityError
from eddy.model.schema.schema import Columns, TransactionSchema
from eddy.model.training.fit import learn
from eddy.model.training.prepare import FEWEST_ROWS, prepare
from eddy.model.tuning.search_space import Choices, Setting, configured, space
from eddy.model.tuning.study import UNUSABLE, ProgressCallback, Trial, Values, importances, search, trials_of
from eddy.model.tuning.synthetic_anomalies import inject

TRAIN_SHARE, VALIDATION_SHARE = 0.6, 0.2
FEWEST_ANOMALIES = 10
LABELLED = "labelled anomalies"


@dataclass(frozen=True)
class Limits:
    """What a search may cost: trials in all; rows, steps and networks of each; finalists beside the defaults."""

    trials: int = 30
    rows: int = 20_000
    steps: int = 600
    members: int = 1
    finalists: int = 3


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Rows to evaluate on: normal ones, and anomalies by kind, each compared with all normal ones."""

    normal: Columns
    anomalies: Mapping[str, Columns]

    def scores(self, score: Callable[[Columns], Floats]) -> ScoresByKind:
        return score(self.normal), {kind: score(rows) for kind, rows in self.anomalies.items()}


@dataclass(frozen=True, eq=False)
class Task:
    """A table, divided. `test` is for the comparison at the end; nothing before it may use it."""

    schema: TransactionSchema
    learn: Columns
    validation: EvaluationSet
    test: EvaluationSet
    labelled: bool
    by_time: bool


@dataclass(frozen=True)
class Finalist:
    """Settings that were trained in full; both values are from the validation rows."""

    chosen: Choices
    searched: float
    value: float


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of a search.

    winner: the best of the finalists, which may be the defaults. gain: on the rows that the search has not seen; None
    where the winner is the defaults, or where those rows hold no anomaly. config: what to train with: the winner's,
    unless it did worse than the defaults there.
    """

    task: Task
    limits: Limits
    settings: tuple[Setting, ...]
    trials: tuple[Trial, ...]
    importances: Mapping[str, float]
    finalists: tuple[Finalist, ...]
    winner: Choices
    gain: Gain | None
    config: TrainingConfig


def tune(
    task: Task,
    study: optuna.Study,
    base: TrainingConfig = DEFAULTS,
    limits: Limits = Limits(),
    go_on: Callable[[], bool] = lambda: True,
    on_progress: ProgressCallback = lambda *_: None,
) -> Tuned:
    """Searches, evaluates the finalists, and compares the winner with the defaults; a study that was begun goes on.

    Args:
        base: the defaults, and all that is not searched for.
        go_on: asked before each trial; the search ends when it says no.

    Raises:
        TableError: not even the defaults can learn from these rows.
    """
    settings = space(task.schema)
    sample = task.learn[sample_indices(len(task.learn), limits.rows, base.seed)]
    cheap = replace(base, steps=min(base.steps, limits.steps), members=min(base.members, limits.members))

    search(
        study,
        settings,
        lambda chosen: evaluate(task, sample, configured(cheap, settings, chosen)),
        limits.trials,
        go_on,
        on_progress,
    )
    trials = trials_of(study)
    finalists = _finalists(task, base, settings, trials, limits.finalists, on_progress)
    winner = finalists[0].chosen
    gain = _gain(task, base, configured(base, settings, winner), on_progress)
    worse = gain is not None and gain.difference.value <= 0
    config = base if worse else configured(base, settings, winner)
    return Tuned(task, limits, settings, trials, importances(trials, settings), finalists, winner, gain, config)


def divide(table: pd.DataFrame, schema: TransactionSchema, seed: int = 0) -> Task:
    """Divides a table into rows to train on, for validation, and for the test at the end.

    Settings are evaluated on labelled anomalies where the validation rows hold 10 or more of them.

    Raises:
        TableError: there are too few rows, or a column is not what the schema says.
    """
    prepare(table, schema)  # a table that training refuses is refused before the search, not after it
    anomalies = anomalous(table, schema)
    order, by_time = _order(table, schema, seed)
    first, validation, test = np.split(
        order, [int(TRAIN_SHARE * len(order)), int((TRAIN_SHARE + VALIDATION_SHARE) * len(order))]
    )
    normal = int((~anomalies[first]).sum())
    if normal < FEWEST_ROWS:
        raise TableError(
            f"{len(table)} rows are too few: of the {TRAIN_SHARE:.0%} to train on {normal} are normal, and "
            f"{FEWEST_ROWS} are needed; give more rows, or train without a search (`eddy train`)"
        )
    learned = prepare(table.iloc[np.sort(first)], schema)
    if not by_time:  # training does not use the anomalies among the first rows, and more of them evaluate better
        validation = np.concatenate([validation, first[anomalies[first]]])
    labelled = int(anomalies[validation].sum()) >= FEWEST_ANOMALIES

    def evaluation_set(rows: Indices, seed: int) -> EvaluationSet:
        rows = np.sort(rows)
        return _evaluation_set(table.iloc[rows], learned.schema, anomalies[rows], labelled, seed)

    parts = evaluation_set(validation, seed), evaluation_set(test, seed + 1)
    return Task(learned.schema, learned.columns, *parts, labelled, by_time)


def evaluate(task: Task, rows: Columns, config: TrainingConfig) -> Values:
    """Trains on rows and gives the average precision of each kind of anomaly among the validation rows.

    Raises:
        TableError: with this configuration nothing can be learned from these rows.
        ArithmeticError: the model gives scores that are not numbers.
    """
    normal, anomalies = task.validation.scores(_scoring(rows, task.schema, config))
    return {kind: _average_precision(normal, scores) for kind, scores in anomalies.items()}


def study_name(table: pd.DataFrame, schema: TransactionSchema, base: TrainingConfig, limits: Limits) -> str:
    """A name for a search: the same only for the same rows, schema, settings, seed and version of Eddy."""
    digest = hashlib.sha256(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    each = (limits.rows, limits.steps, limits.members)
    rest = replace(base, alert_rate=DEFAULTS.alert_rate)  # sets the threshold, not the order of rows
    searched = [(setting.name, list(setting.options)) for setting in space(schema)]
    identity = (list(table.columns), schema.to_toml(), rest, each, searched, installed_version("eddy-stream"))
    digest.update(repr(identity).encode())
    return digest.hexdigest()[:12]


def _finalists(
    task: Task,
    base: TrainingConfig,
    settings: tuple[Setting, ...],
    trials: tuple[Trial, ...],
    count: int,
    on_progress: ProgressCallback,
) -> tuple[Finalist, ...]:
    """The defaults and the best others of the search, trained in full; best first."""
    scored = [(trial.value, trial.chosen) for trial in trials[::-1] if trial.value is not None]
    worst_first = sorted(scored, key=lambda entry: entry[0])
    entries = {configured(base, settings, chosen): (chosen, value) for value, chosen in worst_first}
    default = entries.pop(base)
    others = sorted(entries.values(), key=lambda entry: -entry[1])[:count]
    found = []
    for place, (chosen, value) in enumerate([default, *others]):
        on_progress("evaluating finalists", place, len(others) + 1, None)
        with contextlib.suppress(*UNUSABLE) if place else contextlib.nullcontext():
            values = evaluate(task, task.learn, configured(base, settings, chosen))
            found.append(Finalist(chosen, value, float(np.mean(list(values.values())))))
    on_progress("evaluating finalists", len(others) + 1, len(others) + 1, None)
    return tuple(sorted(found, key=lambda finalist: -finalist.value))


def _gain(task: Task, base: TrainingConfig, config: TrainingConfig, on_progress: ProgressCallback) -> Gain | None:
    if config == base or not task.test.anomalies:
        return None
    rows = _joined(task.learn, task.validation.normal)
    ways = []
    for place, settings in enumerate((base, config)):
        on_progress("comparing with the defaults", place, 2, None)
        ways.append(task.test.scores(_scoring(rows, task.schema, settings)))
    on_progress("comparing with the defaults", 2, 2, None)
    return estimate_gain(ways[0], ways[1], base.seed)


def _scoring(rows: Columns, schema: TransactionSchema, config: TrainingConfig) -> Callable[[Columns], Floats]:
    try:
        scorer = learn(rows, schema, config).detector().scorer
    except ParityError as error:  # with these settings rounding errors are too large to rely on the graph
        raise ArithmeticError(str(error)) from error
    return lambda columns: scorer.score(columns).score


def _average_precision(normal: Floats, anomalies: Floats) -> float:
    scores = np.concatenate([normal, anomalies])
    if not np.isfinite(scores).all():
        raise ArithmeticError("some scores are not numbers")
    return average_precision(scores, np.arange(len(scores)) >= len(normal))


def _evaluation_set(
    table: pd.DataFrame, schema: TransactionSchema, anomalies: Bools, labelled: bool, seed: int
) -> EvaluationSet:
    normal, anomalous_rows = columns_of(table[~anomalies], schema), columns_of(table[anomalies], schema)
    if labelled:
        return EvaluationSet(normal, {LABELLED: anomalous_rows} if len(anomalous_rows) else {})
    return EvaluationSet(normal, {kind: made for kind, (made, _) in inject(normal, seed).items()})


def _order(table: pd.DataFrame, schema: TransactionSchema, seed: int) -> tuple[Indices, bool]:
    """All rows in the order of time; at random where there is no time, or always the same."""
    time = schema.role("time")
    if time is not None:
        seconds = columns_of(table, schema).timestamp[:, schema.timestamps.index(time.name)]
        if np.ptp(seconds) > 0:
            return np.argsort(seconds, kind="stable"), True
    return np.random.default_rng(seed).permutation(len(table)), False


def _joined(some: Columns, others: Columns) -> Columns:
    names = ("numeric", "categorical", "timestamp")
    return Columns(*(np.concatenate([getattr(some, name), getattr(others, name)]) for name in names))

"""An evaluation: models and baselines score the same rows.

The baselines need training rows, and an artifact does not hold the rows that it was trained on. So they get either a
table of their own or the first half of the rows at hand, and all methods are evaluated on the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from eddy.model.arrays import Bools, Floats, Texts
from eddy.model.data.conversion import NORMAL_WORDS, TableError, anomalous, columns_of
from eddy.model.data.sampling import Sample
from eddy.model.data.schema_inference import infer
from eddy.model.evaluation import baselines
from eddy.model.evaluation.metrics import MOST_KINDS, Figures, figures
from eddy.model.features import fit
from eddy.model.progress import ProgressCallback
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.detector import Detector, Verdicts

FEWEST_TRAINING_ROWS = 500


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows of a table, with what is known of them.

    labels: the columns that mark anomalies. anomalous: bool [n], None where nothing is labelled. kinds: what kind of
    anomaly [n], None where no label says more than yes or no. time_s: Unix seconds [n], None without a time.
    share: how many of the source's rows these are.
    """

    table: pd.DataFrame
    labels: tuple[str, ...]
    anomalous: Bools | None
    kinds: Texts | None
    time_s: Floats | None
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, chosen: Bools) -> "LabelledRows":
        known = {name: getattr(self, name) for name in ("table", "anomalous", "kinds", "time_s")}
        return replace(self, **{name: values[chosen] for name, values in known.items() if values is not None})


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """A baseline's scores [n], and its metrics."""

    name: str
    score: Floats
    figures: Figures


@dataclass(frozen=True, eq=False)
class ModelResult:
    """A model's verdicts on the rows of an evaluation; figures where the rows are labelled."""

    detector: Detector
    columns: Columns
    verdicts: Verdicts
    figures: Figures | None

    @property
    def name(self) -> str:
        return self.detector.version


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Models and baselines on the same rows; `notes` are sentences on how it was done."""

    rows: LabelledRows
    models: tuple[ModelResult, ...]
    baselines: tuple[BaselineResult, ...]
    budget: float
    notes: tuple[str, ...]


def rows_of(
    table: pd.DataFrame, schema: TransactionSchema, label: str | None = None, share: float = 1.0
) -> LabelledRows:
    """Rows with their labels: those of `label`, of the schema, or else of columns that look like labels.

    Raises:
        TableError: there is no column `label`, or a time cannot be read.
    """
    labels = _labels(table, schema, label)
    plain = tuple(field for field in schema.fields if field.kind is not Kind.LABEL and field.name not in labels)
    found = anomalous(table, TransactionSchema((*plain, *(Field(name, Kind.LABEL) for name in labels))))
    if not found.any():
        return LabelledRows(table, labels, None, None, _times(table, schema), share)
    return LabelledRows(table, labels, found, _kinds(table, labels, found), _times(table, schema), share)


def prepare(
    sample: Sample,
    schema: TransactionSchema,
    label: str | None = None,
    training: Sample | None = None,
    with_baselines: bool = True,
    seed: int = 0,
) -> tuple[LabelledRows, LabelledRows | None, tuple[str, ...]]:
    """Rows to evaluate on, rows that the baselines are trained on (None: no baselines), and sentences on both.

    Args:
        training: what the baselines are trained on; without it half of the sample.
        with_baselines: whether there are to be baselines.

    Raises:
        TableError: there is no column `label`, or too little is left for the baselines.
    """
    rows = rows_of(sample.table, schema, label, len(sample.table) / sample.rows)
    notes = [] if sample.whole else [f"A random sample of {len(sample.table):,} of the {sample.rows:,} rows was taken."]
    if rows.anomalous is None or not with_baselines:
        return rows, None, (_labelled(rows), *notes, UNSEEN)
    if training is None:
        learned, rows, how = half(rows, seed)
        where = f"{how} of the rows; everything is evaluated on the other half"
    else:
        given = rows_of(training.table, schema, label)
        learned = given if given.anomalous is None else given[~given.anomalous]
        where = "the table that was given for it"
    few = f" ({baselines.NEIGHBOUR_ROWS:,} of them where neighbours are looked up)"
    notes.append(
        f"The baselines were trained on the {len(learned):,} normal rows"
        f"{few if len(learned) > baselines.NEIGHBOUR_ROWS else ''} of {where}. They have their libraries' default "
        "settings and get the same features as Eddy, standardised."
    )
    return rows, learned, (_labelled(rows), *notes, UNSEEN)


UNSEEN = "Figures hold for rows that a model was not trained on: on its own training rows they are too good."


def _labelled(rows: LabelledRows) -> str:
    if rows.anomalous is None:
        return f"{len(rows):,} rows, none of which is labelled anomalous."
    count = int(rows.anomalous.sum())
    return (
        f"{len(rows):,} rows, of which {count:,} ({count / len(rows):.2%}) are labelled anomalous by "
        f"{', '.join(rows.labels)}."
    )


def half(rows: LabelledRows, seed: int = 0) -> tuple[LabelledRows, LabelledRows, str]:
    """Normal rows to train baselines on, rows to evaluate on, and how they were split: by time, or else at random.

    Raises:
        TableError: the normal rows are too few.
    """
    assert rows.anomalous is not None
    early, how = _early(rows, seed)
    learned = early & ~rows.anomalous
    if learned.sum() < FEWEST_TRAINING_ROWS:
        raise TableError(
            f"half of these rows gives {int(learned.sum())} normal ones for the baselines to learn from, fewer than "
            f"{FEWEST_TRAINING_ROWS}: give their table with --train, or leave them out with --no-baselines"
        )
    return rows[learned], rows[~early], how


def run(
    detectors: Sequence[Detector],
    rows: LabelledRows,
    budget: float,
    training: LabelledRows | None = None,
    notes: Sequence[str] = (),
    progress: ProgressCallback = lambda *_: None,
    seed: int = 0,
) -> Evaluation:
    """Scores the rows with all models, and with the baselines where there are labels and rows to train them on.

    Raises:
        TableError: a column is missing or holds what a model's schema does not say.
    """
    names = baselines.NAMES if training is not None and rows.anomalous is not None else ()
    steps = len(detectors) + len(names)
    models = []
    for done, detector in enumerate(detectors):
        progress(f"scoring with {detector.version}", done / steps)
        models.append(_evaluate(detector, rows, budget))
    others = []
    if training is not None and names:
        train, test = _features(training, rows, detectors[0].schema)
        for done, name in enumerate(names, len(detectors)):
            progress(name, done / steps)
            score = baselines.scores(name, train, test, seed)
            others.append(BaselineResult(name, score, _figures(score, rows, budget)))
    progress("done", 1.0)
    return Evaluation(rows, tuple(models), tuple(others), budget, tuple(notes))


def _evaluate(detector: Detector, rows: LabelledRows, budget: float) -> ModelResult:
    columns = columns_of(rows.table, detector.schema)
    verdicts = detector.detect(columns)
    metrics = None if rows.anomalous is None else _figures(verdicts.score, rows, budget, verdicts.anomalous)
    return ModelResult(detector, columns, verdicts, metrics)


def _figures(score: Floats, rows: LabelledRows, budget: float, flagged: Bools | None = None) -> Figures:
    assert rows.anomalous is not None
    # A sample gets its share of a day's budget; of every 1,000 rows the budget is the same.
    of_sample = budget if rows.time_s is None else budget * rows.share
    return figures(score, rows.anomalous, of_sample, rows.time_s, flagged, rows.kinds)


def _features(training: LabelledRows, rows: LabelledRows, schema: TransactionSchema) -> tuple[Floats, Floats]:
    """Eddy's own features, the encoding learned from the training rows."""
    learned = columns_of(training.table, schema)
    encoder = fit.fit(learned, schema)
    return encoder.encode(learned), encoder.encode(columns_of(rows.table, schema))


def _labels(table: pd.DataFrame, schema: TransactionSchema, label: str | None) -> tuple[str, ...]:
    if label is not None:
        if label not in table:
            raise TableError(f"there is no column {label} for the label: there are {', '.join(table.columns)}")
        return (label,)
    own = tuple(field.name for field in schema.of_kind(Kind.LABEL) if field.name in table)
    return own or tuple(field.name for field in infer(table).of_kind(Kind.LABEL) if field.name not in schema.scored)


def _times(table: pd.DataFrame, schema: TransactionSchema) -> Floats | None:
    time = schema.role("time")
    if time is None or time.name not in table:
        return None
    return columns_of(table, TransactionSchema((time,))).timestamp[:, 0]


def _kinds(table: pd.DataFrame, labels: Sequence[str], found: Bools) -> Texts | None:
    """The label with the most names of anomalies, if one has several."""
    best: Texts | None = None
    most = 1
    for name in labels:
        words = table[name].astype("object").fillna("").astype(str).str.strip().to_numpy(np.object_)
        known = len({word for word in words[found] if word.lower() not in NORMAL_WORDS})
        if most < known <= MOST_KINDS:
            best, most = words, known
    return best


def _early(rows: LabelledRows, seed: int) -> tuple[Bools, str]:
    assert rows.anomalous is not None
    if rows.time_s is not None:
        early = rows.time_s < np.median(rows.time_s)
        if _both_sorts(rows.anomalous[~early]) and not rows.anomalous[early].all():
            return early, "the first half in time"
    early = np.random.default_rng(seed).permutation(len(rows)) < len(rows) // 2
    return early, "a random half"


def _both_sorts(labels: Bools) -> bool:
    return bool(labels.any() and not labels.all())

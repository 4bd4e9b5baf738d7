"""The detector as scikit-learn knows outlier detectors, over the same code as `eddy train`.

So it drops into pipelines, cross-validation, searches, and comparisons with IsolationForest or PyOD; and what was tried
out in a notebook is, saved, the artifact that the stream runs.
"""

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.metrics import average_precision_score
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from eddy.model.arrays import Bools, Floats
from eddy.model.config import DEFAULTS, Loss, NetworkInput, Parts, Score, TrainingConfig
from eddy.model.data.conversion import anomalous, columns_of
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from eddy.model.training.fit import learn, save
from eddy.model.training.prepare import FEWEST_ROWS, prepare

CHECKS_THAT_DO_NOT_APPLY = {
    "check_outliers_train": "ends by setting contamination to the share of rows to flag; here that is alert_rate",
    "check_outliers_fit_predict": "ends by setting contamination to the share of rows to flag; here that is alert_rate",
}
"""Of scikit-learn's estimator checks, those that cannot hold, and why. All but their ends is tested all the same."""


class TransactionOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Learns what normal rows look like, with autoencoders, and finds those that are not.

    Takes tables with columns of any kind (what they are is inferred, or said by `schema`) and matrices of numbers;
    numbers may be missing (NaN). Settings are those of `model.config.TrainingConfig`, where each is explained; its
    `score` is `score_kind` here (scikit-learn wants a method of that name or nothing), its `seed` is `random_state`.

    Two settings are often one in scikit-learn, and are two here:

    - `alert_rate` sets the threshold: the share of *normal* rows that `predict` flags. It is met on new rows, by
      calibration on rows that the networks were not trained on.
    - `contamination` protects the training: the share of the training rows that may be anomalies nobody has labelled.
      It does not move the threshold.

    Fewer than 500 rows are accepted with a warning: they are repeated, and `alert_rate` is then met but roughly.

    Attributes:
        schema_: what the columns were taken for.
        offset_: `decision_function` is `score_samples` minus this; the threshold's score with its sign turned.
        learned_: all that was learned (`model.training.fit.Learned`).
        n_features_in_, feature_names_in_: columns, and their names where they have any.

    >>> import pandas as pd
    >>> from eddy.model.estimator import TransactionOutlierDetector
    >>> table = pd.read_parquet("transactions.parquet")                         # doctest: +SKIP
    >>> detector = TransactionOutlierDetector(alert_rate=0.001).fit(table)      # doctest: +SKIP
    >>> flagged = table[detector.predict(table) == -1]                          # doctest: +SKIP
    >>> detector.explain(flagged)          # what each column adds to the score # doctest: +SKIP
    >>> detector.save("artifacts")         # for `eddy consume`, `eddy serve`   # doctest: +SKIP

    In a search, where there are labels (1 for an anomaly): `GridSearchCV(TransactionOutlierDetector(),
    {"contamination": [0.0, 0.01]}, scoring=average_precision)`.
    """

    def __init__(
        self,
        *,
        alert_rate: float = DEFAULTS.alert_rate,
        contamination: float = DEFAULTS.contamination,
        parts: Parts = DEFAULTS.parts,
        network_input: NetworkInput = DEFAULTS.network_input,
        score_kind: Score = DEFAULTS.score,
        loss: Loss = DEFAULTS.loss,
        members: int = DEFAULTS.members,
        hidden: tuple[int, ...] | None = DEFAULTS.hidden,
        bottleneck: int | None = DEFAULTS.bottleneck,
        clusters: int = DEFAULTS.clusters,
        features: tuple[str, ...] | None = DEFAULTS.features,
        hinge: bool = DEFAULTS.hinge,
        steps: int = DEFAULTS.steps,
        batch: int = DEFAULTS.batch,
        sample_rows: int = DEFAULTS.sample_rows,
        held_out: float = DEFAULTS.held_out,
        held_out_rows: int = DEFAULTS.held_out_rows,
        keep_labelled: bool = DEFAULTS.keep_labelled,
        schema: TransactionSchema | None = None,
        random_state: int | np.random.RandomState | None = DEFAULTS.seed,
    ) -> None:
        self.alert_rate = alert_rate
        self.contamination = contamination
        self.parts = parts
        self.network_input = network_input
        self.score_kind = score_kind
        self.loss = loss
        self.members = members
        self.hidden = hidden
        self.bottleneck = bottleneck
        self.clusters = clusters
        self.features = features
        self.hinge = hinge
        self.steps = steps
        self.batch = batch
        self.sample_rows = sample_rows
        self.held_out = held_out
        self.held_out_rows = held_out_rows
        self.keep_labelled = keep_labelled
        self.schema = schema
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learns from rows X [n, k].

        Args:
            y: labels [n], if there are any: 1 or True for an anomaly, 0 for a normal row; or scikit-learn's own -1 for
                an anomaly, 1 for a normal row. Anomalies are left out, also those that a label column of X marks.
                With `keep_labelled` labels are not looked at.

        Raises:
            ValueError: the rows, a label or a setting cannot be (`TableError`, `ConfigError`, `SchemaError` are such).
        """
        table = self._table(X, reset=True)
        config = self._config()
        schema = self.schema or (infer(table) if isinstance(X, pd.DataFrame) else _numbers(table))
        kept = np.ones(len(table), np.bool_)
        if not config.keep_labelled:
            kept = ~anomalous(table, schema) & ~_labelled(y, len(table))
        rows = prepare(_enough(table[kept]), schema, config)
        self.learned_ = learn(rows.columns, rows.schema, config)
        self.schema_ = self.learned_.schema
        self._detector = self.learned_.detector()
        # A score at the threshold is anomalous, and so must be below zero.
        self.offset_ = float(np.nextafter(-self._detector.threshold.score, np.inf))
        return self

    def score_samples(self, X: Any) -> Floats:
        """How normal rows are [n]: the score with its sign turned, so that higher is more normal."""
        detector = self._fitted()
        return -detector.scorer.score(self._columns(X)).score

    def decision_function(self, X: Any) -> Floats:
        """How far rows are on the normal side of the threshold [n]; below zero is anomalous."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for anomalous rows, 1 for normal ones [n]."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def rarity(self, X: Any) -> Floats:
        """The share of normal rows expected to be at least as anomalous as each of these [n]."""
        return self._fitted().detect(self._columns(X)).rarity

    def explain(self, X: Any) -> pd.DataFrame:
        """What each column adds to the score of each row [n, f]; `score_samples` is minus the sum of a row."""
        detector = self._fitted()
        parts = detector.scorer.score(self._columns(X)).contributions
        return pd.DataFrame(parts, columns=list(detector.scorer.fields), index=getattr(X, "index", None))

    def save(self, store: ArtifactStore | Path | str, created_at: datetime | None = None) -> str:
        """Stores the model as `eddy train` does; gives its version.

        Raises:
            ArtifactError: the store cannot be written to.
        """
        check_is_fitted(self)
        kept = store if isinstance(store, ArtifactStore) else ArtifactStore(store)
        return save(self.learned_, kept, created_at or datetime.now(UTC))

    def _config(self) -> TrainingConfig:
        given = self.get_params(deep=False)
        given.pop("schema", None)
        seed = given.pop("random_state", DEFAULTS.seed)
        given["score"] = given.pop("score_kind", DEFAULTS.score)
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        lists = {name: tuple(given[name]) for name in ("hidden", "features") if given.get(name) is not None}
        return replace(DEFAULTS, **{**given, **lists, "seed": int(seed)})

    def _fitted(self) -> Detector:
        """The detector; built again where a pickle has brought only what was learned."""
        check_is_fitted(self)
        if not hasattr(self, "_detector"):
            self._detector = self.learned_.detector()
        return self._detector

    def _columns(self, X: Any) -> Columns:
        return columns_of(self._table(X, reset=False), self.schema_)

    def _table(self, X: Any, reset: bool) -> pd.DataFrame:
        """X as a table whose columns have the names that they had, or would have had, in `fit`."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            table = X.copy(deep=False)
        else:
            numbers = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
            table = pd.DataFrame(numbers)
        given = getattr(self, "feature_names_in_", None)
        table.columns = pd.Index([f"x{n}" for n in range(table.shape[1])] if given is None else given)
        return table

    def __getstate__(self) -> dict[str, Any]:
        """Without the session of ONNX Runtime, which cannot be pickled."""
        return {name: value for name, value in super().__getstate__().items() if name != "_detector"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def average_precision(estimator: Any, X: Any, y: ArrayLike) -> float:
    """A scorer for cross-validation and searches: average precision of the anomalies in y.

    Works for every outlier detector of scikit-learn. Its own scorer "average_precision" would take the normal rows for
    what is looked for, since they have the higher `decision_function`. Labels as in `TransactionOutlierDetector.fit`.
    """
    labelled = _labelled(y, len(np.asarray(y)))
    return float(average_precision_score(labelled, -estimator.score_samples(X)))


def _labelled(y: ArrayLike | None, rows: int) -> Bools:
    """Which rows y calls anomalous [n]. Only ones: scikit-learn's normal rows, as there is nothing else to learn from.

    Raises:
        ValueError: there are not as many labels as rows, or other values than the four that are known.
    """
    if y is None:
        return np.zeros(rows, np.bool_)
    labels = column_or_1d(y)
    check_consistent_length(labels, np.empty(rows))
    found = set(np.unique(labels).tolist())
    if found <= {-1, 1}:
        return np.asarray(labels == -1)
    if found <= {0, 1}:
        return np.asarray(labels == 1)
    raise ValueError(
        f"y has {len(found)} values, and not only 1 (anomaly) and 0 (normal), or -1 (anomaly) and 1 (normal): "
        "translate it, or set keep_labelled=True so that labels are not looked at"
    )


def _numbers(table: pd.DataFrame) -> TransactionSchema:
    """A matrix is all numbers."""
    fields = (Field(str(name), Kind.NUMERIC, nullable=bool(column.isna().any())) for name, column in table.items())
    return TransactionSchema(tuple(fields))


def _enough(table: pd.DataFrame) -> pd.DataFrame:
    """The rows, repeated if they are too few to learn from and hold out.

    Raises:
        ValueError: fewer than two.
    """
    rows = len(table)
    if rows < 2:
        raise ValueError(f"n_samples={rows} normal rows to learn from; at least 2 are needed, and {FEWEST_ROWS} wanted")
    if rows >= FEWEST_ROWS:
        return table
    warnings.warn(
        f"{rows} rows are repeated to make {FEWEST_ROWS}: alert_rate will be met but roughly; give more rows",
        UserWarning,
        stacklevel=3,
    )
    return table.iloc[np.resize(np.arange(rows), FEWEST_ROWS)]

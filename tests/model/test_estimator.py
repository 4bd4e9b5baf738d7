"""The estimator among scikit-learn's tools. TensorFlow runs in one other process, which tells what it saw as JSON."""

import inspect
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError

from eddy.model.config import DEFAULTS, ConfigError, TrainingConfig
from eddy.model.data.conversion import columns_of
from eddy.model.estimator import CHECKS_THAT_DO_NOT_APPLY, TransactionOutlierDetector, average_precision
from eddy.model.serving.artifact import ArtifactStore
from tests.places import ROOT

WITH_NETWORKS = (
    *CHECKS_THAT_DO_NOT_APPLY,
    "check_estimators_pickle",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
)
SCRIPT = r"""
import copy, io, json, pickle, sys, warnings
from datetime import UTC, datetime
from pathlib import Path
import joblib
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.estimator import CHECKS_THAT_DO_NOT_APPLY, TransactionOutlierDetector, average_precision
from eddy.model.data.schema_inference import infer
from eddy.model.config import TrainingConfig
from eddy.model.data.conversion import columns_of
from eddy.model.training.train import train

here, outcomes, WITH_NETWORKS = Path(sys.argv[1]), {}, sys.argv[2:]
tf.config.run_functions_eagerly(True)  # for a handful of steps compiling takes longer than running
warnings.simplefilter("ignore")
fast = dict(steps=2, members=1, hidden=(4,), bottleneck=1, alert_rate=0.1)

# scikit-learn's labels of many classes mean nothing here: as its own detectors do, no label is looked at.
# With clusters, since most checks are not about networks and there are dozens of trainings; some follow with networks.
checks = check_estimator(TransactionOutlierDetector(keep_labelled=True, clusters=2, alert_rate=0.1), on_fail=None,
                          on_skip=None, expected_failed_checks=CHECKS_THAT_DO_NOT_APPLY)
outcomes["checks"] = [(r["check_name"], r["status"], str(r["exception"])) for r in checks]

class Renamed(TransactionOutlierDetector):
    "Without a parameter of the name that scikit-learn takes for the share of rows to flag."
    def __init__(self, steps=2, members=1, hidden=(4,), alert_rate=0.1, keep_labelled=True):
        self.steps, self.members, self.hidden, self.alert_rate = steps, members, hidden, alert_rate
        self.keep_labelled, self.schema = keep_labelled, None

outcomes["with networks"] = {}
for name in WITH_NETWORKS:
    try:
        getattr(estimator_checks, name)("Renamed", Renamed())
        outcomes["with networks"][name] = "passed"
    except Exception as error:
        outcomes["with networks"][name] = repr(error)

table = pd.read_parquet(here / "table.parquet")
X, y = table.drop(columns="is_fraud"), table["is_fraud"].to_numpy()
steps = dict(steps=40, members=1, random_state=3)
detector = TransactionOutlierDetector(**steps, alert_rate=0.01).fit(X, y)
outcomes["scores"] = detector.score_samples(X).tolist()
outcomes["decisions"], outcomes["offset"] = detector.decision_function(X).tolist(), detector.offset_
outcomes["verdicts"] = detector.predict(X).tolist()
outcomes["rarities"] = detector.rarity(X).tolist()
outcomes["explained"] = detector.explain(X).sum(axis=1).tolist()
outcomes["explained_columns"] = list(detector.explain(X).columns)
outcomes["names"] = list(detector.feature_names_in_)
again = TransactionOutlierDetector(**steps, alert_rate=0.01)
outcomes["minus"] = again.fit(X, np.where(y == 1, -1, 1)).score_samples(X).tolist()
outcomes["column"] = again.fit(table).score_samples(table).tolist()

for name, copied in (("pickle", pickle.loads(pickle.dumps(detector))), ("copy", copy.deepcopy(detector))):
    outcomes[name] = copied.score_samples(X).tolist()
joblib.dump(detector, here / "detector.joblib")
outcomes["joblib"] = joblib.load(here / "detector.joblib").score_samples(X).tolist()

outcomes["version"] = detector.save(here / "store", datetime(2026, 3, 1, tzinfo=UTC))
trained = train(table, infer(table), ArtifactStore(here / "trained"), datetime(2026, 3, 1, tzinfo=UTC),
                TrainingConfig(steps=40, members=1, seed=3, alert_rate=0.01))
outcomes["trained"] = trained.version

numbers = X.select_dtypes("number").to_numpy().copy()
numbers[::50, 1] = np.nan
quick = TransactionOutlierDetector(**fast)
folds = StratifiedKFold(2, shuffle=True, random_state=0)
outcomes["pipeline"] = make_pipeline(StandardScaler(), quick).fit(numbers).predict(numbers).tolist()
outcomes["validation"] = cross_val_score(quick, X, y, cv=folds, scoring=average_precision).tolist()
found = GridSearchCV(quick, {"contamination": [0.0, 0.01]}, cv=folds, scoring=average_precision).fit(X, y)
outcomes["search"] = found.cv_results_["mean_test_score"].tolist()
outcomes["best"] = found.best_estimator_.predict(X).tolist()

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    quick.fit(numbers[:100])
    outcomes["warnings"] = [str(w.message) for w in caught if "rows" in str(w.message)]
(here / "outcomes.json").write_text(json.dumps(outcomes))
"""


def transactions(rows: int = 1_500) -> pd.DataFrame:
    """Two amounts that go together, but not in frauds; a category; some values missing."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=rows)
    second = first + 0.1 * rng.normal(size=rows)
    fraud = np.arange(rows) % 50 == 7
    second[fraud] = rng.normal(size=fraud.sum())
    return pd.DataFrame(
        {
            "amount": np.exp(first),
            "fee": np.where(rng.random(rows) < 0.03, np.nan, second),
            "age": rng.normal(size=rows),
            "shop": rng.choice(["bakery", "fuel", None], rows, p=[0.6, 0.3, 0.1]),
            "is_fraud": fraud.astype(int),
        }
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimator")
    transactions().to_parquet(path / "table.parquet")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), *WITH_NETWORKS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return path


@pytest.fixture(scope="module")
def outcomes(here: Path) -> dict[str, Any]:
    found = json.loads((here / "outcomes.json").read_text())
    assert isinstance(found, dict)
    return found


def test_scikit_learns_own_checks_pass_but_for_those_that_cannot_hold(outcomes: dict[str, Any]) -> None:
    assert len(outcomes["checks"]) > 40
    assert [check for check in outcomes["checks"] if check[1] == "failed"] == []
    excused = {name for name, status, _ in outcomes["checks"] if status == "xfail"}
    assert excused <= CHECKS_THAT_DO_NOT_APPLY.keys()


@pytest.mark.parametrize("check", WITH_NETWORKS)
def test_what_is_excused_passes_where_no_parameter_is_called_contamination(
    outcomes: dict[str, Any], check: str
) -> None:
    """And what could depend on networks passes with them."""
    assert outcomes["with networks"][check] == "passed"


def test_higher_is_more_normal_and_below_zero_is_flagged(outcomes: dict[str, Any]) -> None:
    fraud = transactions()["is_fraud"] == 1
    scores, decisions, verdicts = (np.array(outcomes[name]) for name in ("scores", "decisions", "verdicts"))
    assert np.median(scores[fraud]) < np.median(scores[~fraud])
    np.testing.assert_array_equal(verdicts, np.where(decisions < 0, -1, 1))
    np.testing.assert_array_equal(scores - outcomes["offset"], decisions)


def test_the_alert_rate_is_that_of_normal_rows(outcomes: dict[str, Any]) -> None:
    normal = transactions()["is_fraud"] == 0
    assert 0.003 < np.mean(np.array(outcomes["verdicts"])[normal] == -1) < 0.03


def test_verdicts_and_scores_are_those_of_the_artifact_that_was_saved(here: Path, outcomes: dict[str, Any]) -> None:
    store = ArtifactStore(here / "store")
    assert store.active() == outcomes["version"]
    detector = store.detector(outcomes["version"])
    verdicts = detector.detect(columns_of(transactions(), detector.schema))
    np.testing.assert_array_equal(-verdicts.score, outcomes["scores"])
    np.testing.assert_array_equal(np.where(verdicts.anomalous, -1, 1), outcomes["verdicts"])
    np.testing.assert_array_equal(verdicts.rarity, outcomes["rarities"])


def test_what_is_saved_scores_as_what_is_trained_from_the_command_line(outcomes: dict[str, Any]) -> None:
    assert outcomes["trained"] == outcomes["version"], "the graph is another"


def test_labels_in_either_convention_or_as_a_column_leave_the_same_rows_out(outcomes: dict[str, Any]) -> None:
    assert outcomes["scores"] == outcomes["minus"] == outcomes["column"]


def test_contributions_add_up_to_the_score(outcomes: dict[str, Any]) -> None:
    np.testing.assert_allclose(outcomes["explained"], -np.array(outcomes["scores"]), rtol=1e-4)
    assert outcomes["explained_columns"] == ["amount", "fee", "age", "shop"]


def test_columns_are_remembered_by_name(outcomes: dict[str, Any]) -> None:
    assert outcomes["names"] == ["amount", "fee", "age", "shop"]


@pytest.mark.parametrize("way", ["pickle", "copy", "joblib"])
def test_a_fitted_detector_can_be_kept(outcomes: dict[str, Any], way: str) -> None:
    assert outcomes[way] == outcomes["scores"]


def test_it_works_in_a_pipeline_in_cross_validation_and_in_a_search(outcomes: dict[str, Any]) -> None:
    assert set(outcomes["pipeline"]) == {-1, 1}
    assert len(outcomes["validation"]) == len(outcomes["search"]) == 2
    assert all(0 < value <= 1 for value in (*outcomes["validation"], *outcomes["search"]))
    assert len(outcomes["best"]) == len(transactions())


def test_a_small_table_is_accepted_with_a_warning(outcomes: dict[str, Any]) -> None:
    assert len(outcomes["warnings"]) == 1
    assert "100 rows" in outcomes["warnings"][0]
    assert "500" in outcomes["warnings"][0]


def test_every_setting_of_training_is_a_parameter_with_the_same_default() -> None:
    parameters = inspect.signature(TransactionOutlierDetector).parameters
    renamed = {"score": "score_kind", "seed": "random_state"}
    for setting in fields(TrainingConfig):
        name = renamed.get(setting.name, setting.name)
        assert parameters[name].default == getattr(DEFAULTS, setting.name), name


def test_a_clone_has_the_same_settings() -> None:
    detector = TransactionOutlierDetector(contamination=0.0, hidden=(8, 4), alert_rate=0.02)
    assert clone(detector).get_params() == detector.get_params()


@pytest.mark.parametrize(
    ("y", "said"),
    [(np.arange(600) % 3, "3 values"), (np.array(["fraud", "fine"] * 300), "2 values"), (np.zeros(10), "inconsistent")],
)
def test_labels_that_can_be_read_in_no_way_are_refused(y: np.ndarray[Any, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TransactionOutlierDetector().fit(np.random.default_rng(0).normal(size=(600, 2)), y)
    assert "tensorflow" not in sys.modules


def test_a_setting_that_cannot_be_is_refused_at_fit() -> None:
    with pytest.raises(ConfigError, match="contamination"):
        TransactionOutlierDetector(contamination=0.7).fit(np.zeros((600, 2)))


def test_nothing_can_be_asked_before_fit() -> None:
    for ask in ("predict", "score_samples", "decision_function", "rarity", "explain"):
        with pytest.raises(NotFittedError):
            getattr(TransactionOutlierDetector(), ask)(np.zeros((2, 2)))
    with pytest.raises(NotFittedError):
        TransactionOutlierDetector().save("nowhere")


def test_the_scorer_ranks_other_detectors_too_in_both_conventions_of_labels() -> None:
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(200, 2)), rng.normal(6, 1, size=(10, 2))])
    strange = np.arange(210) >= 200
    forest = IsolationForest(random_state=0).fit(X)
    assert average_precision(forest, X, strange) > 0.8
    assert average_precision(forest, X, np.where(strange, -1, 1)) == average_precision(forest, X, strange)

"""The ablation tries the right settings, and compares them by their top rows and by labels."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.features import fit
from eddy.model.schema.schema import Columns, TransactionSchema
from eddy.model.training.ablation import (
    CHOSEN,
    AblationRun,
    EvaluationSet,
    ablate,
    compare_scores,
    quick_config,
    runs_to_compare,
)
from tests.places import ROOT

MakeTable = Callable[..., pd.DataFrame]
CLUSTERS = TrainingConfig(clusters=2)
"""Needs no TensorFlow, and so no process of its own."""
TWO = [AblationRun(CHOSEN, DEFAULTS), AblationRun("other", DEFAULTS)]

SIDE_BY_SIDE = """
import numpy as np
from dataclasses import replace
from eddy.model.components.autoencoder import Autoencoder, _trimmed
from eddy.model.training.ablation import EvaluationSet, ablate
from eddy.model.config import TrainingConfig
from eddy.model.data.schema_inference import infer
from eddy.model.data.conversion import columns_of
from eddy.model.training.ablation import train_side_by_side
from eddy.producer.synthetic import SyntheticStream
import pandas as pd

rng = np.random.default_rng(0)
line = rng.normal(size=(600, 1)) @ rng.normal(size=(1, 4)) + rng.normal(size=(600, 4)) / 9
rows = np.zeros((3, 600, 4), np.float32)
rows[0], rows[1, :, :2], rows[2] = line, line[:, :2], line
network = Autoencoder([4, 2, 4], seed=1)
history = network.fit(rows, rows[:, :100], 800, 64, trim=[0.05, 0.05, 0.0])
assert history[-1].held_out_loss < 0.5 * history[0].held_out_loss, history
answer = network.reconstruct(rows)
assert np.abs(rows - answer).mean(axis=(1, 2)).max() < 0.5 * np.abs(rows[0]).mean()
assert (answer[1, :, 2:] == 0).all(), "a narrower member has grown beyond its features"
sizes = [np.count_nonzero(np.abs(layer.weights).sum(axis=1)) for layer in network.members()[1]]
assert sizes == [2, 3, 2, 1, 2, 3], sizes

missed = np.arange(8.0, dtype=np.float32)[:, None, None] * np.ones((1, 3, 4), np.float32)
losses = np.asarray(_trimmed("huber", [0.0, 0.25, 0.5])(missed, np.zeros_like(missed)))
assert np.count_nonzero(losses[1:], axis=0).tolist() == [7, 5, 3], losses

chunk = next(SyntheticStream(seed=1, cards=50).chunks(count=900, size=900))
table = pd.DataFrame(chunk.columns)
schema = infer(table)
columns = columns_of(table, schema)
config = TrainingConfig(steps=60, batch=64)
shares = []
evaluation_set = EvaluationSet(columns[700:], columns[:20], 0.01)
first, again = (ablate(columns[:700], evaluation_set, schema, config, shares.append) for _ in range(2))
assert first == again
assert [each.run.name for each in first.comparisons][:2] == ["as chosen", "contamination 0"]
assert first.steps == 60 and all(0 <= each.agreement <= 1 for each in first.comparisons)
assert shares[: len(shares) // 2] == sorted(shares[: len(shares) // 2]) and shares[-1] == 1.0
textbook = replace(config, score="mse", network_input="standardised", members=1)
scoring = train_side_by_side(columns[:700], columns[700:], schema, [textbook], 2, print)
assert np.isfinite([score(columns[:50]) for score in scoring[0]]).all()
"""


@pytest.fixture(scope="module")
def anomalous(columns: Columns) -> Columns:
    """Rows that are plainly anomalous."""
    some = columns[:40]
    return Columns(some.numeric * 50.0, some.categorical, some.timestamp)


def test_each_group_that_makes_a_feature_is_left_out_once(columns: Columns, schema: TransactionSchema) -> None:
    groups = fit.fit(columns, schema).groups
    assert groups == ("numbers", "missing", "amount", "amount_by_category", "categories", "hour_by_category")
    chosen = runs_to_compare(DEFAULTS, groups)
    assert [variant.name for variant in chosen[:2]] == ["as chosen", "contamination 0"]
    assert chosen[0].config == DEFAULTS
    assert [variant.without for variant in chosen[2:]] == list(groups)
    for variant in chosen[2:]:
        left = fit.fit(columns, schema, variant.config.features).groups
        assert left == tuple(group for group in groups if group != variant.without)
        others = (group for group in groups if group != variant.without)
        assert variant.option == f"--features {','.join(others)}"
        assert replace(variant.config, features=None) == DEFAULTS


def test_groups_that_were_not_chosen_are_not_tried_and_one_alone_is_not_left_out(
    columns: Columns, schema: TransactionSchema
) -> None:
    used = fit.fit(columns, schema, ("amount", "hour")).groups
    assert used == ("amount", "hour")
    assert [variant.without for variant in runs_to_compare(DEFAULTS, used)] == ["", "", "amount", "hour"]
    assert len(runs_to_compare(DEFAULTS, ("amount",))) == 2


def test_rows_that_were_said_to_be_clean_are_tried_as_contaminated() -> None:
    clean = replace(DEFAULTS, contamination=0.0)
    other = runs_to_compare(clean, ("numbers",))[1]
    assert (other.name, other.option, other.config.contamination) == (
        "contamination 0.01",
        "--contamination 0.01",
        0.01,
    )


def test_quick_models_have_one_network_and_a_sixth_of_the_steps() -> None:
    quick = quick_config(DEFAULTS)
    assert (quick.members, quick.steps, quick.batch) == (1, 500, 256)
    assert quick_config(replace(DEFAULTS, steps=600)).steps == 300
    assert quick_config(replace(DEFAULTS, steps=40)).steps == 40


def test_agreement_with_the_same_scores_is_one_and_with_others_less() -> None:
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(size=3_000), rng.normal(3, 1, 30)
    same = compare_scores(TWO, [[(normal, anomalous), (normal, anomalous)]] * 2, 0.01, 0, 0)
    assert [(each.agreement, round(each.correlation, 9)) for each in same.comparisons] == [(1.0, 1.0)] * 2
    turned = (-normal, -anomalous)
    other = compare_scores(TWO, [[(normal, anomalous), (normal, anomalous)], [turned, turned]], 0.01, 0, 0).comparisons[
        1
    ]
    assert (other.agreement, round(other.correlation, 9)) == (0.0, -1.0)


def test_anomalies_count_at_their_share_of_the_table() -> None:
    """All top rows are anomalies when they are many, none of 1,000 when they are one in a million."""
    normal, anomalous = np.arange(1_000.0), np.arange(2_000.0, 3_000.0)
    scores = [[(normal, anomalous)] * 2, [(normal, anomalous - 1_999.5)] * 2]
    often, seldom = (compare_scores(TWO, scores, share, 0, 0).comparisons[1] for share in (0.5, 1e-6))
    assert often.agreement < 0.6
    assert seldom.agreement > 0.99
    assert often.average_precision is not None
    assert seldom.average_precision is not None
    assert seldom.average_precision < 0.01 < often.average_precision


def test_differences_that_seeds_make_are_chance() -> None:
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(size=1_000), rng.normal(2, 1, 20)
    steady = compare_scores(TWO, [[(normal, anomalous)] * 2] * 2, 0.02, 0, 0)
    shaken = compare_scores(TWO, [[(normal, anomalous), (normal, anomalous - 1)]] * 2, 0.02, 0, 0)
    assert steady.chance == 0.02
    assert shaken.chance > 0.1


def test_too_few_anomalies_give_no_average_precision() -> None:
    normal = np.arange(100.0)
    for count in (0, 9):
        few = compare_scores(TWO, [[(normal, np.arange(float(count)))] * 2] * 2, 0.01, 0, 0)
        assert [each.average_precision for each in few.comparisons] == [None, None]
        assert few.comparisons[1].agreement == 1.0


def test_labels_show_which_group_finds_anomalies(
    columns: Columns, schema: TransactionSchema, anomalous: Columns
) -> None:
    config = replace(CLUSTERS, features=("numbers", "categories"))
    result = ablate(columns[500:], EvaluationSet(columns[:500], anomalous, 0.01), schema, config)
    found = {each.run.name: each.average_precision for each in result.comparisons}
    assert found["as chosen"] is not None
    assert found["without numbers"] is not None
    assert found["without numbers"] < 0.2 < 0.7 < found["as chosen"]
    assert (result.rows, result.steps, result.times) == (2_500, 0, 4)


def test_networks_are_trained_side_by_side_each_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

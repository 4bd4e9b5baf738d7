"""How well anomalies are found in tables of categories only: `python -m benchmarks.nominal --data DIR`.

Beside Eddy's default, on the same rows: an isolation forest on one-hot columns (levels of fewer than 20 rows as one),
the sum of -log p of the levels, and the method of ECOD (Li et al., 2022) on -log p. Sets: the categories of the
synthetic stream and of DIR/sparkov_seed11.parquet, left out where it is missing, and invented profiles, in which
anomalies differ from normal rows in what goes together alone. "clean" training rows, or "natural" ones with anomalies
among them. Average precision at the true share of anomalies, means over seeds. Ends with 1 unless Eddy has the best
mean.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import OneHotEncoder

from eddy.model.config import TrainingConfig
from eddy.model.evaluation.metrics import average_precision
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.training.fit import learn
from eddy.producer.synthetic import SyntheticStream

Levels = NDArray[np.object_]
Table = tuple[Levels, NDArray[np.bool_]]
Floats = NDArray[np.float64]

TRAIN_ROWS, TEST_ROWS, FRAUDS = 20_000, 30_000, 0.01
SPARKOV = "sparkov_seed11.parquet"


def stream(seed: int) -> Table:
    """The categories of the synthetic stream."""
    columns = ["currency", "category", "merchant_id", "country", "channel", "verification"]
    chunks = SyntheticStream(seed=seed, fraud=FRAUDS).chunks(TRAIN_ROWS + TEST_ROWS)
    table = pd.concat([chunk.table() for chunk in chunks])
    return table[columns].astype(str).to_numpy(np.object_), table["is_fraud"].to_numpy(np.bool_)


def profiles(seed: int) -> Table:
    """Ten fields of eight levels; which are usual depends on one of 20 profiles; anomalies mix two of them."""
    rng = np.random.default_rng(seed)
    fields, rows = 10, TRAIN_ROWS + TEST_ROWS
    shares = rng.dirichlet(np.full(8, 0.1), (20, fields)).cumsum(axis=2)
    anomalous = rng.random(rows) < FRAUDS
    first, second = rng.integers(0, 20, (2, rows))
    mixed = np.where(anomalous[:, None] & (rng.random((rows, fields)) < 0.5), second[:, None], first[:, None])
    drawn = (rng.random((rows, fields, 1)) > shares[mixed, np.arange(fields)]).sum(axis=2)
    return drawn.astype(str).astype(np.object_), anomalous


def sparkov(path: Path) -> Callable[[int], Table]:
    """Categories of Sparkov's payments, an hour of the day among them."""

    def load(seed: int) -> Table:
        table = pd.read_parquet(path).sample(TRAIN_ROWS + TEST_ROWS, random_state=seed)
        table["hour"] = table["t"] // 3_600 % 24
        columns = ["category", "hour", "gender", "state", "job"]
        return table[columns].astype(str).to_numpy(np.object_), table["y"].to_numpy() != 0

    return load


def eddy(train: Levels, test: Levels, seed: int) -> Floats:
    schema = TransactionSchema(tuple(Field(f"c{i}", Kind.CATEGORICAL) for i in range(train.shape[1])))
    detector = learn(_columns(train), schema, TrainingConfig(seed=seed)).detector()
    return detector.detect(_columns(test)).score


def _columns(levels: Levels) -> Columns:
    return Columns(np.empty((len(levels), 0)), levels, np.empty((len(levels), 0)))


def isolation_forest(train: Levels, test: Levels, seed: int) -> Floats:
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20).fit(train)
    forest = IsolationForest(random_state=seed).fit(encoder.transform(train))
    return np.asarray(-forest.score_samples(encoder.transform(test)))


def surprisals(train: Levels, test: Levels, _seed: int = 0) -> Floats:
    """The sum of -log p(level), half a row for levels never seen."""
    return np.asarray(_by_field(train, test).sum(axis=1))


def ecod(train: Levels, test: Levels, _seed: int = 0) -> Floats:
    """The largest of the sums of -log of left, right and by skewness chosen tails, of each level's -log p."""
    known, new = _by_field(train, train), _by_field(train, test)
    ordered = np.sort(known, axis=0)
    tails = []
    for field in range(known.shape[1]):
        left = np.searchsorted(ordered[:, field], new[:, field], "right")
        right = len(known) - np.searchsorted(ordered[:, field], new[:, field], "left")
        tails.append(-np.log(np.maximum(np.array([left, right]), 0.5) / len(known)))
    both = np.array(tails)  # [fields, 2, rows]
    skewed = np.where((pd.DataFrame(known).skew().to_numpy() < 0)[:, None], both[:, 0], both[:, 1])
    return np.asarray(np.max([both[:, 0].sum(axis=0), both[:, 1].sum(axis=0), skewed.sum(axis=0)], axis=0))


def _by_field(train: Levels, test: Levels) -> Floats:
    out = np.empty(test.shape)
    for field in range(test.shape[1]):
        shares = pd.Series(train[:, field]).value_counts(normalize=True)
        out[:, field] = -np.log(pd.Series(test[:, field]).map(shares).fillna(0.5 / len(train)))
    return out


WAYS: dict[str, Callable[[Levels, Levels, int], Floats]] = {
    "eddy": eddy,
    "isolation forest, one-hot": isolation_forest,
    "sum of -log p": surprisals,
    "ecod": ecod,
}


def measure(table: Table, natural: bool, seed: int) -> dict[str, float]:
    levels, anomalous = table
    past = np.arange(len(levels)) < TRAIN_ROWS
    train, test = levels[past & (natural | ~anomalous)], levels[~past]
    return {name: average_precision(way(train, test, seed), anomalous[~past]) for name, way in WAYS.items()}


def rows(sets: dict[str, Callable[[int], Table]], seeds: range) -> Iterator[dict[str, float]]:
    for name, load in sets.items():
        for natural in (False, True):
            found = [measure(load(seed), natural, seed) for seed in seeds]
            means = {way: float(np.mean([each[way] for each in found])) for way in WAYS}
            _line(f"{name:10} {'natural' if natural else 'clean':8}", means)
            yield means


def _line(head: str, means: dict[str, float]) -> None:
    print(f"{head:20}" + "".join(f"{value:26.3f}" for value in means.values()), flush=True)


def main() -> int:
    given = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    given.add_argument("--data", type=Path, default=Path(), help=f"folder with {SPARKOV}")
    given.add_argument("--seeds", type=int, default=2)
    options = given.parse_args()
    sets: dict[str, Callable[[int], Table]] = {"stream": stream, "profiles": profiles}
    if (options.data / SPARKOV).is_file():
        sets["sparkov"] = sparkov(options.data / SPARKOV)
    else:
        print(f"missing: {SPARKOV}; its rows are left out", file=sys.stderr)
    print(" " * 20 + "".join(f"{name:>26}" for name in WAYS))
    every = list(rows(sets, range(options.seeds)))
    mean = {name: float(np.mean([each[name] for each in every])) for name in WAYS}
    _line("mean", mean)
    ahead = all(mean["eddy"] > mean[name] for name in WAYS if name != "eddy")
    print("ahead of every other method" if ahead else "NOT ahead of every other method")
    return 0 if ahead else 1


if __name__ == "__main__":
    sys.exit(main())

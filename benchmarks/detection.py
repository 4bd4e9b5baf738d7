"""How well anomalies are found: `python -m benchmarks.detection --data DIR`, beside what one would have used instead.

DIR holds labelled tables (those that are missing are named): matrices as .npz with X and y, streams as Parquet. Others
are made here: the synthetic stream, and `benchmarks/invented.py`. Two tables are printed. The first has the settings
named in it, against what such settings should reach. The second has every method with its defaults on every set, equal
weight: in the mean of every group Eddy should be ahead of each. Ends with 1 where it is not.

Tables without time: half of the normal rows train, the other half and the anomalies test; "clean" training rows, or
"natural" ones, among which half of the anomalies are left. With time: the past trains, what comes after tests. Figures
are average precision at the true share of anomalies, means over seeds. To take minutes, not hours, at most 30,000 rows
train and 40,000 test, drawn at random, the same for all methods.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import invented
from eddy.model.config import TrainingConfig
from eddy.model.data.conversion import columns_of
from eddy.model.data.sampling import read_table
from eddy.model.data.schema_inference import infer
from eddy.model.evaluation import baselines
from eddy.model.evaluation.metrics import average_precision
from eddy.model.features import fit
from eddy.model.training.fit import learn
from eddy.model.training.prepare import prepare
from eddy.producer.synthetic import SyntheticStream

TRAIN_ROWS, TEST_ROWS, STREAM_ROWS = 30_000, 40_000, 100_000
GROUPS = ("tables", "payments", "invented")
OURS = "eddy"
OTHERS = ("isolation forest", "k nearest neighbours", "local outlier factor", "pca", "mse autoencoder")

Rows = NDArray[np.intp]
Split = Callable[[pd.DataFrame, NDArray[np.bool_], bool, int], tuple[Rows, Rows]]


@dataclass(frozen=True)
class Set:
    """A labelled table: its file, or how it is made; its label, how it is split, and what nobody may see."""

    name: str
    group: str
    source: str | Callable[[], pd.DataFrame]
    label: str
    split: Split
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What named settings should reach on a set."""

    set: str
    natural: bool
    settings: str
    config: TrainingConfig
    reach: float


@dataclass(frozen=True)
class Case:
    """Rows to train on and rows to score."""

    train: pd.DataFrame
    test: pd.DataFrame
    label: str
    truth: NDArray[np.bool_]


def halves(_table: pd.DataFrame, anomalous: NDArray[np.bool_], natural: bool, seed: int) -> tuple[Rows, Rows]:
    """Half of the normal rows to train, with half of the anomalies if natural; all others to test."""
    rng = np.random.default_rng(seed)
    normal, odd = rng.permutation(np.flatnonzero(~anomalous)), rng.permutation(np.flatnonzero(anomalous))
    kept = len(odd) // 2 if natural else 0
    half = len(normal) // 2
    return np.r_[normal[:half], odd[:kept]], np.r_[normal[half:], odd[kept:]]


def past_and_future(time: str) -> Split:
    """From the 12 % quantile of time to the 60 % to train, after the 62 % to test."""

    def split(table: pd.DataFrame, anomalous: NDArray[np.bool_], natural: bool, _seed: int) -> tuple[Rows, Rows]:
        share = table[time].rank(pct=True).to_numpy()
        past = (share >= 0.12) & (share < 0.60) & (natural | ~anomalous)
        return np.flatnonzero(past), np.flatnonzero(share >= 0.62)

    return split


def stream() -> pd.DataFrame:
    return pd.concat([chunk.table() for chunk in SyntheticStream(fraud=0.005).chunks(STREAM_ROWS)], ignore_index=True)


MATRICES = ("creditcard_rounded", "thyroid", "pendigits", "mammography", "campaign", "shuttle", "donors")
SETS = (
    *(Set(name, "tables", f"{name}.npz", "y", halves) for name in MATRICES),
    Set("sparkov", "payments", "sparkov_seed11.parquet", "y", past_and_future("t")),
    Set(
        "handbook",
        "payments",
        "handbook_days_000_106.parquet",
        "TX_FRAUD",
        past_and_future("TX_DATETIME"),
        ("TX_FRAUD_SCENARIO",),
    ),
    Set("stream", "payments", stream, "is_fraud", past_and_future("event_time"), ("fraud_kind",)),
    *(Set(make.__name__, "invented", partial(invented.table, make), "y", halves) for make in invented.MAKERS),
)

NETWORK, BOTH = TrainingConfig(parts="network"), TrainingConfig(parts="both")
CLEAN_NETWORK = replace(NETWORK, contamination=0.0)
MORE_TRIMMED = replace(BOTH, contamination=0.03)
CLAIMS = (
    Claim("creditcard_rounded", True, "network", NETWORK, 0.15),
    Claim(
        "creditcard_rounded", False, "network, contamination 0, hidden 58", replace(CLEAN_NETWORK, hidden=(58,)), 0.35
    ),
    Claim("thyroid", False, "both, contamination 0.03", MORE_TRIMMED, 0.82),
    Claim("thyroid", True, "both, contamination 0.03", MORE_TRIMMED, 0.60),
    Claim("pendigits", False, "network, contamination 0", CLEAN_NETWORK, 0.60),
    Claim("pendigits", False, "32 clusters, contamination 0", replace(CLEAN_NETWORK, clusters=32), 0.88),
    Claim("mammography", False, "both", BOTH, 0.33),
    Claim("mammography", True, "both", BOTH, 0.22),
)


def case(table: pd.DataFrame, which: Set, natural: bool, seed: int) -> Case:
    """One split of a set, thinned out to what every method can take."""
    anomalous = table[which.label].to_numpy() != 0
    rng = np.random.default_rng(seed)
    train, test = (rng.permutation(rows) for rows in which.split(table, anomalous, natural, seed))
    train, test = np.sort(train[:TRAIN_ROWS]), np.sort(test[:TEST_ROWS])
    return Case(table.iloc[train], table.iloc[test], which.label, anomalous[test])


def eddy(found: Case, config: TrainingConfig) -> float:
    """Average precision of Eddy: the code of `eddy train` and `eddy score`, labels out of its sight."""
    unlabelled = found.train.drop(columns=found.label)
    rows = prepare(unlabelled, infer(unlabelled), config)
    detector = learn(rows.columns, rows.schema, config).detector()
    return average_precision(detector.detect(columns_of(found.test, rows.schema)).score, found.truth)


def others(found: Case, seed: int) -> dict[str, float]:
    """Average precision of each baseline, on Eddy's features of the same rows."""
    unlabelled = found.train.drop(columns=found.label)
    rows = prepare(unlabelled, infer(unlabelled))
    encoder = fit.fit(rows.columns, rows.schema)
    train, test = encoder.encode(rows.columns), encoder.encode(columns_of(found.test, rows.schema))
    return {name: average_precision(baselines.scores(name, train, test, seed), found.truth) for name in OTHERS}


def tables(data: Path, names: Sequence[str]) -> Iterator[tuple[Set, pd.DataFrame]]:
    for which in SETS:
        if names and which.name not in names:
            continue
        if not isinstance(which.source, str):
            yield which, which.source().drop(columns=[*which.hidden])
        elif (path := data / which.source).is_file():
            yield which, read_table(path).drop(columns=[*which.hidden])
        else:
            print(f"missing: {which.source}; its rows are left out", file=sys.stderr)


def claims(which: Set, table: pd.DataFrame, seeds: range) -> Iterator[bool]:
    """Prints what was reached, and says of each claim whether it holds."""
    for claim in CLAIMS:
        if claim.set != which.name:
            continue
        found = [eddy(case(table, which, claim.natural, seed), replace(claim.config, seed=seed)) for seed in seeds]
        reached = float(np.mean(found)) >= claim.reach
        verdict, each = "reached" if reached else "MISSED", ", ".join(f"{value:.3f}" for value in found)
        head = f"{which.name:20} {_condition(claim.natural):8} {claim.settings:36}"
        print(f"{head} {np.mean(found):6.3f}  {claim.reach:6.2f}   {verdict}   ({each})", flush=True)
        yield reached


def defaults(which: Set, table: pd.DataFrame, seeds: range) -> Iterator[tuple[bool, dict[str, float]]]:
    """Prints, and gives, every method's average precision with its defaults, clean and natural."""
    for natural in (False, True):
        runs = []
        for seed in seeds:
            found = case(table, which, natural, seed)
            runs.append({OURS: eddy(found, TrainingConfig(seed=seed))} | others(found, seed))
        means = _means(runs)
        share = float(found.truth.mean())
        _line(f"{which.name:20} {_condition(natural):8} {share:7.2%}", means)
        yield natural, means


def _condition(natural: bool) -> str:
    return "natural" if natural else "clean"


def _line(head: str, means: dict[str, float]) -> None:
    print(head + "".join(f"{value:22.3f}" for value in means.values()), flush=True)


def main() -> int:
    given = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    given.add_argument("--data", type=Path, required=True, help="folder with the labelled tables")
    given.add_argument("--seeds", type=int, default=2)
    given.add_argument("--sets", nargs="*", default=(), help="only these")
    options = given.parse_args()
    found, seeds, begun = list(tables(options.data, options.sets)), range(options.seeds), time.monotonic()
    if not found:
        print(f"no such set: choose among {', '.join(which.name for which in SETS)}", file=sys.stderr)
        return 2
    print(f"average precision, mean of {options.seeds} seeds\n")
    print("set                  rows     settings                             reached   reach")
    held = [reached for which, table in found for reached in claims(which, table, seeds)]
    print(f"\ndefaults{'':20} share" + "".join(f"{name:>22}" for name in (OURS, *OTHERS)))
    every = [(which.group, *each) for which, table in found for each in defaults(which, table, seeds)]
    ahead = [_ahead(group, [(natural, means) for of, natural, means in every if of == group]) for group in GROUPS]
    print(
        f"\n{sum(held)} of {len(held)} reached; {'ahead of' if all(ahead) else 'NOT ahead of'} every other method;",
        end=" ",
    )
    print(f"{(time.monotonic() - begun) / 60:.0f} minutes")
    return 0 if all(ahead) and all(held) else 1


def _ahead(group: str, found: Sequence[tuple[bool, dict[str, float]]]) -> bool:
    """Prints the means of a group of sets; whether Eddy is ahead of every other method, clean and natural together."""
    for condition in (False, True):
        of = [means for natural, means in found if natural == condition]
        if of:
            _line(f"mean of {group:12} {_condition(condition):8} {'':7}", _means(of))
    total = _means([means for _, means in found]) if found else {}
    return all(total[OURS] > total[name] for name in OTHERS if total)


def _means(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([run[name] for run in runs])) for name in (OURS, *OTHERS)}


if __name__ == "__main__":
    sys.exit(main())

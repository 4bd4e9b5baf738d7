"""Trains small models and measures what any score must satisfy; a process of its own, because TensorFlow is.

`python measure_sanity.py FILE` writes the figures as JSON, by choice of `--parts`. Networks learn once for each table;
what the choices differ in is put together from them.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
from sklearn.metrics import average_precision_score

from eddy.model.components.autoencoder import Autoencoder
from eddy.model.config import Parts, TrainingConfig
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.training.assemble import assemble
from eddy.model.training.fit_calibration import calibrate
from eddy.model.training.preprocessing import fit_preprocessing
from eddy.model.training.split import split

Floats = np.ndarray[Any, np.dtype[np.float64]]
Measured = dict[str, float]

CHOICES = get_args(Parts)
CONFIG = TrainingConfig(members=1, steps=100, batch=128)
ROWS, FRESH_ROWS, PROBED = 3_000, 4_000, 100
KINDS = 4
FAR = 1_000.0
TABLES = ((500, 5, 12), (1_000, 300, 3), (20_000, 30, 3))
"""Rows, columns, and how many such tables: of few rows each says little."""


def numbers(rows: int, width: int, seed: int) -> Floats:
    """Columns by turns normal, heavy-tailed, sparse and discrete; the normal ones have two factors in common."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).normal(size=(2, width))
    normal = rng.normal(size=(rows, 2)) @ loadings + rng.normal(size=(rows, width))
    heavy = rng.lognormal(3.0, 1.0, (rows, width))
    sparse = np.where(rng.random((rows, width)) < 0.97, 0.0, rng.exponential(10.0, (rows, width)))
    discrete = rng.poisson(2.0, (rows, width)).astype(np.float64)
    return np.choose(np.arange(width) % KINDS, [normal, heavy, sparse, discrete])


def columns(values: Floats, seed: int) -> Columns:
    """With a category whose levels go with nothing."""
    levels = np.random.default_rng(seed).choice(["a", "b", "c"], (len(values), 1), p=[0.6, 0.3, 0.1])
    return Columns(values, levels.astype(object), np.empty((len(values), 0)))


def schema(width: int) -> TransactionSchema:
    fields = (Field(f"n{place:03}", Kind.NUMERIC, nullable=True) for place in range(width))
    return TransactionSchema((*fields, Field("level", Kind.CATEGORICAL)))


@dataclass(frozen=True)
class Model:
    """Contributions [n, fields] of rows, and the threshold for a rate."""

    contributions: Callable[[Columns], Floats]
    threshold: Callable[[float], float]

    def score(self, rows: Columns) -> Floats:
        return np.asarray(self.contributions(rows).sum(axis=1))


def models(rows: Columns, config: TrainingConfig = CONFIG, choices: tuple[Parts, ...] = CHOICES) -> dict[str, Model]:
    """By choice, as in `model.training.fit.learn`, but for the graph, which is checked to do the same."""
    of = schema(rows.numeric.shape[1])
    parts_of = split(len(rows), config)
    prepared = fit_preprocessing(rows[parts_of.learned], rows[parts_of.held_out], of, config)
    network = Autoencoder(prepared.u.shape[1], config.members, seed=config.seed)
    network.fit(prepared.u, prepared.u_held_out, config.steps, config.batch, trim=5 * config.contamination)
    belongs = prepared.encoder.field_of_feature[:, None] == np.arange(len(of.scored))

    def one(parts: Parts) -> Model:
        built, scores = assemble(replace(prepared, config=replace(config, parts=parts)), network.reconstruct)
        if scores is None:
            scores = built.score(prepared.held_out, network.reconstruct)
        contributions = lambda some: built.contributions(some, network.reconstruct) @ belongs  # noqa: E731
        return Model(contributions, calibrate(scores).score_at)

    return {parts: one(parts) for parts in choices}


def with_value(rows: Columns, place: int, value: float) -> Columns:
    values = rows.numeric.copy()
    values[:, place] = value
    return Columns(values, rows.categorical, rows.timestamp)


def absurd(model: Model, learned: Floats, rows: Columns) -> Measured:
    """The least share, over one column of each kind, that is flagged at 1 in 1,000, and that has it as first reason."""
    flagged, first = [], []
    for place in range(KINDS):
        found = model.contributions(with_value(rows, place, FAR * np.abs(learned[:, place]).max()))
        flagged.append(float((found.sum(axis=1) >= model.threshold(0.001)).mean()))
        first.append(float((found.argmax(axis=1) == place).mean()))
    return {"absurd flagged": min(flagged), "absurd first reason": min(first)}


def outward(model: Model, learned: Floats, rows: Columns) -> Measured:
    """The largest share by which a score falls as one value moves out, from beyond the largest that was learned."""
    worst = 0.0
    for place in range(KINDS):
        largest = float(learned[:, place].max())
        steps = [model.score(with_value(rows, place, largest * times + 1e-9)) for times in (1.1, 1.5, 2, 4, 10, FAR)]
        worst = max(worst, *(float((1 - after / before).max()) for before, after in pairwise(steps)))
    return {"falls outward": worst}


def unknown(model: Model, rows: Columns) -> Measured:
    """The share of rows whose score falls by over 2 % where a value is missing, or a level is unseen."""
    before = model.score(rows)
    missing = [model.score(with_value(rows, place, np.nan)) < 0.98 * before for place in range(KINDS)]
    unseen = Columns(rows.numeric, np.full_like(rows.categorical, "never seen"), rows.timestamp)
    return {
        "missing falls": max(float(each.mean()) for each in missing),
        "unseen falls": float((model.score(unseen) < 0.98 * before).mean()),
    }


def with_frauds(rows: int, width: int, seed: int) -> tuple[Floats, Floats]:
    """The last fiftieth of the rows are frauds: three fields of the normal kind well out."""
    values, rng = numbers(rows, width, seed), np.random.default_rng(seed)
    fraud = np.arange(rows) >= rows * 0.98
    for place in range(0, 3 * KINDS, KINDS):
        values[fraud, place] += 4.0 * rng.choice([-1.0, 1.0], int(fraud.sum())) * values[~fraud, place].std()
    return values, fraud


def lost_to_gaps(share: float) -> dict[str, float]:
    """By choice the average precision, with this share of all values missing in training and test rows."""
    learned, (tested, fraud) = columns(numbers(ROWS, 12, 1), 3), with_frauds(FRESH_ROWS, 12, 2)
    rows, rng = columns(tested, 4), np.random.default_rng(3)
    for some in (learned, rows):
        some.numeric[rng.random(some.numeric.shape) < share] = np.nan
        some.categorical[rng.random(some.categorical.shape) < share] = ""
    return {parts: float(average_precision_score(fraud, model.score(rows))) for parts, model in models(learned).items()}


def rate(rows: int, width: int, tables: int) -> float:
    """The share of new rows that a threshold for 1 in 100 flags; geometric mean over tables of so many rows."""
    found = []
    for seed in range(tables):
        learned, fresh = (
            columns(numbers(rows, width, seed), seed),
            columns(numbers(20_000, width, 1_000 + seed), seed),
        )
        model = models(learned, replace(CONFIG, seed=seed), ("combined",))["combined"]
        found.append(float((model.score(fresh) >= model.threshold(0.01)).mean()))
    return float(np.exp(np.log(found).mean()))


def main() -> None:
    found: dict[str, dict[str, Measured]] = {parts: {} for parts in CHOICES}
    for width in (4, 12, 44, 120):
        learned = numbers(ROWS, width, 1)
        some = columns(numbers(PROBED, width, 5), 5)
        for parts, model in models(columns(learned, 1)).items():
            found[parts][f"{width} fields"] = (
                absurd(model, learned, some) | outward(model, learned, some) | unknown(model, some)
            )
    learned, some = numbers(ROWS, 12, 1), numbers(PROBED, 12, 5)
    repeated = np.r_[np.arange(12), np.zeros(32, np.intp)]
    for parts, model in models(columns(learned[:, repeated], 1)).items():
        found[parts]["repeated"] = absurd(model, learned[:, repeated], columns(some[:, repeated], 5))
    learned = numbers(ROWS, 12, 1)
    learned[: ROWS // 50, :KINDS] = (-999_999_999.0, -1.0, 99_999.0, -1.0)
    for parts, model in models(columns(learned, 1)).items():
        found[parts]["sentinels"] = absurd(model, numbers(ROWS, 12, 1), columns(numbers(PROBED, 12, 5), 5))
    gaps = {share: lost_to_gaps(share) for share in (0.0, 0.01, 0.05)}
    for parts in CHOICES:
        found[parts]["gaps"] = {f"{share:g} missing": gaps[0.0][parts] - gaps[share][parts] for share in (0.01, 0.05)}
    found["combined"]["rate"] = {f"{rows} x {width}": rate(rows, width, tables) for rows, width, tables in TABLES}
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

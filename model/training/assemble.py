"""From trained networks to a model: what they miss is whitened, and the parts of the score are put in proportion.

All of this is learned from the rows held out. The fewer there are for each feature, the less unusual they look to a
whitening that was fitted to them, and a threshold by their scores would be too low. So where they are few each is
scored by what was learned from others (cross-fitting).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eddy.model.arrays import Floats, Floats32, Indices
from eddy.model.components import combination, prototypes, tail_scores
from eddy.model.components.autoencoder import Layer
from eddy.model.components.combination import Combination, root, units_of
from eddy.model.components.score_model import Reconstruct, ScoreModel
from eddy.model.components.whitening import Whitening
from eddy.model.schema.columns import Columns
from eddy.model.training.preprocessing import Preprocessed

Fold = tuple[Indices, tuple[Whitening, ...] | None]
"""Rows held out, and the whitening of what the networks miss that was learned from others."""

FOLDS = 5
ENOUGH_ROWS = 50
"""Held-out rows for each feature with which cross-fitting changes nothing."""
PROTOTYPE_ROWS = 30_000
ALARM = 2.0
"""An alarm is worth so many times the largest score of usual rows."""


class Assembled(NamedTuple):
    """A model, and its scores of the rows held out [h] where they were cross-fitted."""

    model: ScoreModel
    cross_fitted: Floats | None


def assemble(
    prepared: Preprocessed, reconstruct: Reconstruct, members: tuple[tuple[Layer, ...], ...] = ()
) -> Assembled:
    """Puts a model together from networks; what is scored by `reconstruct` needs no layers."""
    rebuilt = reconstruct(prepared.clipped_held_out)
    model = prepared.model(members, prepared.residuals(rebuilt))
    folds = _folds(prepared, rebuilt, model)
    if prepared.config.parts == "combined" and model.residuals is not None:
        model = _combined(model, prepared, reconstruct, folds)
    return Assembled(model, _cross_fitted(model, prepared.held_out, reconstruct, folds) if len(folds) > 1 else None)


def _folds(prepared: Preprocessed, rebuilt: Floats32, model: ScoreModel) -> list[Fold]:
    rows, features = prepared.u_held_out.shape
    if model.residuals is None or rows >= ENOUGH_ROWS * features or rows < FOLDS:
        return [(np.arange(rows), model.residuals)]
    fold = np.random.default_rng(prepared.config.seed).permutation(rows) % FOLDS
    return [(np.flatnonzero(fold == k), prepared.residuals(rebuilt, fold != k)) for k in range(FOLDS)]


def _cross_fitted(model: ScoreModel, held_out: Columns, reconstruct: Reconstruct, folds: Sequence[Fold]) -> Floats:
    scores = np.empty(len(held_out))
    for rows, residuals in folds:
        scores[rows] = replace(model, residuals=residuals).score(held_out[rows], reconstruct)
    return scores


@dataclass(frozen=True, eq=False)
class _Measured:
    """Of rows: features x [n, d], their tails [n], what the networks missed [n, d], the length of w_in [n]."""

    x: Floats
    tails: Floats
    missed: Floats
    inputs: Floats

    def parts(self, scales: Floats) -> Floats:
        return np.column_stack([self.tails, root((self.missed / scales) ** 2), self.inputs])


def _measure(model: ScoreModel, columns: Columns, reconstruct: Reconstruct, folds: Sequence[Fold]) -> _Measured:
    """What the networks missed of each fold is whitened as the fold says."""
    x = model.encoder.encode(columns)
    white = model.inputs.apply(x)
    missed, whitened = model.missed(x, white, reconstruct), np.empty(x.shape)
    for rows, residuals in folds:
        whitened[rows] = replace(model, residuals=residuals).whitened_errors(missed[:, rows]).mean(axis=0)
    tails = (model.tail_scores.apply(x) + model.encoder.lacking(columns)).sum(axis=1)
    return _Measured(x, tails, whitened, root(white**2))


def _combined(model: ScoreModel, prepared: Preprocessed, reconstruct: Reconstruct, folds: Sequence[Fold]) -> ScoreModel:
    """The model with the three parts of the default score in proportion, and with the alarm of its tails."""
    config, encoder = prepared.config, model.encoder
    some = np.random.default_rng(config.seed).permutation(len(prepared.learned))[:PROTOTYPE_ROWS]
    learned = _measure(model, prepared.learned[np.sort(some)], reconstruct, [(np.arange(len(some)), model.residuals)])
    held_out = _measure(model, prepared.held_out, reconstruct, folds)
    scales = np.maximum(held_out.missed.std(axis=0), combination.LEAST_SCALE)
    points, usual = prototypes.fit(learned.x, config.seed), held_out.parts(scales)
    medians, spreads = units_of(np.column_stack([usual, root(points.squares(held_out.x))]), len(scales))
    units = (learned.parts(scales) - medians[:3]) / spreads[:3]
    anomaly = np.cbrt((np.maximum(units, 0.0) ** 3).sum(axis=1))
    points = prototypes.doubted(points, learned.x, anomaly, (medians[3], spreads[3]), config.contamination)
    parts = np.column_stack([usual[:, :2], root(points.squares(held_out.x))])
    combined = Combination(points, scales, *units_of(parts, len(scales)))
    alarm = ALARM * float(combined.terms(parts).sum(axis=1).max()) * combined.spreads[0] / combination.UNIT
    alarmed = tail_scores.with_alarm(model.tail_scores, prepared.x, encoder.upper, encoder.bounded, alarm)
    return replace(model, combination=combined, tail_scores=alarmed)

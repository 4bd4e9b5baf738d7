"""What a training leaves behind, made up: reports can be drawn from it without training anything."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.serving.calibration import Calibration
from eddy.model.serving.detector import Verdicts
from eddy.model.serving.scorer import Scores
from eddy.model.training.diagnostics import TrainingDiagnostics
from eddy.model.training.fit_calibration import calibrate

SHOPS = np.array(["grocery", "fuel", "<b>travel</b>", ""], object)


@dataclass(frozen=True)
class Made:
    """Has what reports read of `model.training.fit.Learned`."""

    schema: TransactionSchema
    calibration: Calibration
    diagnostics: TrainingDiagnostics
    learned: NDArray[np.intp]
    held_out: NDArray[np.intp]
    config: TrainingConfig = field(default=replace(DEFAULTS, alert_rate=0.01))

    def detector(self) -> Any:
        return SimpleNamespace(detect=self._detect)

    def _detect(self, columns: Columns) -> Verdicts:
        def score(rows: Columns) -> Scores:
            return _scores(rows, np.random.default_rng(1), 1.0)

        scores = score(columns)
        scorer: Any = SimpleNamespace(fields=self.schema.scored, usual_levels={"shop": "grocery"}, score=score)
        rarity = self.calibration.rarity(scores.score)
        return Verdicts(scores.score, rarity, scores.score > 9, 9.0, columns, scorer)


def made(
    numeric: int = 3, categorical: int = 2, times: int = 1, rows: int = 400, anomalies: int = 30, latent: int = 3
) -> Made:
    """What training on `rows` held-out rows of so many fields might have left."""
    rng = np.random.default_rng(0)
    schema = _schema(numeric, categorical, times)
    normal, anomalous = _columns(schema, rows, rng), _columns(schema, anomalies, rng)
    scores, anomaly_scores = _scores(normal, rng, 1.0), _scores(anomalous, rng, 3.0)
    space = rng.normal(size=(rows + anomalies, latent)).astype(np.float32)
    history = tuple((step, 1 / step + 0.05, 1 / step + 0.06) for step in range(50, 3_001, 50))
    diagnostics = TrainingDiagnostics(normal, scores, space[:rows], anomalous, anomaly_scores, space[rows:], history)
    return Made(schema, calibrate(scores.score), diagnostics, np.arange(5 * rows), np.arange(rows))


def _schema(numeric: int, categorical: int, times: int) -> TransactionSchema:
    return TransactionSchema(
        (
            *(Field(f"amount of $ number {n}", Kind.NUMERIC, nullable=True) for n in range(numeric)),
            *(Field("shop" if not n else f"shop {n}", Kind.CATEGORICAL, nullable=True) for n in range(categorical)),
            *(Field(f"time {n}", Kind.TIMESTAMP, unit="s") for n in range(times)),
        )
    )


def _columns(schema: TransactionSchema, rows: int, rng: np.random.Generator) -> Columns:
    numeric = np.exp(rng.normal(size=(rows, len(schema.numeric))) * (1 + np.arange(len(schema.numeric)) % 3))
    numeric[rng.random(numeric.shape) < 0.02] = np.nan
    times = 1.7e9 + 1e6 * rng.random((rows, len(schema.timestamps)))
    return Columns(numeric, rng.choice(SHOPS, (rows, len(schema.categorical))), times)


def _scores(columns: Columns, rng: np.random.Generator, strength: float) -> Scores:
    rows, kinds = len(columns), (columns.numeric, columns.categorical, columns.timestamp)
    fields = sum(kind.shape[1] for kind in kinds)
    contributions = rng.exponential(strength * (1 + np.arange(fields)[::-1]), (rows, fields))
    expected = np.full((rows, fields), np.nan)
    expected[:, : columns.numeric.shape[1]] = np.nan_to_num(columns.numeric, nan=1.0) * rng.lognormal(0, 0.3, (rows, 1))
    if columns.timestamp.shape[1]:
        expected[:, -columns.timestamp.shape[1] :] = 12.0
    return Scores(contributions.sum(axis=1).astype(np.float64), contributions, expected)

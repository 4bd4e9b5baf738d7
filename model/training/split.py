"""Which rows the networks learn from, and which are held out."""

from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Indices
from eddy.model.config import CALIBRATION_ROWS, TrainingConfig

FEWEST_HELD_OUT = 500
"""Fewer rows say little about a rate of 1 in 100, and less about many features: of small tables up to half is held
out. `--held-out` may be more."""


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of rows [k]: learned from; held out, for whitening; for calibration, held-out ones first."""

    learned: Indices
    held_out: Indices
    calibration: Indices


def split(rows: int, config: TrainingConfig) -> Split:
    """Splits n rows at random. What a sample leaves over of a large table serves the calibration."""
    order = np.random.default_rng(config.seed).permutation(rows)
    wanted = max(int(config.held_out * rows), min(FEWEST_HELD_OUT, rows // 2))
    count = max(1, min(wanted, config.held_out_rows))
    last = count + config.sample_rows if config.sample_rows else rows
    others = order[last : last + CALIBRATION_ROWS]
    held_out = np.sort(order[:count])
    return Split(np.sort(order[count:last]), held_out, np.concatenate([held_out, np.sort(others)]))

"""Learns what a score is worth, at the end of training; `model.serving.calibration` applies it without SciPy."""

import numpy as np

from eddy.model.arrays import Floats, Indices
from eddy.model.serving.calibration import Calibration

TAIL_ROWS = 30
"""The fewest from which a scale and something of a shape can be estimated: what can be counted needs no formula, and no
formula fits what a few kinds of unusual but honest rows make of a tail, such as journeys abroad."""
PRIOR_SHAPE_SD = 0.2
LEAST_SHAPE, MOST_SHAPE = -0.3, 0.5
KNOTS = 200


def calibrate(scores: Floats) -> Calibration:
    """Fits a calibration to scores [n] of normal rows that the network was not trained on.

    The bulk is the data's own distribution, thinned out to a few knots; the 30 largest scores, at most a tenth of all,
    give the tail: generalised Pareto, by maximum likelihood.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    rows = len(ordered)
    tail_rows = min(TAIL_ROWS, max(rows // 10, 1))
    start = rows - tail_rows - 1
    shape, scale = _tail(ordered[start + 1 :] - ordered[start])
    # The r-th largest of n scores is reached by a new row with probability r / (n + 1).
    indices = _knots(start, rows)
    knots, first = np.unique(ordered[indices], return_index=True)
    rarities = (rows - indices[first]) / (rows + 1)
    rarities[0] = 1.0
    return Calibration(tuple(knots.tolist()), tuple(rarities.tolist()), shape, scale, rows)


def _knots(start: int, rows: int) -> Indices:
    """Indices in ascending order up to `start`, evenly spread over the logarithm of the rarity."""
    left = np.geomspace(rows, rows - start, min(KNOTS, start + 1))
    return np.unique(rows - np.round(left).astype(np.intp))


def _tail(excess: Floats) -> tuple[float, float]:
    """Shape and scale. The shape is drawn towards 0 (exponential) by a normal prior, the more the fewer rows tell it.

    A few dozen exceedances say little about the shape (the estimate's variance is near (1 + shape)^2 / n), and all of
    the extrapolation hangs on it; the idea is that of Martins and Stedinger (2000).
    """
    from scipy.stats import genpareto

    mean = max(float(excess.mean()), 1e-12)
    if float(np.ptp(excess)) == 0:
        return 0.0, mean
    estimate = float(genpareto.fit(excess / mean, floc=0)[0])
    noise = (1 + max(estimate, -0.5)) ** 2 / len(excess)
    shape = float(np.clip(estimate * PRIOR_SHAPE_SD**2 / (PRIOR_SHAPE_SD**2 + noise), LEAST_SHAPE, MOST_SHAPE))
    return shape, float(genpareto.fit(excess / mean, f0=shape, floc=0)[2]) * mean

"""How far a requested alert rate can be trusted: `python -m benchmarks.calibration`.

Trains on synthetic transactions and scores two million others of the same weeks and cardholders, without frauds. (Later
weeks have other journeys in them: what changes, no calibration knows.) Several times it draws as many of them as serve
the calibration of a large table, asks for thresholds at rates down to 1 in 100,000, and counts how many of the rest
reach them. The median factor between requested and observed rate is held against its limit: 1.3 where there are data, 3
for 1 in 100,000, which is beyond most of them. Ends with 1 where a limit is missed.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from eddy.model.config import CALIBRATION_ROWS, DEFAULTS, TrainingConfig
from eddy.model.data.conversion import columns_of
from eddy.model.data.schema_inference import infer
from eddy.model.training.fit import learn
from eddy.model.training.fit_calibration import calibrate
from eddy.model.training.prepare import prepare
from eddy.producer.synthetic import SyntheticStream

TRAIN_ROWS, FRESH_ROWS, CHUNK = 60_000, 2_000_000, 100_000
CALIBRATED_ROWS, DRAWS = CALIBRATION_ROWS + DEFAULTS.held_out_rows, 9
LIMITS = {1e-2: 1.3, 1e-3: 1.3, 1e-4: 2.0, 1e-5: 3.0}


def chunks(seed: int, fresh: bool) -> Iterator[pd.DataFrame]:
    """The stream, piece by piece, without its frauds: rows to train on, drawn at random, or all others."""
    draw = np.random.default_rng(seed)
    for rows in SyntheticStream(seed=seed).chunks(count=TRAIN_ROWS + FRESH_ROWS, size=CHUNK):
        table = pd.DataFrame(rows.columns)
        others = draw.random(len(table)) >= TRAIN_ROWS / (TRAIN_ROWS + FRESH_ROWS)
        yield table[~np.asarray(rows.is_fraud, bool) & (others == fresh)]


def factors(scores: np.ndarray, seed: int) -> list[float]:
    """Observed over requested rates, for one draw of the rows to calibrate by."""
    order = np.random.default_rng(seed).permutation(len(scores))
    rest = scores[order[CALIBRATED_ROWS:]]
    rarity = calibrate(scores[order[:CALIBRATED_ROWS]]).rarity(rest)
    return [max(int((rarity <= rate).sum()), 0.5) / (rate * len(rest)) for rate in LIMITS]


def main() -> int:
    train = pd.concat(chunks(seed=0, fresh=False), ignore_index=True)
    rows = prepare(train, infer(train))
    scorer = learn(rows.columns, rows.schema, TrainingConfig()).detector().scorer
    pieces = (columns_of(table, rows.schema) for table in chunks(0, fresh=True))
    scores = np.concatenate([scorer.score(piece, explain=False).score for piece in pieces])
    drawn = np.array([factors(scores, seed) for seed in range(DRAWS)])
    print(f"{DRAWS} draws of {CALIBRATED_ROWS:,} rows to calibrate by, counted among {len(scores):,}")
    print(f"{'requested':>14}{'observed / requested':>24}{'least':>8}{'most':>8}{'limit':>8}")
    held = True
    for (rate, limit), found in zip(LIMITS.items(), drawn.T, strict=True):
        factor = float(np.median(found))
        fine = 1 / limit <= factor <= limit
        held &= fine
        asked, verdict = f"1 in {round(1 / rate):,}", "reached" if fine else "MISSED"
        print(f"{asked:>14}{factor:24.2f}{found.min():8.2f}{found.max():8.2f}{limit:8.1f}   {verdict}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""How far a requested alert rate can be trusted: `python -m benchmarks.calibration`.

Trains on synthetic transactions, asks for thresholds at rates down to 1 in 100,000, and counts how many of two million
later transactions of the same cardholders reach them; frauds are left out of both. The factor between requested and
observed rate is held against its limit: 1.3 where there are data, 3 for 1 in 100,000, which is beyond most of them.
Ends with 1 where a limit is missed.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from model.cleaning import prepare
from model.config import TrainingConfig
from model.inference import infer
from model.tables import columns_of
from model.training import learn
from producer.synthetic import SyntheticStream

TRAIN_ROWS, SAMPLE_ROWS, FRESH_ROWS, CHUNK = 400_000, 60_000, 2_000_000, 100_000
LIMITS = {1e-2: 1.3, 1e-3: 1.3, 1e-4: 2.0, 1e-5: 3.0}


def chunks(seed: int) -> Iterator[pd.DataFrame]:
    """The stream, piece by piece, without its frauds."""
    for rows in SyntheticStream(seed=seed).chunks(count=TRAIN_ROWS + FRESH_ROWS, size=CHUNK):
        table = pd.DataFrame(rows.columns)
        yield table[~np.asarray(rows.is_fraud, bool)]


def main() -> int:
    stream = chunks(seed=0)
    train = pd.concat([next(stream) for _ in range(TRAIN_ROWS // CHUNK)], ignore_index=True)
    rows = prepare(train, infer(train))
    detector = learn(rows.columns, rows.schema, TrainingConfig(sample_rows=SAMPLE_ROWS)).detector()
    print(f"calibrated on {detector.calibration.rows:,} of {len(train):,} rows", flush=True)
    rarity = np.concatenate([detector.judge(columns_of(table, rows.schema)).rarity for table in stream])
    print(f"{'requested':>14}{'expected':>12}{'observed':>12}{'factor':>10}{'limit':>8}   of {len(rarity):,} rows")
    held = True
    for rate, limit in LIMITS.items():
        observed, expected = int((rarity <= rate).sum()), rate * len(rarity)
        factor = max(observed, 0.5) / expected
        fine = 1 / limit <= factor <= limit
        held &= fine
        print(
            f"{'1 in ' + format(round(1 / rate), ','):>14}{expected:12,.0f}{observed:12,}{factor:10.2f}{limit:8.1f}"
            f"   {'reached' if fine else 'MISSED'}"
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

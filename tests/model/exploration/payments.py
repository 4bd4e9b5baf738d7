"""A small table of payments in which there is nothing to find, to which tests add what there is."""

from typing import Any

import numpy as np
import pandas as pd

from eddy.model.data.schema_inference import guess
from eddy.model.exploration.profile import Exploration, explore

START = pd.Timestamp("2026-03-02", tz="UTC")


def payments(rows: int = 1_200, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Rows in the order of time, over eight weeks, 5 % labelled frauds that no column gives away."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 56 * 86_400, rows))
    table = pd.DataFrame(
        {
            "transaction_id": [f"t-{n}" for n in range(rows)],
            "card_id": [f"c-{n}" for n in rng.integers(0, 100, rows)],
            "event_time": START + pd.to_timedelta(seconds, unit="s"),
            "amount": np.exp(rng.normal(3, 1, rows)).round(2),
            "distance": rng.normal(10, 3, rows),
            "shop": rng.choice(["bakery", "fuel", "travel"], rows),
            "is_fraud": (rng.random(rows) < 0.05).astype(int),
        }
    )
    return table.assign(**columns)


def explored(table: pd.DataFrame, source_rows: int | None = None) -> Exploration:
    return explore(table, source_rows or len(table), guess(table))

"""How long training takes beside the bare Keras fit inside it: `python -m benchmarks.training`.

A million rows of 30 numbers, in Parquet, from reading to the stored model; without the report, and without the import
of TensorFlow, which takes seconds whatever the table. The limits: 1.3 times the bare fit, and 4 GB of memory; ends with
1 above one of them.
"""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eddy.model.components.autoencoder import Autoencoder, Step
from eddy.model.config import CALIBRATION_ROWS, DEFAULTS
from eddy.model.data.sampling import read_sample
from eddy.model.data.schema_inference import infer
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.training.train import train

ROWS, NUMBERS, FACTORS = 1_000_000, 30, 6
TIME_LIMIT, MEMORY_LIMIT_GB = 1.3, 4.0


def write_table(path: Path) -> None:
    """Numbers with a few factors behind them."""
    random = np.random.default_rng(0)
    loadings = random.normal(size=(FACTORS, NUMBERS))
    numbers = random.normal(size=(ROWS, FACTORS)) @ loadings + random.normal(size=(ROWS, NUMBERS)) / 3
    pd.DataFrame(numbers, columns=[f"v{number:02}" for number in range(NUMBERS)]).to_parquet(path)


class TimedFit:
    """Stands in for `Autoencoder.fit` and notes how long it took."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._fit = Autoencoder.fit

    def __call__(self, network: Autoencoder, *arguments: Any, **named: Any) -> tuple[Step, ...]:
        begun = time.monotonic()
        history = self._fit(network, *arguments, **named)
        self.seconds += time.monotonic() - begun
        return history


def main() -> int:
    Autoencoder(2)  # imports TensorFlow
    timed = TimedFit()
    Autoencoder.fit = lambda *arguments, **named: timed(*arguments, **named)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_table(path)
        begun = time.monotonic()
        limit = DEFAULTS.sample_rows + DEFAULTS.held_out_rows + CALIBRATION_ROWS
        table = read_sample(path, limit).table
        train(table, infer(table), ArtifactStore(folder), datetime.now(UTC))
        whole = time.monotonic() - begun
    ratio, memory_gb = whole / timed.seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{ROWS:,} rows x {NUMBERS}: {whole:.1f} s, of which the fit {timed.seconds:.1f} s")
    print(f"ratio {ratio:.2f}, limit {TIME_LIMIT}: {'reached' if ratio <= TIME_LIMIT else 'MISSED'}")
    print(
        f"memory {memory_gb:.1f} GB, limit {MEMORY_LIMIT_GB}: {'reached' if memory_gb <= MEMORY_LIMIT_GB else 'MISSED'}"
    )
    return 0 if ratio <= TIME_LIMIT and memory_gb <= MEMORY_LIMIT_GB else 1


if __name__ == "__main__":
    sys.exit(main())

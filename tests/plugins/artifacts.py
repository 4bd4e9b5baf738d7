"""A small real model for tests: trained once on the synthetic stream, and kept in pytest's cache.

Trained in a process of its own, so that TensorFlow never enters the one that runs the tests (and forks workers).
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from tests.places import ROOT

SOURCES = ("model/*.py", "producer/*.py", "tests/plugins/artifacts.py")

TRAINING = """
import sys
from datetime import UTC, datetime

import pandas as pd

from eddy.model.serving.artifact import ArtifactStore
from eddy.model.data.schema_inference import infer
from eddy.model.config import TrainingConfig
from eddy.model.training.train import train
from eddy.producer.synthetic import SyntheticStream

rows = next(SyntheticStream(seed=1, cards=500).chunks(count=8_000, size=8_000))
table = pd.DataFrame({**rows.columns, "is_fraud": rows.is_fraud, "fraud_kind": rows.fraud_kind})
train(table, infer(table), ArtifactStore(sys.argv[1]), datetime.now(UTC), TrainingConfig(steps=1_000))
"""


@pytest.fixture(scope="session")
def artifact_store(pytestconfig: pytest.Config) -> ArtifactStore:
    """A store with one model of the synthetic stream (seed 1, 500 cards). Copy it before you change it."""
    cache = pytestconfig.cache
    assert cache is not None
    kept = cache.mkdir("eddy-artifacts") / _fingerprint()
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of the processes that share the tests, one trains
        if not kept.is_dir():
            aside = kept.with_name(f"{kept.name}-{os.getpid()}")
            _train(aside)
            aside.rename(kept)
    return ArtifactStore(kept)


@pytest.fixture(scope="session")
def trained_detector(artifact_store: ArtifactStore) -> Detector:
    """The detector of that model, under its own threshold (1 in 1,000)."""
    return artifact_store.detector(artifact_store.active())


def _train(store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, str(store)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"training the model that tests share has failed:\n{done.stderr}"


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]

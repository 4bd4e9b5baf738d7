"""The demo's model: trained on the days before the stream begins, and kept for the next run.

Training runs in a process of its own (`python -m eddy.demo.model STORE`), which frees TensorFlow's memory when it ends
and can be stopped at any moment.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from eddy import model, producer
from eddy.devbroker import cache
from eddy.model.errors import EddyError
from eddy.model.serving.artifact import ArtifactError, ArtifactStore

_STEPS = 2_000
_KEPT_UNUSED_S = 7 * 86_400.0


class TrainingFailed(EddyError):
    """There is no model; the message quotes the output of the training."""


class Step(NamedTuple):
    """How far training is: the share of all work that is done, and what is being done."""

    share: float
    doing: str


def store_path() -> Path:
    """Where the model of this version of the code is kept."""
    return cache.cache_dir().parent / "demo" / _fingerprint()


def remove_unused(store: Path, now_s: float) -> None:
    """Marks `store` as used, and removes the models of other code that nobody has used for a week (now: Unix time).

    Not sooner: two checkouts may take turns, and a demo of another one may be running.
    """
    store.mkdir(parents=True, exist_ok=True)
    os.utime(store, (now_s, now_s))
    for other in store.parent.iterdir():
        if now_s - other.stat().st_mtime > _KEPT_UNUSED_S:
            shutil.rmtree(other, ignore_errors=True)


def kept(store: Path) -> str | None:
    """The version of an undamaged model from an earlier run."""
    with contextlib.suppress(ArtifactError):
        versions = ArtifactStore(store)
        version = versions.active()
        versions.verified(version)
        return version
    return None


def steps(output: Iterator[bytes]) -> Iterator[Step]:
    """Reads what the training process prints."""
    for line in output:
        share, _, doing = line.decode(errors="replace").strip().partition(" ")
        with contextlib.suppress(ValueError):
            yield Step(float(share), doing)


def train(store: Path) -> None:
    """Trains on the synthetic history and stores the model; prints a line for each `Step`."""
    from eddy.demo.stream import history
    from eddy.model.config import TrainingConfig
    from eddy.model.data.schema_inference import infer
    from eddy.model.training.train import train as train_model
    from eddy.producer.synthetic import Transactions

    _on_progress("generating cardholders", 0.0)
    table = Transactions.join(list(history())).table()
    _on_progress(f"training on {len(table):,} transactions", 0.02)
    config = TrainingConfig(steps=_STEPS)
    train_model(table, infer(table), ArtifactStore(store), datetime.now(UTC), config, _on_progress)


def _on_progress(doing: str, share: float) -> None:
    sys.stdout.write(f"{share:.3f} {doing}\n")
    sys.stdout.flush()


def _fingerprint() -> str:
    """Hash of every source file that the model depends on."""
    here = Path(__file__)
    packages = [Path(package.__path__[0]) for package in (model, producer)]
    sources = [here, here.with_name("stream.py"), *(path for package in packages for path in package.rglob("*.py"))]
    digest = hashlib.sha256()
    for path in sorted(sources):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    train(Path(sys.argv[1]))

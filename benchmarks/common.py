"""What the stream's benchmarks share: a schema with 30 numbers, its transactions, a model trained on them, a broker.

The model is a real one, trained on first use and kept; trained for a short time only, which costs it sharpness but
changes nothing about how long a score takes.

    python -m benchmarks.common STORE    trains it (done by the benchmarks themselves, in a process of its own)
"""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eddy import model, settings
from eddy.devbroker import brokers, cache
from eddy.messaging import topics
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.messages import encode
from eddy.settings import Settings

NUMBERS = 30
FACTORS = 6
TRAINING_ROWS, TRAINING_STEPS = 100_000, 300
START = np.datetime64("2026-03-01T00:00:00", "ms")

SCHEMA = TransactionSchema(
    (
        Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
        Field("card_id", Kind.IDENTIFIER, role="card"),
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount", unit="EUR"),
        *(Field(f"v{number:02}", Kind.NUMERIC) for number in range(1, NUMBERS)),
    )
)


def transactions(count: int, seed: int, anomalous: NDArray[np.intp] | None = None) -> Mapping[str, NDArray[Any]]:
    """Columns of that many transactions of 1,000 cards, a few factors behind all their numbers.

    Args:
        count: how many.
        seed: the same gives the same.
        anomalous: those that are unlike the others beyond doubt.
    """
    random = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).normal(size=(FACTORS, NUMBERS - 1))
    numbers = (
        random.normal(size=(count, FACTORS)) @ loadings / FACTORS**0.5 + random.normal(size=(count, NUMBERS - 1)) / 3
    )
    amounts = random.lognormal(3.5, 1.0, count)
    if anomalous is not None:
        numbers[anomalous] = random.normal(size=(len(anomalous), NUMBERS - 1)) * 20
    return {
        "transaction_id": np.array([f"t-{number:010}" for number in range(count)], np.object_),
        "card_id": np.array([f"c-{number:06}" for number in random.integers(0, 1_000, count)], np.object_),
        "event_time": START + np.sort(random.integers(0, 86_400_000, count)).astype("timedelta64[ms]"),
        "amount": amounts.round(2),
        **{f"v{number + 1:02}": column.round(4) for number, column in enumerate(numbers.T)},
    }


def messages(columns: Mapping[str, NDArray[Any]]) -> tuple[list[bytes], list[bytes]]:
    """Keys and values: about 500 bytes of JSON each."""
    return [card.encode() for card in columns["card_id"]], encode(columns)


def number_of(transaction_id: str) -> int:
    """Which of the messages it was."""
    return int(transaction_id[2:])


def trained_store() -> Path:
    """The store with this code's model of the schema: another code would have made another model."""
    store = cache.cache_dir().parent / "benchmarks" / _fingerprint()
    if not ArtifactStore(store).versions():
        print("training a model, once")
        command = [sys.executable, "-m", "benchmarks.common", str(store)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return store


@contextlib.contextmanager
def throw_away_broker(**overrides: Any) -> Iterator[Settings]:
    """A broker with the topics made, and settings that point at it; all else is the default or the environment's."""
    engine = brokers.choose(settings.load())
    print(engine.why)
    with brokers.start(engine) as running:
        made = settings.load(kafka_bootstrap_servers=running.address, artifacts=trained_store(), **overrides)
        admin = KafkaBroker(made).topic_admin()
        topics.create(admin, topics.plans(made))
        admin.close()
        yield made


def what_shares_the_cores(processes: str) -> str:
    """One line, for no figure means anything without it."""
    cores = len(os.sched_getaffinity(0))
    return f"{processes} share {cores} cores; load average at the end {os.getloadavg()[0]:.1f}"


def _fingerprint() -> str:
    """Of every source file that has a part in the model."""
    sources = sorted(Path(model.__path__[0]).rglob("*.py"))
    digest = hashlib.sha256()
    for path in [*sources, Path(__file__)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _train(store: Path) -> None:
    import pandas as pd

    from eddy.model.config import TrainingConfig
    from eddy.model.training.train import train

    table = pd.DataFrame(transactions(TRAINING_ROWS, seed=1))
    table["event_time"] = table["event_time"].dt.tz_localize("UTC")
    train(table, SCHEMA, ArtifactStore(store), datetime.now(UTC), TrainingConfig(steps=TRAINING_STEPS))


if __name__ == "__main__":
    _train(Path(sys.argv[1]))

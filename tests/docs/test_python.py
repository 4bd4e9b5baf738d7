"""The examples of docs/python.md, run as they stand, from top to bottom."""

import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaProducer

from eddy.devbroker.brokers import RunningBroker
from eddy.messaging.messages import Alert, Coordinates, alert_message
from eddy.model.serving.detector import Contribution
from tests.conftest import create_topics
from tests.places import ROOT

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.S)
TABLE = ["-m", "eddy.cli.main", "produce", "synthetic", "--count", "6000", "--to", "payments.parquet"]


def python(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What all examples but the last print, one after the other in one process."""
    here = tmp_path_factory.mktemp("python")
    python(*TABLE, cwd=here)
    return python("-c", "\n".join(EXAMPLES[:-1]), cwd=here)


def test_the_estimator_flags_about_as_many_rows_as_asked_for(said: str) -> None:
    flagged, rows = re.search(r"(\d+) of (\d+) rows are flagged", said).groups()  # type: ignore[union-attr]
    assert int(rows) == 6_000
    assert 0.003 < int(flagged) / int(rows) < 0.03


def test_the_detector_finds_the_transaction_anomalous_and_says_why(said: str) -> None:
    assert re.search(r"^True \d", said, re.M)
    assert len(re.findall(r"^\w+: .+ \(expected .+\) adds [\d.]+$", said, re.M)) == 3


def test_a_rarer_threshold_is_a_higher_score(said: str) -> None:
    assert "\nTrue\n" in said


def test_the_schema_is_shown_as_a_file(said: str) -> None:
    assert re.search(r"^amount += .*numeric", said, re.M)


def test_alerts_are_read_with_their_reasons(kafka: RunningBroker, tmp_path: Path) -> None:
    topic = f"alerts-{uuid.uuid4().hex[:8]}"
    create_topics(kafka.address, {topic: 1})
    reasons = (Contribution("amount", 3.0, 4999.0, 20.0), Contribution("country", 1.0, "US", "DE"))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    alert = Alert("t-1", 4.0, 2.0, 0.00004, "v1", None, reasons, Coordinates("transactions", 0, 7), at, at)
    message = alert_message(topic, b"c-42", alert)
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    producer.send(topic, key=message.key, value=message.value, headers=list(message.headers)).get(30)
    producer.close()
    example = EXAMPLES[-1].replace("127.0.0.1:9092", kafka.address).replace('"alerts"', f'"{topic}"')
    said = python("-c", example, cwd=tmp_path)
    assert said == "t-1: 1 in 25,000 because of amount, country\n"

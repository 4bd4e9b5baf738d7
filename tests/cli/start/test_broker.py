"""`eddy broker` runs a broker in the foreground, and ends it cleanly."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaConsumer

from eddy.devbroker.brokers import Engine, EngineKind

_COMMAND = "from eddy.cli.main import run; run()"


@contextmanager
def _eddy_broker() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _COMMAND, "broker", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _own_engine(engine: Engine) -> None:
    if engine.kind is EngineKind.GIVEN:
        pytest.skip("EDDY_KAFKA_BOOTSTRAP_SERVERS names a broker, so there is none to start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with _eddy_broker() as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert next(lines).startswith("Broker: ")
        ready = next(line for line in lines if line.startswith("Ready at "))
        address = ready.removeprefix("Ready at ").partition(";")[0]
        consumer = KafkaConsumer(bootstrap_servers=address)
        assert consumer.topics() == set()
        consumer.close()
        process.send_signal(number)
        assert list(lines) == ["Stopped.\n"]
        assert process.wait(30) == 0


def test_a_signal_while_it_starts_ends_it_as_cleanly() -> None:
    with _eddy_broker() as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().endswith("Stopped.\n")
        assert process.wait(30) == 0

"""A throw-away broker is real, survives injected faults, keeps what it stored, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from testcontainers.core.docker_client import DockerClient

from eddy.devbroker import cache
from eddy.devbroker.brokers import BrokerStartError, Engine, EngineKind, RunningBroker
from eddy.devbroker.node import choose_ports
from eddy.settings import Settings

Brokers = Callable[..., RunningBroker]
Topics = Callable[..., Settings]


def _send(address: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=address, reconnect_backoff_max_ms=500)
    producer.send(topic, value).get(20)
    producer.close()


def _read(address: str, topic: str) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    while consumer.position(partition) < end:
        values += [record.value for record in consumer.poll(timeout_ms=100).get(partition, [])]
    consumer.close()
    return values


def _is_gone(pid: int) -> bool:
    """A process that has ended counts as gone though nobody has taken note of its end."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc").exists():
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode != 0


def _comes_true(what: Callable[[], bool], timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def test_the_shared_broker_stores_what_it_is_given(kafka: RunningBroker, topics: Topics) -> None:
    made = topics(partitions=1)
    _send(kafka.address, made.topic_alerts, b"one")
    assert _read(kafka.address, made.topic_alerts) == [b"one"]


def test_a_killed_broker_keeps_its_messages_and_its_address(broker_factory: Brokers, topics: Topics) -> None:
    running = broker_factory()
    topic = topics(partitions=1, address=running.address).topic_alerts
    _send(running.address, topic, b"before")
    address = running.address
    running.kill()
    assert not running.running
    running.restart()
    assert running.address == address
    _send(address, topic, b"after")
    assert _read(address, topic) == [b"before", b"after"]


def test_a_frozen_broker_answers_when_it_is_thawed(broker_factory: Brokers, topics: Topics) -> None:
    running = broker_factory()
    topic = topics(partitions=1, address=running.address).topic_alerts
    producer = KafkaProducer(bootstrap_servers=running.address)
    producer.send(topic, b"before").get(20)
    running.freeze()
    sent = producer.send(topic, b"meanwhile")
    time.sleep(0.5)
    assert not sent.is_done
    assert running.running
    running.thaw()
    sent.get(20)
    producer.close()


def test_a_frozen_broker_can_be_stopped(broker_factory: Brokers) -> None:
    running = broker_factory()
    running.freeze()
    running.stop()
    assert not running.running


def test_a_data_directory_keeps_the_messages_for_the_next_broker(
    broker_factory: Brokers, topics: Topics, tmp_path: Path
) -> None:
    first = broker_factory(data=tmp_path / "data")
    topic = topics(partitions=1, address=first.address).topic_alerts
    _send(first.address, topic, b"kept")
    first.stop()
    second = broker_factory(data=tmp_path / "data")
    assert _read(second.address, topic) == [b"kept"]


def test_a_second_broker_on_the_same_data_is_refused_before_it_writes_there(
    broker_factory: Brokers, topics: Topics, tmp_path: Path
) -> None:
    first = broker_factory(data=tmp_path)
    before = (tmp_path / "server.properties").read_bytes()
    with pytest.raises(BrokerStartError, match=rf"another broker is using the directory {tmp_path}: stop it, or"):
        broker_factory(data=tmp_path)
    assert (tmp_path / "server.properties").read_bytes() == before
    topic = topics(partitions=1, address=first.address).topic_alerts
    _send(first.address, topic, b"still served")
    assert _read(first.address, topic) == [b"still served"]


def test_a_broker_that_ends_while_starting_says_why_and_leaves_its_data_to_the_next(
    broker_factory: Brokers, tmp_path: Path
) -> None:
    broker_factory(data=tmp_path).stop()
    with pytest.raises(BrokerStartError, match=r"(?s)ended while starting.*num\.io\.threads.*EDDY_KAFKA_BOOTSTRAP"):
        broker_factory(data=tmp_path, extra={"num.io.threads": "none"})
    assert broker_factory(data=tmp_path).running


def test_a_setting_that_kafka_does_not_take_is_named(broker_factory: Brokers) -> None:
    with pytest.raises(BrokerStartError, match=r"(?s)num\.io\.threads.*EDDY_KAFKA_BOOTSTRAP_SERVERS"):
        broker_factory(extra={"num.io.threads": "none"})


def test_a_port_that_is_taken_is_refused_with_a_remedy(kafka: RunningBroker) -> None:
    taken = int(kafka.address.rpartition(":")[2])
    with pytest.raises(BrokerStartError, match=f"port {taken} is in use; stop what listens there"):
        choose_ports(taken, None)


@pytest.mark.usefixtures("kafka")
def test_the_first_start_of_a_local_broker_makes_a_class_archive(engine: Engine) -> None:
    if engine.java is None:
        pytest.skip("only the local engine needs one")
    assert cache.archive_path(cache.cache_dir(), engine.java).stat().st_size > 10_000_000


def test_a_broker_dies_with_its_parent_and_takes_its_directory_along(engine: Engine) -> None:
    if engine.java is None:
        pytest.skip("of the engines only the local one is a child process")
    script = (
        "import sys, time\nfrom eddy.devbroker.local import LocalBroker\n"
        "from eddy.devbroker.cache import find_java\n"
        "running = LocalBroker(find_java()).start()\nprint(running.pid, running.data, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, data = parent.stdout.readline().split()
    assert not _is_gone(int(pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _comes_true(lambda: _is_gone(int(pid)))
    assert _comes_true(lambda: not Path(data).exists())


def test_a_container_is_removed_when_its_parent_dies(engine: Engine) -> None:
    if engine.kind is not EngineKind.DOCKER:
        pytest.skip("needs a Docker engine")
    script = (
        "import time\nfrom eddy.devbroker.docker import DockerBroker\n"
        "running = DockerBroker().start()\nprint(running.log.parent, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    directory = Path(parent.stdout.readline().strip())
    parent.kill()
    parent.wait()
    containers = DockerClient().client.containers
    assert _comes_true(lambda: not containers.list(all=True, filters={"name": directory.name}), 60)
    assert _comes_true(lambda: not directory.exists())


def test_a_forked_child_that_ends_leaves_its_parents_broker_alone(broker_factory: Brokers) -> None:
    running = broker_factory()
    child = os.fork()
    if child == 0:
        import atexit

        atexit._run_exitfuncs()
        os._exit(0)
    os.waitpid(child, 0)
    assert running.running

"""Which engine runs a throw-away broker: the order, the reasons, the cache; on machines with other tools than this."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eddy.devbroker import brokers, cache, docker
from eddy.devbroker.brokers import BrokerStartError, EngineKind
from eddy.settings import load
from tests.devbroker.docker_engine import DockerEngine, serving

# Takes the directory from the last argument, -DoutputDirectory=...
_PUT_JAR = 'for last; do :; done; touch "${last#*=}/kafka_2.13.jar"'


class Tools:
    """A machine with none but the tools that a test makes: shell scripts, alone on the search path."""

    def __init__(self, path: Path, cache: Path) -> None:
        self.path, self.cache = path, cache

    def make(self, name: str, script: str) -> None:
        tool = self.path / name
        tool.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        tool.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    return Tools(tmp_path / "bin", cache.cache_dir())


@pytest.fixture
def engine(tools: Tools) -> Iterator[DockerEngine]:
    """A Docker engine on that machine."""
    with serving(tools.path.parent / "docker.sock") as running:
        yield running


_JAVA_17 = "echo 'openjdk version \"17.0.9\" 2023-10-17' >&2"


def test_two_starts_at_once_fetch_kafka_once(tools: Tools) -> None:
    tools.make("mvn", f"sleep 0.3; echo x >> {tools.path}/fetched; {_PUT_JAR}")
    starts = [threading.Thread(target=cache.jars, args=(tools.cache, print)) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert (tools.path / "fetched").read_text() == "x\n"
    assert [jar.name for jar in cache.jars(tools.cache, print)] == ["kafka_2.13.jar"]


def test_a_download_that_broke_off_is_made_anew(tools: Tools) -> None:
    (tools.cache / "unfinished-of-a-killed-process" / "jars").mkdir(parents=True)
    tools.make("mvn", f"{_PUT_JAR}; echo no route to the repository; exit 1")
    with pytest.raises(BrokerStartError, match=r"(?s)no route to the repository.*See that Maven reaches"):
        cache.jars(tools.cache, print)
    assert not (tools.cache / "jars").exists()
    tools.make("mvn", _PUT_JAR)
    assert len(cache.jars(tools.cache, print)) == 1
    assert not list(tools.cache.glob("unfinished-*"))


@pytest.mark.usefixtures("engine")
def test_a_broker_that_the_settings_name_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.GIVEN
    assert "kafka.example:9092" in chosen.why
    with brokers.start(chosen) as running:
        assert running.address == "kafka.example:9092"
        for fault in (running.kill, running.restart, running.freeze, running.thaw, lambda: running.proxied_address):
            with pytest.raises(BrokerStartError, match="not ours to kill"):
                fault()


@pytest.fixture
def _java(tools: Tools) -> None:
    tools.make("java", _JAVA_17)
    tools.make("mvn", "")


@pytest.mark.usefixtures("_java", "engine")
def test_docker_comes_next_when_its_engine_answers_and_has_the_image() -> None:
    assert brokers.choose(load()).kind is EngineKind.DOCKER


@pytest.mark.usefixtures("_java")
def test_without_a_docker_engine_it_is_passed_over() -> None:
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.LOCAL
    assert "no Docker engine answers" in chosen.why


@pytest.mark.usefixtures("_java")
def test_a_docker_engine_that_does_not_answer_is_passed_over(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_ANSWER_TIMEOUT_S", 0.2)
    engine.answers_after_s = 5.0
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.LOCAL
    assert "no Docker engine answers" in chosen.why


@pytest.mark.usefixtures("_java")
def test_a_docker_engine_that_cannot_get_the_image_is_passed_over_with_its_reason(engine: DockerEngine) -> None:
    engine.pull_error = "no such host"
    progress: list[str] = []
    chosen = brokers.choose(load(), progress.append)
    assert chosen.kind is EngineKind.LOCAL
    assert "Docker 28.0 cannot get the image apache/kafka:4.3.1" in chosen.why
    assert "no such host" in chosen.why
    assert progress == ["Fetching the Docker image apache/kafka:4.3.1 (once)"]


@pytest.mark.usefixtures("_java", "engine")
def test_an_install_without_the_extra_passes_docker_over_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("eddy.devbroker.docker")
    monkeypatch.delitem(sys.modules, "eddy.devbroker.docker")
    monkeypatch.setitem(sys.modules, "testcontainers.core.container", None)
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.LOCAL
    assert "pip install 'eddy-stream[docker]'" in chosen.why


@pytest.mark.parametrize(
    ("java", "missing"),
    [
        (None, "no Java 17 or newer"),
        ("echo 'openjdk version \"11.0.2\"' >&2", "no Java 17 or newer"),
        ("exit 1", "no Java 17 or newer"),
        (_JAVA_17, "no Maven"),
    ],
)
def test_without_any_engine_it_says_what_is_missing_and_what_to_do(
    tools: Tools, java: str | None, missing: str
) -> None:
    if java is not None:
        tools.make("java", java)
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.NONE
    assert missing in chosen.why
    with pytest.raises(BrokerStartError, match="install Java 17 or newer with Maven"):
        brokers.start(chosen)


def test_kafka_once_fetched_needs_no_maven(tools: Tools) -> None:
    tools.make("java", _JAVA_17)
    (tools.cache / "jars").mkdir(parents=True)
    assert brokers.choose(load()).kind is EngineKind.LOCAL


def test_a_container_is_handled_like_a_process_and_removed_at_the_end(engine: DockerEngine) -> None:
    with brokers.start(brokers.choose(load()), advertised_port=19_999) as running:
        port = running.address.rpartition(":")[2]
        assert engine.created["HostConfig"]["PortBindings"][f"{port}/tcp"] == [
            {"HostIp": "127.0.0.1", "HostPort": port}
        ]
        assert any("PROXIED://127.0.0.1:19999" in variable for variable in engine.created["Env"])
        assert engine.created["Name"].startswith("eddy-broker-")
        assert "Kafka Server started" in running.log.read_text()
        running.freeze()
        assert engine.state == "paused"
        assert running.running
        running.thaw()
        running.kill()
        assert not running.running
        running.restart()
        assert running.running
        log = running.log
    assert engine.state is None
    assert not log.exists()


def test_a_frozen_container_is_removed_too(engine: DockerEngine) -> None:
    with brokers.start(brokers.choose(load())) as running:
        running.freeze()
    assert engine.state is None


def test_a_container_that_does_not_start_is_removed_and_its_log_quoted(engine: DockerEngine) -> None:
    engine.says, engine.starts_as = "no space left", "exited"
    with pytest.raises(BrokerStartError, match="no space left"):
        brokers.start(brokers.choose(load()))
    assert engine.state is None


def test_what_the_engine_refuses_is_quoted_with_a_remedy(engine: DockerEngine) -> None:
    with brokers.start(brokers.choose(load())) as running:
        engine.state = None
        with pytest.raises(BrokerStartError, match=r"(?s)could not freeze.*no such container.*BOOTSTRAP_SERVERS"):
            running.freeze()
        assert not running.running

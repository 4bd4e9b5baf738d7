"""Which engine runs a throw-away broker: the order, the reasons, the cache; on machines with other tools than this."""

import threading
from pathlib import Path

import pytest

from eddy.devbroker import brokers, cache
from eddy.devbroker.brokers import BrokerStartError, EngineKind
from eddy.settings import load

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
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    return Tools(tmp_path / "bin", cache.cache_dir())


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


def test_a_broker_that_the_settings_name_comes_first(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    tools.make("docker", "echo 28.0")
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.GIVEN
    assert "kafka.example:9092" in chosen.why
    running = brokers.start(chosen)
    assert running.address == "kafka.example:9092"
    with pytest.raises(BrokerStartError, match="not ours to be killed"):
        running.kill()


def test_docker_comes_next_when_its_engine_answers_and_has_the_image(tools: Tools) -> None:
    tools.make("docker", "echo 28.0")
    tools.make("java", _JAVA_17)
    tools.make("mvn", "")
    assert brokers.choose(load()).kind is EngineKind.DOCKER


@pytest.mark.parametrize("docker", ["echo 'cannot connect' >&2; exit 1", "sleep 60", "exit 0"])
def test_a_docker_command_without_an_engine_is_passed_over(tools: Tools, docker: str) -> None:
    tools.make("docker", docker)
    tools.make("java", _JAVA_17)
    tools.make("mvn", "")
    chosen = brokers.choose(load())
    assert chosen.kind is EngineKind.LOCAL
    assert "no Docker engine answers" in chosen.why


def test_a_docker_engine_that_cannot_get_the_image_is_passed_over_with_its_reason(tools: Tools) -> None:
    tools.make("docker", 'case $1 in version) echo 28.0;; pull) echo "no such host"; exit 1;; *) exit 1;; esac')
    tools.make("java", _JAVA_17)
    tools.make("mvn", "")
    said: list[str] = []
    chosen = brokers.choose(load(), said.append)
    assert chosen.kind is EngineKind.LOCAL
    assert "Docker 28.0 cannot get the image apache/kafka:4.3.1: no such host" in chosen.why
    assert said == ["Fetching the Docker image apache/kafka:4.3.1 (once)"]


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


# A stand-in for the engine: remembers its one container's state in a file, and logs as the broker does.
_DOCKER = """
state={path}/state
case $1 in
  version) echo 28.0 ;;
  run) echo running > $state; echo "$@" > {path}/run ;;
  restart | unpause) echo running > $state ;;
  kill | stop) echo exited > $state ;;
  pause) echo paused > $state ;;
  rm) rm -f $state ;;
  inspect) case "$3" in *Running*) grep -q 'running\\|paused' $state 2>/dev/null && echo true || echo false ;; esac ;;
  logs) echo "[main] INFO {said}" ;;
esac
"""


def test_a_container_is_handled_like_a_process_and_removed_at_the_end(tools: Tools) -> None:
    tools.make("docker", _DOCKER.format(path=tools.path, said="Kafka Server started"))
    state = tools.path / "state"
    with brokers.start(brokers.choose(load()), advertised_port=19_999) as running:
        started = (tools.path / "run").read_text()
        assert f"--publish {running.address}:" in started
        assert "PROXIED://127.0.0.1:19999" in started
        running.freeze()
        assert state.read_text() == "paused\n"
        running.thaw()
        running.kill()
        assert not running.running
        running.restart()
        assert running.running
    assert not state.exists()


def test_a_container_that_does_not_start_is_removed_and_its_log_quoted(tools: Tools) -> None:
    tools.make(
        "docker",
        _DOCKER.format(path=tools.path, said="no space left").replace("running > $state; ", "exited > $state; "),
    )
    with pytest.raises(BrokerStartError, match="no space left"):
        brokers.start(brokers.choose(load()))
    assert not (tools.path / "state").exists()

"""What tests share: a real Kafka broker for the session, topics of their own on it, brokers to inject faults into."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from eddy.devbroker import brokers
from eddy.devbroker.brokers import Engine, EngineKind, RunningBroker
from eddy.devbroker.node import free_port
from eddy.messaging.topics import plans
from eddy.settings import TOPICS, Settings, load

_WHY = pytest.StashKey[str]()
_PROXY_PORT = pytest.StashKey[int]()

SettingsFactory = Callable[..., Settings]
BrokerFactory = Callable[..., RunningBroker]
TopicsFactory = Callable[..., Settings]


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Engine:
    """What runs the brokers of this session. Without one the tests that need a broker fail, and say what to do."""
    chosen = brokers.choose(load())
    pytestconfig.stash[_WHY] = chosen.why
    return chosen


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests: has the one that sums up say what ran the brokers of this one."""
    handed_on = getattr(session.config, "workeroutput", None)
    if handed_on is not None and _WHY in session.config.stash:
        handed_on["engine"] = session.config.stash[_WHY]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if "engine" in getattr(node, "workeroutput", {}):
        node.config.stash[_WHY] = node.workeroutput["engine"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _WHY in config.stash:
        terminalreporter.write_line(config.stash[_WHY])


@pytest.fixture(scope="session")
def kafka(engine: Engine, pytestconfig: pytest.Config) -> Iterator[RunningBroker]:
    """A real broker that all tests of the session share: be kind to it; `broker_factory` makes others.

    Its second listener is for the fault proxy (fixture `proxy` of the tests of faults).
    """
    port = free_port()
    pytestconfig.stash[_PROXY_PORT] = port
    with brokers.start(engine, advertised_port=port) as running:
        yield running


@pytest.fixture(scope="session")
def proxy_port(kafka: RunningBroker, pytestconfig: pytest.Config) -> int:
    """The port that clients of the shared broker's second listener are sent on to."""
    _skip_unless_ours(kafka, "puts a proxy in front of its broker")
    return pytestconfig.stash[_PROXY_PORT]


@pytest.fixture
def broker_factory(engine: Engine) -> Iterator[BrokerFactory]:
    """Starts brokers for one test alone, to be killed and frozen; the arguments are those of `broker.start`."""
    started: list[RunningBroker] = []

    def start(**arguments: Any) -> RunningBroker:
        if engine.kind is EngineKind.GIVEN:
            pytest.skip("kills its broker, and EDDY_KAFKA_BOOTSTRAP_SERVERS names one that is not ours to kill")
        started.append(brokers.start(engine, **arguments))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFactory:
    """Makes settings as given, with a model store of the test's own."""

    def make(**overrides: Any) -> Settings:
        return load(**{"artifacts": tmp_path / "artifacts", **overrides})

    return make


@pytest.fixture
def topics(request: pytest.FixtureRequest, settings: SettingsFactory) -> TopicsFactory:
    """Makes topics with names of their own, and settings that point at them, with a group of their own.

    `make(partitions=4, address=None, **overrides)`; `address` is that of another broker than the session's, or of a
    proxy in front of it.
    """

    def make(partitions: int = 4, address: str | None = None, **overrides: Any) -> Settings:
        address = address or request.getfixturevalue("kafka").address
        mark = uuid.uuid4().hex[:8]
        made = settings(
            kafka_bootstrap_servers=address,
            group=f"eddy-{mark}",
            **{name: f"{Settings.model_fields[name].default}-{mark}" for name in TOPICS},
            topic_partitions=partitions,
            **overrides,
        )
        create_topics(address, {plan.name: plan.partitions for plan in plans(made)})
        return made

    return make


def create_topics(address: str, partitions: dict[str, int]) -> None:
    """Returns when each topic has leaders for all its partitions."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.create_topics(
            {name: {"num_partitions": count, "replication_factor": 1} for name, count in partitions.items()},
            wait_for_metadata=True,
        )
    finally:
        admin.close()


def _skip_unless_ours(running: RunningBroker, what: str) -> None:
    if isinstance(running, brokers.GivenBroker):
        pytest.skip(f"{what}, and EDDY_KAFKA_BOOTSTRAP_SERVERS names one that is not ours to change")

"""What tests of faults share: the proxy in front of the session's broker, and a stage for loops behind it."""

from collections.abc import Iterator

import pytest

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit.proxy import FaultProxy
from tests.faults.kit.stage import QUICK, SOUND, Stage, StageFactory, Variant


@pytest.fixture
def proxy(kafka: RunningBroker, proxy_port: int) -> Iterator[FaultProxy]:
    """A fault proxy in front of the shared broker. A test in which a rule never fired fails."""
    with FaultProxy(proxy_port, kafka.proxied_address) as running:
        yield running
        running.check()


@pytest.fixture
def stage_of(topics: TopicsFactory, proxy: FaultProxy) -> Iterator[StageFactory]:
    """Makes the stage for one variant of the loop."""
    made: list[Stage] = []

    def make(variant: Variant) -> Stage:
        made.append(Stage(topics(**QUICK), proxy, variant))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(stage_of: StageFactory) -> Stage:
    """A stage for the real loop."""
    return stage_of(SOUND)

"""The broker itself is killed, or stands still: workers outlive it, and nothing is lost or doubled."""

from pathlib import Path

from tests.conftest import BrokerFactory, TopicsFactory
from tests.faults.kit import scenarios
from tests.faults.kit.harness import SHORT, Rig

AWAY_S = 5.0


def test_workers_outlive_a_broker_that_is_killed_and_comes_back(
    broker_factory: BrokerFactory, topics: TopicsFactory, tmp_path: Path
) -> None:
    broker = broker_factory()
    with Rig(topics(address=broker.address, **SHORT), broker.address, tmp_path) as rig:
        scenarios.break_the_broker(rig, broker, AWAY_S, frozen=False)
        rig.check()


def test_workers_outlive_a_broker_that_stands_still_longer_than_every_time_out(
    broker_factory: BrokerFactory, topics: TopicsFactory, tmp_path: Path
) -> None:
    broker = broker_factory()
    with Rig(topics(address=broker.address, **SHORT), broker.address, tmp_path) as rig:
        scenarios.break_the_broker(rig, broker, AWAY_S, frozen=True)
        rig.check()

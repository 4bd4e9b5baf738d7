"""The nightly doses of faults (`make faults`): up to 45 minutes, each run with its seed printed.

`EDDY_FAULTS_DOSE=0.1` takes a tenth of each, to see that they work; `EDDY_FAULTS_SEED` has a run again.
"""

import os
from pathlib import Path

import pytest

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import BrokerFactory, TopicsFactory
from tests.faults.kit import scenarios
from tests.faults.kit.child import OPEN, Place
from tests.faults.kit.control import change_while_they_run
from tests.faults.kit.harness import SHORT, Rig

pytestmark = pytest.mark.nightly

DOSE = float(os.environ.get("EDDY_FAULTS_DOSE", "1"))
SEED = int(os.environ["EDDY_FAULTS_SEED"]) if "EDDY_FAULTS_SEED" in os.environ else None


def dose(full: int) -> int:
    """How often, or how many: the full dose or the share of it that was asked for, at least one."""
    return max(1, round(full * DOSE))


def test_f1_a_hundred_random_kills_in_a_million_transactions(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path, SEED) as rig:
        struck = scenarios.kill_at_random(rig, kills=dose(100), transactions=dose(1_000_000), workers=2)
        assert sum(place in OPEN for place in struck) >= 0.3 * len(struck), struck
        rig.check()


@pytest.mark.parametrize("workers", [2, 3])
def test_f2_workers_that_are_gone_for_good(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path, workers: int
) -> None:
    for number in range(dose(5)):
        (directory := tmp_path / str(number)).mkdir()
        with Rig(topics(**SHORT), kafka.address, directory, SEED) as rig:
            scenarios.lose_one(rig, workers)
            rig.check()


@pytest.mark.parametrize("place", [Place.BEGIN, Place.FLUSH, Place.OFFSETS, Place.COMMIT])
@pytest.mark.parametrize("session_ms", [2_000, 4_000])
def test_f3_zombies(kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path, place: Place, session_ms: int) -> None:
    """With the shorter session the others take over while the broker still holds the sleeper's commit open."""
    settings = topics(**{**SHORT, "session_timeout_ms": session_ms})
    with Rig(settings, kafka.address, tmp_path, SEED) as rig:
        for _ in range(dose(3)):
            scenarios.wake_a_zombie(rig, place, 1.5 * session_ms / 1000)
            rig.settle()
            rig.stop_workers()
        rig.check()


def test_f4_a_storm_of_rebalances(kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path, SEED) as rig:
        scenarios.come_and_go(rig, changes=dose(60), most=3, pause_s=(1, 4))
        rig.check()


def test_f5_two_processes_with_one_slot(kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path, SEED) as rig:
        for _ in range(dose(5)):
            scenarios.take_the_slot(rig)
            rig.settle()
            rig.stop_workers()
        rig.check()


def test_f6_a_broker_that_is_killed(broker_factory: BrokerFactory, topics: TopicsFactory, tmp_path: Path) -> None:
    broker = broker_factory()
    with Rig(topics(address=broker.address, **SHORT), broker.address, tmp_path, SEED) as rig:
        for _ in range(dose(10)):
            scenarios.break_the_broker(rig, broker, 5.0, frozen=False)
        rig.check()


def test_f7_a_broker_that_is_away_for_long(
    broker_factory: BrokerFactory, topics: TopicsFactory, tmp_path: Path
) -> None:
    """Longer than any time-out, the watchdog's included: a waiting worker does not hang."""
    broker = broker_factory()
    away_s = [30.0] * dose(3) + [120.0] * (DOSE >= 0.5)
    with Rig(topics(address=broker.address, **SHORT), broker.address, tmp_path, SEED) as rig:
        for seconds in away_s:
            scenarios.break_the_broker(rig, broker, seconds, frozen=False)
        rig.check()


@pytest.mark.parametrize("seconds", [5.0, 15.0, 45.0])
def test_f8_a_broker_that_stands_still(
    broker_factory: BrokerFactory, topics: TopicsFactory, tmp_path: Path, seconds: float
) -> None:
    broker = broker_factory()
    with Rig(topics(address=broker.address, **SHORT), broker.address, tmp_path, SEED) as rig:
        for _ in range(dose(3)):
            scenarios.break_the_broker(rig, broker, seconds, frozen=True)
        rig.check()


def test_f26_workers_that_are_told_to_stop_in_mid_stream(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path, SEED) as rig:
        for _ in range(dose(20)):
            scenarios.stop_in_mid_batch(rig, rig.random.choice(sorted(OPEN)), 8.0)
            rig.settle()
            rig.stop_workers()
        rig.check()


def test_f19_a_thousand_racing_changes_of_threshold_and_model(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path, SEED) as rig:
        change_while_they_run(rig, changes=max(50, dose(1_000)))

"""A worker that slept too long, and two workers under one name: nothing doubled, and only a rival ends a worker."""

import signal
import time
from pathlib import Path

import pytest

from eddy.consumer.worker import SLOT_TAKEN
from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit import scenarios
from tests.faults.kit.child import Place, Trap
from tests.faults.kit.harness import SHORT, Rig


@pytest.mark.parametrize("place", [Place.FLUSH, Place.OFFSETS])
def test_a_worker_that_slept_in_an_open_commit_longer_than_every_time_out_goes_on_and_doubles_nothing(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path, place: Place
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        scenarios.wake_a_zombie(
            rig, place, 1.5 * max(SHORT["session_timeout_ms"], SHORT["transaction_timeout_ms"]) / 1000
        )
        rig.check()


def test_a_worker_that_slept_only_longer_than_its_session_doubles_nothing(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    settings = topics(**{**SHORT, "session_timeout_ms": 2_000, "transaction_timeout_ms": 12_000})
    with Rig(settings, kafka.address, tmp_path) as rig:
        scenarios.wake_a_zombie(rig, Place.FLUSH, 3.0)
        rig.check()


def test_the_older_of_two_workers_with_one_slot_ends_with_an_error_and_nothing_is_doubled(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        scenarios.take_the_slot(rig)
        rig.check()


def test_a_worker_that_slept_while_another_took_its_slot_ends_with_an_error_when_it_wakes(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        rig.publish(3_000)
        older = rig.start(0, Trap(Place.OFFSETS, nth=None, signal=signal.SIGSTOP))
        rig.spring(older)
        newer = rig.start(0)
        newer.wait_commits()
        time.sleep(0.5)
        older.thaw()
        assert older.wait() == SLOT_TAKEN
        rig.check()

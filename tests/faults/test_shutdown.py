"""A worker that gets SIGTERM ends cleanly: in time, with exit code 0, and its partitions are free at once."""

from pathlib import Path

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit import scenarios
from tests.faults.kit.child import Place
from tests.faults.kit.harness import SHORT, Rig

PATIENT = {**SHORT, "session_timeout_ms": 9_000, "stall_timeout_ms": 10_000}
"""No member is removed from the group in these tests: those that lose partitions have left."""
TAKEN_OVER_WITHIN_S = 8.0


def test_a_worker_told_to_stop_in_mid_batch_ends_well_and_leaves_its_partitions_to_the_others_at_once(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**PATIENT), kafka.address, tmp_path) as rig:
        scenarios.stop_in_mid_batch(rig, Place.FLUSH, TAKEN_OVER_WITHIN_S)
        rig.check()


def test_a_rolling_restart_and_workers_that_come_and_go_lose_and_double_nothing(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**PATIENT), kafka.address, tmp_path) as rig:
        scenarios.come_and_go(rig, changes=5, most=3, pause_s=(0, 1))
        rig.check()

"""Threshold and model change while workers run, by writers who race."""

from pathlib import Path

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit.control import change_while_they_run
from tests.faults.kit.harness import SHORT, Rig


def test_workers_follow_racing_changes_and_every_verdict_names_the_change_that_it_rests_on(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        change_while_they_run(rig, changes=50)

"""A worker may be killed anywhere, at any time: each transaction still comes out exactly once, and soon."""

import os
import signal
import time
from pathlib import Path

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit import scenarios
from tests.faults.kit.child import OPEN, Place, Trap
from tests.faults.kit.harness import KILLED, SHORT, Rig
from tests.faults.kit.worker import wait_until

BACK_WITHIN_S = 5.0

STEPS = [
    Trap(Place.BEGIN),
    Trap(Place.SEND, nth=25),
    Trap(Place.FLUSH),
    Trap(Place.OFFSETS),
    Trap(Place.COMMIT),
    Trap(Place.COMMIT, delay_s=0.002),
    Trap(Place.IDLE),
]
"""The last two: inside the call that commits, and right behind it."""


def test_a_worker_killed_at_each_step_of_a_commit_leaves_nothing_out_and_nothing_double(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        rig.publish(2_000)
        for trap in STEPS:
            rig.publish(1_000)
            worker = rig.start(0, trap)
            assert worker.wait() == KILLED
            assert worker.board.trapped, f"died before it came to {trap}"
        rig.start(0)
        rig.check(visible_s=60)  # one life after the other ends early, and each begins with the same partition


def test_ten_random_kills_in_50_000_transactions_leave_nothing_out_and_nothing_double(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        struck = scenarios.kill_at_random(rig, kills=10, transactions=50_000, workers=2)
        assert sum(place in OPEN for place in struck) >= 3, struck
        rig.check()


def test_a_supervised_worker_that_was_killed_commits_again_within_5_s(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        supervisor = rig.supervise(2)
        board = supervisor.board_of(1)
        while not board.commits:
            rig.publish(1_000)
        victim = board.pid
        killed_at = 0.0

        def killed() -> bool:
            nonlocal killed_at
            if board.place not in OPEN:
                return False
            os.kill(victim, signal.SIGKILL)
            killed_at = time.monotonic()
            return True

        rig.strike(killed, supervisor)
        rig.publish(2_000)
        wait_until(lambda: board.pid != victim and board.commits > 0, 30, "a commit of the successor")
        assert board.first_commit_at - killed_at < BACK_WITHIN_S
        rig.check()


def test_the_partitions_of_a_worker_that_is_gone_for_good_go_to_the_other(
    kafka: RunningBroker, topics: TopicsFactory, tmp_path: Path
) -> None:
    with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
        scenarios.lose_one(rig, workers=2)
        rig.check()

"""Runs that the test command takes in small doses, and `make faults` in large ones."""

import signal
import time

from eddy.consumer.worker import SLOT_TAKEN, STOPPED
from eddy.devbroker.brokers import RunningBroker
from tests.faults.kit.child import OPEN, Place, Trap
from tests.faults.kit.harness import STOP_WITHIN_S, Rig
from tests.faults.kit.worker import Worker

TAKEN_OVER_WITHIN_S = 5.0
RESUMED_WITHIN_S = 10.0


def kill_at_random(rig: Rig, kills: int, transactions: int, workers: int) -> list[Place]:
    """kill -9, each time another worker may be struck and is started again. Returns where in a commit that was.

    Every second one is sure to strike inside of an open commit, the others come whenever they come.
    """
    running = [rig.start(slot) for slot in range(workers)]
    struck = []
    for number in range(kills):
        rig.publish(transactions // (kills + 1))
        slot = rig.random.randrange(workers)
        if number % 2:
            rig.freeze_inside(running[slot])
        else:
            time.sleep(rig.random.uniform(0, 1))
        struck.append(running[slot].kill())
        running[slot] = rig.start(slot)
    rig.publish(max(0, transactions - rig.published))
    print(f"struck at {[place.name for place in struck]}")
    return struck


def lose_one(rig: Rig, workers: int) -> None:
    """A worker dies inside of an open commit and never comes back: the others go on with its partitions."""
    running = get_going(rig, workers)
    lost = rig.random.choice(running)
    rig.freeze_inside(lost)
    assert lost.kill() in OPEN
    wait_taken_over(rig)


def wait_taken_over(rig: Rig) -> None:
    """Somebody reads on in every partition, once the session of who is gone, and its open commit, have timed out."""
    timeouts_ms = rig.settings.session_timeout_ms, rig.settings.transaction_timeout_ms
    rig.wait_moved(max(timeouts_ms) / 1000 + TAKEN_OVER_WITHIN_S)


def get_going(rig: Rig, workers: int, trap: Trap | None = None) -> list[Worker]:
    """Workers that have all committed, the first of them with a trap, and have plenty before them."""
    running = [rig.start(slot, None if slot else trap) for slot in range(workers)]
    while not all(worker.board.commits for worker in running):
        rig.publish(500)
        assert all(worker.running for worker in running), [worker.tail() for worker in running]
    rig.publish(12_000)
    return running


def wake_a_zombie(rig: Rig, place: Place, sleep_s: float) -> None:
    """A worker stands still in an open commit until others have done its work, then goes on where it was."""
    zombie, other = get_going(rig, 2, Trap(place, nth=None, signal=signal.SIGSTOP))
    rig.spring(zombie)
    slept_at, done = time.monotonic(), zombie.board.commits
    wait_taken_over(rig)
    time.sleep(max(0.0, slept_at + sleep_s - time.monotonic()))
    zombie.thaw()
    while zombie.board.commits <= done:
        rig.publish(500)
        assert zombie.running, zombie.tail()
        assert other.running, other.tail()


def stop_in_mid_batch(rig: Rig, place: Place, within_s: float) -> None:
    """A worker gets SIGTERM inside a commit: it ends cleanly, and another soon has its partitions."""
    leaving, _ = get_going(rig, 2, Trap(place, nth=None, signal=signal.SIGTERM))
    rig.spring(leaving)
    assert leaving.wait(STOP_WITHIN_S) == STOPPED
    rig.wait_moved(within_s)


def take_the_slot(rig: Rig) -> None:
    """A second process with the same slot: the older one ends, and says why."""
    older = rig.start(0)
    rig.publish(2_000)
    older.wait_commits()
    newer = rig.start(0)
    while older.running or not newer.board.commits:
        rig.publish(500)
        assert newer.running, newer.tail()
        assert time.monotonic() - newer.started_at < 30, older.tail()
    assert older.wait() == SLOT_TAKEN


def break_the_broker(rig: Rig, broker: RunningBroker, away_s: float, *, frozen: bool) -> None:
    """The broker dies and comes back, or stands still; the workers, one of them in an open commit, outlive it."""
    workers = [worker for worker in rig.workers if worker.running] or get_going(rig, 2)
    rig.freeze_inside(workers[0])
    begun = time.time()
    (broker.freeze if frozen else broker.kill)()
    workers[0].thaw()
    time.sleep(away_s)
    (broker.thaw if frozen else broker.restart)()
    rig.outages.append((begun, time.time()))
    rig.wait_moved(RESUMED_WITHIN_S)
    assert all(worker.running for worker in workers), [worker.tail() for worker in workers]


def come_and_go(rig: Rig, changes: int, most: int, pause_s: tuple[float, float]) -> None:
    """Workers join and leave cleanly, in mid-stream."""
    running = {0: rig.start(0)}
    for _ in range(changes):
        rig.publish(2_000)
        time.sleep(rig.random.uniform(*pause_s))
        slot = rig.random.randrange(most)
        if slot in running and len(running) > 1:
            leaving = running.pop(slot)
            leaving.wait_started()
            leaving.terminate()
            assert leaving.wait(STOP_WITHIN_S) == STOPPED
        elif slot not in running:
            running[slot] = rig.start(slot)
        else:
            running[(slot + 1) % most] = rig.start((slot + 1) % most)

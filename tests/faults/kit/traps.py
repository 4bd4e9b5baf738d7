"""The traps: each disturbs the loop on the stage. The real one must survive it, a wrong one must not.

Each returns when its fault has struck and is over; none checks the outcome. They say which requests are disturbed and
when; `docs/guarantees.md` says what the client does not do by itself there.
"""

import time
from typing import Any

from tests.faults.kit.proxy import Api, Request
from tests.faults.kit.stage import OUTLAST_S, HeldProcessor, Stage, Worker
from tests.faults.kit.worker import wait_until

NOT_ENOUGH_REPLICAS = 19
PATIENT: dict[str, Any] = {
    "request_timeout_ms": 20_000,
    "delivery_timeout_ms": 20_000,
    "transaction_timeout_ms": 20_000,
}
"""For a worker whose requests are held up, but must not time out."""
IMPATIENT: dict[str, Any] = {"max_poll_interval_ms": 2_000}
"""For a worker that is to be thrown out of its group soon."""


def expired_batch(stage: Stage) -> None:
    """The alerts of a batch are in a black hole for longer than they may take; the commit could go through."""
    stage.publish(200)
    rule = stage.proxy.on(Api.PRODUCE, topic=stage.settings.topic_alerts, nth=2, every=True).black_hole()
    stage.start()
    rule.wait()
    time.sleep(OUTLAST_S)
    stage.proxy.heal()


def refused_alerts(stage: Stage) -> None:
    """The broker refuses to store alerts for longer than they may take: too few replicas, it says."""
    stage.publish(200)
    rule = stage.proxy.on(Api.PRODUCE, topic=stage.settings.topic_alerts, nth=2, every=True).refuse(NOT_ENOUGH_REPLICAS)
    stage.start()
    rule.wait()
    time.sleep(OUTLAST_S)
    stage.proxy.heal()


def silent_network(stage: Stage) -> None:
    """Alerts are stored, but from then on nothing is heard of anybody for a while: an abort would fail as well."""
    stage.publish(200)
    rule = stage.proxy.on(Api.PRODUCE, topic=stage.settings.topic_alerts, nth=2).before(lambda _: stage.proxy.stall())
    stage.start()
    rule.wait()
    time.sleep(OUTLAST_S + 2)
    stage.proxy.heal()


def lost_commit_reply(stage: Stage) -> None:
    """A commit happens, and nobody says so."""
    stage.publish(200)
    rule = stage.proxy.on(Api.END_TXN, nth=2).drop_reply()
    worker = stage.start()
    rule.wait()
    worker.wait_failure()


def black_hole(stage: Stage, api: Api, nth: int) -> None:
    """One kind of request of a commit is never answered, until the worker has timed out once."""
    stage.publish(200)
    rule = stage.proxy.on(api, nth=nth, every=True).black_hole()
    worker = stage.start()
    rule.wait()
    worker.wait_failure(within_s=10)
    stage.proxy.heal()


def failed_request(stage: Stage, api: Api, error: int, *, took_effect: bool) -> None:
    """A request of a commit is answered with an error, true or not."""
    stage.publish(200)
    rule = stage.proxy.on(api, nth=2)
    rule = rule.reply_error(error) if took_effect else rule.refuse(error)
    stage.start()
    rule.wait()


def overtaken(stage: Stage) -> None:
    """A batch takes so long that another member reads and commits it first."""
    stage.publish(200)
    processor = HeldProcessor(stage.processor(), nth=2)
    stage.start(0, processor=processor, **IMPATIENT)
    assert processor.holding.wait(20)
    stage.start(1, **IMPATIENT)
    assert stage.settle()
    processor.release.set()
    time.sleep(1)


def rebalanced_inside_a_commit(stage: Stage, api: Api, *, over: bool) -> None:
    """The group rebalances while a commit is under way: begun only, or over, with all partitions another member's."""
    stage.publish(200)

    def let_in(_: Request) -> None:
        joined = stage.proxy.seen[Api.JOIN_GROUP]
        other = stage.start(1, **IMPATIENT)
        if over:
            other.wait_commits(1)
        else:
            wait_until(lambda: stage.proxy.seen[Api.JOIN_GROUP] > joined, 10, "another member to join")
            time.sleep(0.5)

    rule = stage.proxy.on(api, nth=2).before(let_in)
    stage.start(0, **PATIENT, **IMPATIENT)
    rule.wait()
    wait_until(lambda: len(stage.workers) == 2 and stage.workers[1].stable, 20, "the other to be a member")
    stage.publish(100)
    wait_until(lambda: stage.workers[1].commits > 0, 20, "the other member's commit")


def taken_over_before_the_end(stage: Stage) -> None:
    """Offsets are sent, and accepted; before the commit ends, the partitions are another member's."""
    stage.publish(200)

    def let_in(_: Request) -> None:
        asked = stage.proxy.seen[Api.OFFSET_FETCH]
        stage.start(1, **IMPATIENT)
        wait_until(lambda: stage.proxy.seen[Api.OFFSET_FETCH] > asked, 15, "another member to ask for offsets")
        time.sleep(4)  # long enough to read on from an offset that was not to be given, on a busy machine too

    rule = stage.proxy.on(Api.END_TXN, nth=2).before(let_in)
    stage.start(0, **PATIENT, **IMPATIENT)
    rule.wait()
    wait_until(lambda: len(stage.workers) == 2 and stage.workers[1].commits > 0, 20, "the other member's commit")


def transactional_input(stage: Stage) -> None:
    """The input comes in Kafka transactions: some are aborted, one is open for a while, all leave gaps."""
    for commit in (True, False, True):
        with stage.publishing(40, commit=commit):
            pass
    stage.start()
    with stage.publishing(40, commit=False):
        stage.publish(40)
        time.sleep(1)
    with stage.publishing(40):
        time.sleep(1)
    with stage.publishing(10, commit=False):
        pass


def late_to_its_group(stage: Stage) -> None:
    """While a member waits to hear what it is assigned, and long, the topic gets one partition more."""
    stage.publish(100)
    join = stage.proxy.on(Api.JOIN_GROUP).after(lambda _: _add_partition(stage))
    late = stage.proxy.on(Api.SYNC_GROUP).delay(0.7)
    worker = stage.start()
    join.wait()
    late.wait()
    worker.wait_commits(1)
    stage.publish(100)


def _add_partition(stage: Stage) -> None:
    admin = stage.admin()
    admin.create_partitions({stage.settings.topic_transactions: stage.settings.topic_partitions + 1})
    admin.close()


def never_let_in(stage: Stage) -> Worker:
    """A member that asks to join hears nothing, for longer than it may take."""
    stage.publish(100)
    rule = stage.proxy.on(Api.SYNC_GROUP, every=True).black_hole()
    worker = stage.start(stall_timeout_ms=2_000)
    rule.wait()
    wait_until(lambda: "Stalled" in worker.failures, 20, "the worker to see that it has stalled")
    stage.proxy.heal()
    return worker


def unreachable_broker(stage: Stage, seconds: float) -> Worker:
    """The broker is out of reach for a while, of a worker that has nothing to do: only its consumer notices."""
    stage.publish(100)
    worker = stage.start()
    assert stage.settle()
    stage.proxy.sever()
    stage.publish(100)
    time.sleep(seconds)
    stage.proxy.heal()
    return worker


def successor(stage: Stage) -> tuple[Worker, float]:
    """A worker goes silent without a word; another is started in its slot; then the first is back.

    Returns the first, and how long it took the second to commit.
    """
    stage.publish(200)
    silent = stage.start(0, session_timeout_ms=12_000)
    silent.wait_commits(1)
    stage.proxy.stall()
    stage.publish(200)
    other = stage.start(0, through_proxy=False, session_timeout_ms=12_000)
    took_s = other.wait_commits(1)
    stage.proxy.heal()
    return silent, took_s

"""A worker killed exactly before and exactly after each request of a commit: complete and undoubled."""

from pathlib import Path

import pytest

from eddy.devbroker.brokers import RunningBroker
from tests.conftest import TopicsFactory
from tests.faults.kit.harness import KILLED, SHORT, Rig
from tests.faults.kit.proxy import Api, FaultProxy

REQUESTS = [Api.ADD_PARTITIONS_TO_TXN, Api.PRODUCE, Api.ADD_OFFSETS_TO_TXN, Api.TXN_OFFSET_COMMIT, Api.END_TXN]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_at_each_request_of_a_commit_leaves_nothing_out_and_nothing_double(
    kafka: RunningBroker, proxy: FaultProxy, topics: TopicsFactory, tmp_path: Path, when: str
) -> None:
    settings = topics(**SHORT)
    through = settings.model_copy(update={"kafka_bootstrap_servers": proxy.address})
    with Rig(through, kafka.address, tmp_path) as rig:
        rig.publish(2_000)
        for api in REQUESTS:
            rig.publish(1_000)
            worker = rig.start(0)
            rule = proxy.on(api, nth=3)
            if when == "before":
                rule.before(lambda _, worker=worker: worker.end()).cut()
            else:
                rule.after(lambda _, worker=worker: worker.end()).cut_after()
            rule.wait(30)
            assert worker.wait() == KILLED
            proxy.heal()
        rig.start(0)
        rig.check(visible_s=60)  # one life after the other ends early, and each begins with the same partition

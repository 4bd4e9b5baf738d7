"""The status of the stream, from the topics alone."""

from contextlib import closing

import pytest

from eddy.consumer.status import PartitionStatus, status
from eddy.control.change import MODEL, NONE, THRESHOLD, AlertRate, UseModel
from eddy.control.state import ControlState, fold
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import LedgerRecord, ledger_message
from eddy.messaging.ports import Message
from eddy.messaging.topics import plans
from eddy.settings import load
from tests.control.test_state import encoded, records

SETTINGS = load(topic_partitions=2)
CHANGED = fold(records(encoded(NONE, AlertRate(0.01)), encoded(NONE, UseModel("m2", "h"), MODEL)))


@pytest.fixture
def now() -> list[int]:
    return [0]


@pytest.fixture
def broker(now: list[int]) -> MemoryBroker:
    made = MemoryBroker({plan.name: plan.partitions for plan in plans(SETTINGS)}, clock=lambda: now[0])
    for number in range(3):
        made.publisher().send(Message("transactions", b"c", b"%d" % number, partition=1))
    return made


def commit(broker: MemoryBroker, model: str, offset: int | None) -> None:
    entry = LedgerRecord("transactions", 1, 0, 0, 1, 0, 0, model, 1.0, (), offset)
    broker.publisher().send(ledger_message("ledger", entry))


def found(broker: MemoryBroker, state: ControlState, changed_ms: int | None) -> list[PartitionStatus]:
    with closing(broker.reader()) as reader:
        return status(reader, SETTINGS, state, changed_ms)


def test_before_the_first_commit_there_is_only_the_lag(broker: MemoryBroker) -> None:
    assert found(broker, ControlState(), None) == [PartitionStatus(0, 0), PartitionStatus(1, 3)]


def test_the_last_commit_says_by_what_a_partition_is_scored(broker: MemoryBroker, now: list[int]) -> None:
    for at, model, offset in ((5_000, "m1", None), (9_000, "m2", 1)):
        now[0] = at
        commit(broker, model, offset)
    assert found(broker, CHANGED, 6_000)[1] == PartitionStatus(1, 3, 9_000, "m2", 1, behind=False)


@pytest.mark.parametrize(("at", "offset", "behind"), [(7_000, 0, False), (9_000, 0, True), (9_000, 1, False)])
def test_a_partition_is_behind_if_it_is_scored_without_the_last_change_well_after_it(
    broker: MemoryBroker, now: list[int], at: int, offset: int, behind: bool
) -> None:
    now[0] = at
    commit(broker, "m1", offset)
    assert (CHANGED.base(THRESHOLD), CHANGED.base(MODEL)) == (0, 1)
    assert found(broker, CHANGED, 6_000)[1].behind is behind


def test_what_is_no_ledger_record_is_passed_over(broker: MemoryBroker) -> None:
    broker.publisher().send(Message("ledger", b"1", b"garbage"))
    assert found(broker, ControlState(), None)[1].model is None

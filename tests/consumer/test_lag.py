"""Lag and ages follow the clock, whatever the loop does."""

import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from eddy.consumer.lag import SAMPLES_MOST, Lag, LagMonitor, Lags, Waiting, monitored
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import BrokerError, Partition
from eddy.settings import Settings
from tests.consumer.streams import Stream, running, step_until


class Latest:
    """Keeps the last report."""

    def __init__(self) -> None:
        self.lags: Lags = {}

    def __call__(self, lags: Lags) -> None:
        self.lags = lags

    def by_partition(self) -> dict[int, int]:
        return {p.partition: lag.messages for p, lag in self.lags.items()}


def test_a_burst_that_was_drained_leaves_no_lag_and_a_stalled_worker_shows_its_own(stream: Stream) -> None:
    latest = Latest()
    with running(stream.loop()) as loop:
        monitor = LagMonitor(stream.broker, stream.settings, lambda: loop.assigned, latest)
        stream.publish(20, 0)
        step_until(loop, lambda: len(stream.alerted()) == 20 and stream.at_end())
        monitor.measure()
        assert latest.by_partition() == {0: 0, 1: 0}
        stream.publish(7, 1)  # and the loop takes no step
        before = time.time()
        monitor.measure()
        assert latest.by_partition() == {0: 0, 1: 7}
        since = {p.partition: lag.since for p, lag in latest.lags.items()}
        assert since[0] is None
        assert since[1] is not None
        assert before <= since[1] <= time.time()
        step_until(loop, stream.at_end)
        monitor.measure()
        assert latest.by_partition() == {0: 0, 1: 0}


def test_a_worker_whose_commits_fail_shows_the_lag_of_the_partitions_that_it_had(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = Latest()
    with running(stream.loop()) as loop:
        stream.publish(3)
        step_until(loop, lambda: len(stream.alerted()) == 3 and stream.at_end())
        monkeypatch.setattr(loop, "_publish", _fail)
        stream.publish(4)
        for _ in range(3):
            loop.step()
        LagMonitor(stream.broker, stream.settings, lambda: loop.assigned, latest).measure()
    assert latest.by_partition() == {0: 4, 1: 0}


def _fail(*arguments: Any) -> None:  # noqa: ARG001
    raise BrokerError("the ledger is gone")


def test_messages_wait_since_they_were_first_seen() -> None:
    waiting = Waiting()
    assert waiting.since(0, committed=10, end=10) is None
    assert waiting.since(5, committed=10, end=12) == 5
    assert waiting.since(10, committed=10, end=15) == 5
    assert waiting.since(15, committed=12, end=15) == 10, "the first two are committed"
    assert waiting.since(20, committed=15, end=15) is None


def test_the_oldest_message_is_remembered_however_long_it_waits() -> None:
    waiting = Waiting()
    assert all(waiting.since(at, committed=0, end=1 + at) == 0 for at in range(3 * SAMPLES_MOST))
    assert len(waiting._samples) <= SAMPLES_MOST


def test_a_broker_that_does_not_answer_is_logged_once_and_the_last_report_stays() -> None:
    latest, partition = Latest(), Partition("transactions", 0)
    monitor = LagMonitor(MemoryBroker({}), Settings(), lambda: frozenset({partition}), latest)
    latest({partition: Lag(3, 1.0)})
    with capture_logs() as logged:
        monitor.measure()
        monitor.measure()
    assert [said["event"] for said in logged] == ["the lag is unknown"]
    assert latest.lags == {partition: Lag(3, 1.0)}


def test_the_lag_is_measured_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eddy.consumer.lag.MEASURE_EVERY_S", 0.01)
    reports: list[Lags] = []
    monitor = LagMonitor(MemoryBroker({"transactions": 1}), Settings(), frozenset, reports.append)
    with monitored(monitor):
        deadline = time.monotonic() + 10
        while len(reports) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(reports) >= 3

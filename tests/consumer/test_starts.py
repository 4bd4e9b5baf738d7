"""Where partitions begin that have no committed offset: never before what the ledger answers for."""

import threading
import time
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from structlog.testing import capture_logs

from eddy.consumer.starts import StartRefused, Starts
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.messages import LedgerRecord, read_ledger
from eddy.messaging.ports import Partition, Span
from tests.conftest import TopicsFactory
from tests.consumer.streams import Stream, running, step_until

RESUMED = "no committed offset: resuming where the ledger ends"


def entry(partition: int, first: int, last: int, topic: str = "transactions", group: str | None = None) -> LedgerRecord:
    passed = last - first + 1
    return LedgerRecord(topic, partition, first, last, passed, 0, 0, "rule-1", 10.0, (), group=group)


def test_a_group_whose_offsets_expired_resumes_where_the_ledger_ends(stream: Stream) -> None:
    stream.publish(20, 0)
    stream.publish(10, 1)
    stream.work(30)
    stream.forget()
    stream.publish(3, 0)
    with capture_logs() as logged:
        stream.work(33)
    assert len(set(stream.alerted())) == len(stream.alerted()) == 33
    assert stream.audit().balanced
    resumed = [(said["partition"], said["offset"]) for said in logged if said["event"] == RESUMED]
    assert sorted(resumed) == [(0, 20), (1, 10)], "once for each partition"
    assert all("offsets.retention.minutes" in said["remedy"] for said in logged if said["event"] == RESUMED)


@pytest.mark.parametrize("start", ["earliest", "latest", "ledger"])
def test_the_ledger_comes_before_the_setting(stream: Stream, start: str) -> None:
    stream.publish(5)
    stream.work(5)
    stream.forget()
    stream.publish(2)
    stream.work(7, start=start)
    assert len(set(stream.alerted())) == len(stream.alerted()) == 7
    assert stream.audit().balanced


def test_a_new_group_starts_at_the_earliest_message(stream: Stream) -> None:
    stream.publish(5)
    stream.work(5)
    assert stream.audit().balanced


def test_latest_passes_over_what_is_there_once_and_the_ledger_says_so(stream: Stream) -> None:
    stream.publish(5, 0)
    with running(stream.loop(start="latest")) as loop:
        step_until(loop, stream.at_end)
    stream.publish(2, 0)  # while no worker runs
    stream.publish(1, 1)
    stream.work(3, start="latest")
    topic = stream.settings.topic_transactions
    assert stream.alerted() == [(Partition(topic, 0), 5), (Partition(topic, 0), 6), (Partition(topic, 1), 0)]
    found = stream.audit()
    assert found.balanced
    assert (found.messages, found.skipped) == (3, 5)
    assert "5 offsets skipped by EDDY_START=latest" in found.verdict()


def test_a_committed_offset_is_never_moved(stream: Stream) -> None:
    stream.publish(5)
    stream.work(5)
    stream.publish(4)
    last = entry(0, 5, 6, stream.settings.topic_transactions, stream.settings.group)
    stream.record(last)
    stream.work(9, start="latest")
    assert len(stream.alerted()) == 9


@pytest.mark.parametrize("start", ["ledger", "committed"])
def test_a_start_that_the_setting_does_not_allow_is_refused_with_the_remedy(stream: Stream, start: str) -> None:
    stream.publish(5)
    with running(stream.loop(start=start)) as loop, pytest.raises(StartRefused, match=r"set EDDY_START to earliest"):
        step_until(loop, stream.at_end)
    assert not stream.alerted()


def test_committed_refuses_even_where_the_ledger_knows(stream: Stream) -> None:
    stream.publish(5)
    stream.work(5)
    stream.forget()
    with running(stream.loop(start="committed")) as loop, pytest.raises(StartRefused, match="EDDY_START=committed"):
        step_until(loop, stream.at_end)


def test_latest_resumes_from_the_ledger_though_retention_has_emptied_the_partition(stream: Stream) -> None:
    stream.publish(5)
    stream.work(5)
    stream.forget()
    rule = Starts(stream.broker, stream.settings.model_copy(update={"start": "latest"}), lambda: None)
    partition = Partition(stream.settings.topic_transactions, 0)
    assert rule({partition: Span(5, 5)}) == {partition: 5}
    decision = rule.decision()
    assert decision is not None
    assert (decision.offsets, decision.messages) == ({partition: 5}, ())


def test_records_of_another_group_are_not_resumed_from_those_without_a_group_are(stream: Stream) -> None:
    topic = stream.settings.topic_transactions
    stream.publish(5, 0)
    stream.publish(5, 1)
    stream.record(entry(0, 0, 2, topic), entry(1, 0, 2, topic, "another"), entry(0, 0, 3, "other-topic"))
    stream.work(7)
    assert stream.alerted() == [(Partition(topic, 0), 3), (Partition(topic, 0), 4)] + [
        (Partition(topic, 1), offset) for offset in range(5)
    ]


def test_a_ledger_that_reaches_beyond_the_partition_is_not_resumed_from(stream: Stream) -> None:
    stream.publish(5)
    stream.record(entry(0, 0, 99, stream.settings.topic_transactions))
    with capture_logs() as logged:
        stream.work(5)
    assert len(stream.alerted()) == 5
    assert sum("made again" in said["event"] for said in logged) == 1


def test_a_record_far_back_in_the_ledger_is_found(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eddy.consumer.starts.LAST_RECORDS", 2)
    topic = stream.settings.topic_transactions
    stream.publish(5)
    stream.record(entry(0, 0, 1, topic), *(entry(0, n, n, "other-topic") for n in range(50)))
    stream.work(3)
    assert [offset for _, offset in stream.alerted()] == [2, 3, 4]


def test_two_workers_of_a_group_whose_offsets_expired_double_nothing(stream: Stream) -> None:
    stream.publish(8, 0)
    stream.publish(8, 1)
    stream.work(16)
    stream.forget()
    stream.publish(4, 0)
    stream.publish(4, 1)
    with running(stream.loop(0)) as first, running(stream.loop(1)) as second:
        stop = threading.Event()
        threads = [threading.Thread(target=step_until, args=(loop, stop.is_set)) for loop in (first, second)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 40
        while not stream.at_end() and time.monotonic() < deadline:
            time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join()
    assert len(set(stream.alerted())) == len(stream.alerted()) == 24
    assert stream.audit().balanced


def test_the_ledger_names_the_group(stream: Stream) -> None:
    stream.publish(1)
    stream.work(1)
    reader = stream.broker.reader()
    groups = [read_ledger(record).group for record in reader.read(stream.settings.topic_ledger)]
    reader.close()
    assert groups == [stream.settings.group]


@pytest.fixture
def on_kafka(topics: TopicsFactory) -> Stream:
    settings = topics(partitions=2)
    return Stream(KafkaBroker(settings), settings, lambda: None)


def delete_before(stream: Stream, partition: int, offset: int) -> None:
    """What retention does."""
    admin = KafkaAdminClient(bootstrap_servers=stream.settings.kafka_bootstrap_servers)
    try:
        admin.delete_records({TopicPartition(stream.settings.topic_transactions, partition): offset})
    finally:
        admin.close()


LOST = "lost: partition 0, offsets 10 to 14: retention deleted them before they were read"


def test_messages_deleted_while_no_worker_ran_are_lost_aloud(on_kafka: Stream) -> None:
    on_kafka.publish(10)
    on_kafka.work(10)
    on_kafka.publish(10)
    delete_before(on_kafka, 0, 15)
    with capture_logs() as logged:
        on_kafka.work(15)
    assert len(set(on_kafka.alerted())) == len(on_kafka.alerted()) == 15
    assert on_kafka.audit().problems == (LOST,)
    lost = [(said["first"], said["last"]) for said in logged if said["log_level"] == "error"]
    assert lost == [(10, 14)]


def test_messages_deleted_under_a_running_worker_are_lost_aloud(on_kafka: Stream) -> None:
    on_kafka.publish(10)
    with running(on_kafka.loop()) as loop:
        step_until(loop, lambda: len(on_kafka.alerted()) == 10 and on_kafka.at_end())
        on_kafka.publish(5)
        on_kafka.publish(5)
        delete_before(on_kafka, 0, 15)
        forget_fetched(loop)
        step_until(loop, lambda: len(on_kafka.alerted()) == 15 and on_kafka.at_end())
        assert loop.lost == 5
    assert on_kafka.audit().problems == (LOST,)


def forget_fetched(loop: Any) -> None:
    """As if the client had not fetched ahead what was deleted since."""
    client = loop._consumer._client
    client.seek(*next((p, offset) for p, offset in loop._consumer.positions().items() if p.partition == 0))


def test_messages_deleted_together_with_the_committed_offset_are_lost_aloud(on_kafka: Stream) -> None:
    on_kafka.publish(20)
    topic = on_kafka.settings.topic_transactions
    on_kafka.record(entry(0, 0, 9, topic))
    delete_before(on_kafka, 0, 15)
    on_kafka.work(5)
    assert [offset for _, offset in on_kafka.alerted()] == [15, 16, 17, 18, 19]
    assert on_kafka.audit().problems == (LOST,)

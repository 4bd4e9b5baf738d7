"""Topics are made once and left alone; what is wrong with one is said together with what to do."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.topics import TopicAdmin, TopicPlan, TopicState, check, create, plans
from eddy.settings import TOPICS, Settings, load


@pytest.fixture(params=["memory", "kafka"])
def made(request: pytest.FixtureRequest) -> Any:
    """A broker's admin, and settings whose topics it does not have yet."""
    address = request.getfixturevalue("kafka").address if request.param == "kafka" else "127.0.0.1:1"
    wanted = own_settings(address)
    admin = KafkaBroker(wanted).topic_admin() if request.param == "kafka" else MemoryBroker().topic_admin()
    yield admin, wanted
    admin.close()


def own_settings(address: str, **overrides: Any) -> Settings:
    mark = uuid.uuid4().hex[:8]
    names = {name: f"{name}-{mark}" for name in TOPICS}
    return load(kafka_bootstrap_servers=address, **{**names, "topic_partitions": 3, **overrides})


def test_topics_that_were_made_are_as_wanted(made: tuple[TopicAdmin, Settings]) -> None:
    admin, wanted = made
    assert [finding.topic for finding in check(admin, plans(wanted))] == [plan.name for plan in plans(wanted)]
    assert create(admin, plans(wanted)) == [plan.name for plan in plans(wanted)]
    assert check(admin, plans(wanted)) == []


def test_topics_that_exist_are_left_as_they_are(made: tuple[TopicAdmin, Settings]) -> None:
    admin, wanted = made
    create(admin, plans(wanted))
    others = plans(wanted.model_copy(update={"topic_partitions": 5}))
    assert create(admin, others) == []
    assert check(admin, plans(wanted)) == []


def test_every_difference_is_found_with_its_remedy(made: tuple[TopicAdmin, Settings]) -> None:
    admin, wanted = made
    transactions, alerts, dead_letters, ledger, control = plans(wanted)
    admin.create(TopicPlan(transactions.name, 2, 1, transactions.configs))
    admin.create(TopicPlan(alerts.name, 3, 1, {**alerts.configs, "cleanup.policy": "compact"}))
    admin.create(TopicPlan(dead_letters.name, 3, 1, {**dead_letters.configs, "max.message.bytes": "1000"}))
    admin.create(TopicPlan(control.name, 2, 1, {**control.configs, "retention.ms": "1000"}))
    found = [str(finding) for finding in check(admin, plans(wanted))]
    assert len(found) == 6
    assert all(part in found[0] for part in (transactions.name, "2 partitions", "EDDY_TOPIC_PARTITIONS=2"))
    assert all(part in found[1] for part in (alerts.name, "compact", "--add-config cleanup.policy=delete"))
    assert all(part in found[2] for part in (dead_letters.name, "1000", "max.message.bytes=2162688"))
    assert all(part in found[3] for part in (ledger.name, "missing", "eddy topics create"))
    assert all(part in found[4] for part in (control.name, "2 partitions", "EDDY_TOPIC_CONTROL"))
    assert all(part in found[5] for part in (control.name, "retention.ms is 1000", "--add-config retention.ms=-1"))


class Known:
    """Topics of which a test says what they are like."""

    def __init__(self, state: TopicState) -> None:
        self.state = state

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        return dict.fromkeys(names, self.state)

    def create(self, plan: TopicPlan) -> bool:
        raise AssertionError(f"a check made {plan.name}")

    def close(self) -> None: ...


PLAN = TopicPlan("t", 3, 2, {"cleanup.policy": "delete", "min.insync.replicas": "1", "max.message.bytes": "2000"})
GOOD = {"cleanup.policy": "delete", "min.insync.replicas": "2", "max.message.bytes": "3000"}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TopicState(3, 2, GOOD), []),
        (TopicState(3, 3, GOOD), []),
        (TopicState(3, 1, GOOD), ["1 replicas"]),
        (TopicState(4, 2, GOOD), ["EDDY_TOPIC_PARTITIONS=4"]),
        (TopicState(3, 2, {**GOOD, "cleanup.policy": "delete,compact"}), ["cleanup.policy"]),
        (TopicState(3, 2, {**GOOD, "min.insync.replicas": "0"}), ["min.insync.replicas"]),
        (TopicState(3, 2, {}), ["cleanup.policy is None", "min.insync.replicas", "max.message.bytes"]),
    ],
)
def test_more_than_enough_is_no_difference_and_less_is(state: TopicState, words: list[str]) -> None:
    found = [str(finding) for finding in check(Known(state), [PLAN])]
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_settings_that_may_not_be_read_are_said_to_be_unchecked_not_wrong() -> None:
    (finding,) = check(Known(TopicState(3, 2, None)), [PLAN])
    assert not finding.certain
    assert "DescribeConfigs" in finding.remedy
    assert "cleanup.policy=delete" in finding.remedy


def test_dead_letters_have_room_for_the_bytes_that_the_settings_let_through() -> None:
    roomy = {plan.name: plan.configs for plan in plans(load(dead_letter_max_bytes=5_000_000))}["dead-letters"]
    assert int(roomy["max.message.bytes"]) > 5_000_000 + 1_048_588


def test_replicas_leave_one_to_be_away() -> None:
    assert {plan.configs["min.insync.replicas"] for plan in plans(load(topic_replication=3))} == {"2"}
    assert {plan.configs["min.insync.replicas"] for plan in plans(load(topic_replication=1))} == {"1"}


@pytest.fixture
def environment(kafka: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    wanted = own_settings(kafka.address)
    monkeypatch.setenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", kafka.address)
    monkeypatch.setenv("EDDY_TOPIC_PARTITIONS", "3")
    for name in TOPICS:
        monkeypatch.setenv(f"EDDY_{name.upper()}", getattr(wanted, name))
    return wanted


def test_the_command_makes_topics_twice_and_checks_them(environment: Settings) -> None:
    run = CliRunner().invoke
    missing = run(app, ["topics", "check"])
    assert missing.exit_code == 1
    assert missing.output.count("eddy topics create") == 5
    assert run(app, ["topics", "create"]).output.count(": created") == 5
    assert run(app, ["topics", "create"]).output.count(": exists") == 5
    assert run(app, ["topics", "check"]).exit_code == 0
    assert environment.topic_alerts in run(app, ["topics", "check"]).output


def test_without_a_broker_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("EDDY_REQUEST_TIMEOUT_MS", "500")
    result = CliRunner().invoke(app, ["topics", "check"])
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.output

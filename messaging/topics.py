"""Eddy's topics: what each must be like, and what to do where one is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from eddy.settings import Settings

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What a topic is to be like. `configs` are Kafka's own names and values."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]
    ordered: bool = False
    """Whether it must have one partition, because the order of all its records matters."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """What a topic is like; `configs` (all of them, defaults included) is None where we may not read them."""

    partitions: int
    replication: int
    configs: Mapping[str, str] | None


class TopicAdmin(Protocol):
    """What is asked of a broker about topics. All methods raise BrokerError."""

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        """Those of the topics that exist (and that we may see)."""
        ...

    def create(self, plan: TopicPlan) -> bool:
        """False if the topic exists already, whatever it is like."""
        ...

    def close(self) -> None: ...


class Finding(NamedTuple):
    """What is wrong with a topic and what to do; `certain` is False for what could not be seen."""

    topic: str
    problem: str
    remedy: str
    certain: bool = True

    def __str__(self) -> str:
        return f"{self.topic}: {self.problem}; {self.remedy}"


def plans(settings: Settings) -> tuple[TopicPlan, ...]:
    """Every topic that Eddy reads or writes, as the settings want it."""
    replication = settings.topic_replication
    # One replica may be away without stopping anything.
    safe = {"cleanup.policy": "delete", "min.insync.replicas": str(max(1, replication - 1))}
    # A dead letter carries the refused bytes, the input's key, and our headers.
    roomy = {**safe, "max.message.bytes": str(2 * _MIB + settings.dead_letter_max_bytes)}
    configs = {
        settings.topic_transactions: safe,
        settings.topic_alerts: safe,
        settings.topic_dead_letters: roomy,
        settings.topic_ledger: safe,
    }
    partitions = settings.topic_partitions
    parallel = [TopicPlan(name, partitions, replication, wanted) for name, wanted in configs.items()]
    # What is in force follows from all its records, so none may be deleted.
    kept = {**safe, "retention.ms": "-1", "retention.bytes": "-1"}
    return (*parallel, TopicPlan(settings.topic_control, 1, replication, kept, ordered=True))


def create(admin: TopicAdmin, wanted: Sequence[TopicPlan]) -> list[str]:
    """Creates the missing topics and leaves the others as they are; returns the names of those created."""
    return [plan.name for plan in wanted if admin.create(plan)]


def check(admin: TopicAdmin, wanted: Sequence[TopicPlan]) -> list[Finding]:
    """Everything about the topics that is not as wanted. Changes nothing."""
    states = admin.describe([plan.name for plan in wanted])
    return [finding for plan in wanted for finding in _findings(plan, states.get(plan.name))]


def _findings(plan: TopicPlan, state: TopicState | None) -> list[Finding]:
    if state is None:
        return [Finding(plan.name, "the topic is missing, or may not be seen", "create it: eddy topics create")]
    return [*_shape(plan, state), *_configs(plan, state.configs)]


def _shape(plan: TopicPlan, state: TopicState) -> list[Finding]:
    findings = []
    if state.partitions != plan.partitions:
        problem = f"it has {state.partitions} partitions, {plan.partitions} are wanted"
        findings.append(Finding(plan.name, problem, _partitions_remedy(plan, state.partitions)))
    if state.replication < plan.replication:
        problem = f"it has {state.replication} replicas, {plan.replication} are wanted"
        remedy = f"set EDDY_TOPIC_REPLICATION={state.replication}, or kafka-reassign-partitions.sh"
        findings.append(Finding(plan.name, problem, remedy))
    return findings


def _partitions_remedy(plan: TopicPlan, found: int) -> str:
    """Partitions can be added, never taken away."""
    if plan.ordered:
        return "only the first is used: name another topic with EDDY_TOPIC_CONTROL, then eddy topics create"
    alter = f"kafka-topics.sh --alter --topic {plan.name} --partitions {plan.partitions}"
    or_alter = f", or {alter} (keys then go to other partitions)" if found < plan.partitions else ""
    return f"set EDDY_TOPIC_PARTITIONS={found}{or_alter}"


def _configs(plan: TopicPlan, configs: Mapping[str, str] | None) -> list[Finding]:
    if configs is None:
        remedy = f"allow DescribeConfigs on it, or check yourself that {_assignments(plan.configs)}"
        return [Finding(plan.name, "its settings may not be read, so they were not checked", remedy, certain=False)]
    wrong = {name: value for name, value in plan.configs.items() if not _satisfies(name, configs.get(name), value)}
    alter = f"kafka-configs.sh --alter --topic {plan.name} --add-config"
    return [
        Finding(plan.name, f"{name} is {configs.get(name)}, {value} is wanted", f"{alter} {name}={value}")
        for name, value in wrong.items()
    ]


def _satisfies(name: str, found: str | None, wanted: str) -> bool:
    if found is None:
        return False
    if name in _AT_LEAST:
        return found.isdigit() and int(found) >= int(wanted)
    return set(found.split(",")) == set(wanted.split(","))


def _assignments(configs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in configs.items())


_AT_LEAST = {"max.message.bytes", "min.insync.replicas"}

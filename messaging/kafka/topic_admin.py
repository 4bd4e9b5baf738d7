"""Kafka's topics: what they are like, and making them."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, TopicAlreadyExistsError

from eddy.messaging.kafka.client import ERRORS, common, connect, translated
from eddy.messaging.topics import TopicPlan, TopicState
from eddy.settings import Settings


class KafkaTopicAdmin:
    """See `topics.TopicAdmin`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        with translated("describe topics"):
            found = [topic for topic in self._opened().describe_topics(list(names)) if topic["error_code"] == 0]
            return {topic["name"]: self._state(topic) for topic in found}

    def _state(self, topic: Mapping[str, Any]) -> TopicState:
        replicas = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
        return TopicState(len(topic["partitions"]), replicas, self._configs(topic["name"]))

    def _configs(self, name: str) -> Mapping[str, str] | None:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs=None)
        try:
            found = self._client.describe_configs([resource], config_filter="all")["topic"][name]
        except AuthorizationError:
            return None
        return {key: str(entry["value"]) for key, entry in found.items()}

    def create(self, plan: TopicPlan) -> bool:
        wanted = {
            "num_partitions": plan.partitions,
            "replication_factor": plan.replication,
            "configs": dict(plan.configs),
        }
        with translated(f"create topic {plan.name}"):
            try:
                self._opened().create_topics(
                    {plan.name: wanted}, timeout_ms=self._settings.request_timeout_ms, wait_for_metadata=True
                )
            except TopicAlreadyExistsError:
                return False
        return True

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*ERRORS):
                client.close()

    def _opened(self) -> Any:
        if self._client is None:
            self._client = connect(KafkaAdminClient, common(self._settings))
        return self._client

"""Makes the rule-based processor, and streams on both brokers, known to the tests of the consumer."""

import pytest
from kafka import KafkaAdminClient

from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.topics import plans
from eddy.settings import Settings, load
from tests.conftest import TopicsFactory
from tests.consumer.streams import Stream
from tests.plugins.rule import processor as processor


@pytest.fixture(params=["memory", "kafka"])
def stream(request: pytest.FixtureRequest) -> Stream:
    if request.param == "kafka":
        topics: TopicsFactory = request.getfixturevalue("topics")
        settings = topics(partitions=2)
        return Stream(KafkaBroker(settings), settings, lambda: _delete_group(settings))
    settings = load(topic_partitions=2)
    broker = MemoryBroker({plan.name: plan.partitions for plan in plans(settings)})
    return Stream(broker, settings, broker._cluster.groups.clear)


def _delete_group(settings: Settings) -> None:
    """What a broker does by itself once the group was stopped for `offsets.retention.minutes`."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        admin.delete_groups([settings.group])
    finally:
        admin.close()

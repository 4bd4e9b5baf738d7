"""Apache Kafka through kafka-python: no other folder than this knows the client or sees its errors.

The client leaves much of exactly-once to its caller; comments say so where it is handled. Four
rules hold throughout: clients are made when first used, thus after a fork; every wait is bounded, also where the
client's own is not; a client that failed is thrown away; nothing is done per record.
"""

from eddy.messaging.kafka.consumer import KafkaGroupConsumer
from eddy.messaging.kafka.producer import KafkaPublisher, KafkaTransactionalProducer
from eddy.messaging.kafka.reader import KafkaReader
from eddy.messaging.kafka.topic_admin import KafkaTopicAdmin
from eddy.settings import Settings


class KafkaBroker:
    """A Kafka cluster, as the settings name it. Holds no connection: clients make theirs when they are first used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:
        return KafkaGroupConsumer(self._settings, group, topic, instance)

    def transactional_producer(self, transactional_id: str) -> KafkaTransactionalProducer:
        return KafkaTransactionalProducer(self._settings, transactional_id)

    def publisher(self) -> KafkaPublisher:
        return KafkaPublisher(self._settings)

    def reader(self) -> KafkaReader:
        return KafkaReader(self._settings)

    def topic_admin(self) -> KafkaTopicAdmin:
        return KafkaTopicAdmin(self._settings)

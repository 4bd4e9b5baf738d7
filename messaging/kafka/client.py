"""How Eddy's Kafka clients are set up, and what all of them share: connecting, configuration, plain errors."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import FencedInstanceIdError, KafkaError
from kafka.net.compat import KafkaNetClient

from eddy.messaging.kafka import record_batch
from eddy.messaging.kafka.client_internals import hand_out_what_has_come
from eddy.messaging.ports import BrokerError, Fenced
from eddy.settings import Settings

# RuntimeError and OSError: what its network loop raises when it was closed or a socket fails under it.
ERRORS = (KafkaError, RuntimeError, OSError)
MIB = 1024 * 1024


def connect(make: Callable[..., Any], config: Mapping[str, Any]) -> Any:
    """A client with its first connection made; one that could not connect leaves no thread and no socket behind."""
    made: list[Any] = []

    def net(**options: Any) -> Any:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        return make(**config, kafka_client=net)
    except ERRORS:
        for client in made:
            with contextlib.suppress(*ERRORS):
                client.close()
        raise


def connect_consumer(config: Mapping[str, Any]) -> Any:
    client = connect(KafkaConsumer, config)
    hand_out_what_has_come(client)
    return client


def close_consumer(client: Any) -> None:
    with contextlib.suppress(*ERRORS):
        client.close(autocommit=False, timeout_ms=1_000)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise failed(error, doing) from error


def failed(error: Exception, doing: str) -> BrokerError:
    if isinstance(error, FencedInstanceIdError):
        return Fenced(f"{doing}: another process joined the group under the same name; end one of the two")
    return BrokerError(f"{doing} failed: {error or type(error).__name__}; try again with a new client")


def common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": [server.strip() for server in settings.kafka_bootstrap_servers.split(",")],
        "client_id": "eddy",
        "request_timeout_ms": settings.request_timeout_ms,
        "bootstrap_timeout_ms": settings.request_timeout_ms,
        # The default lets a client sleep up to half a minute after the broker is back.
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": 30_000,
        **_security(settings),
    }


def _security(settings: Settings) -> dict[str, Any]:
    protocol = settings.kafka_security_protocol
    config: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL") and settings.kafka_ssl_cafile is not None:
        config["ssl_cafile"] = str(settings.kafka_ssl_cafile)
    if protocol.startswith("SASL"):
        password = settings.kafka_password
        config["sasl_mechanism"] = settings.kafka_sasl_mechanism
        config["sasl_plain_username"] = settings.kafka_username
        config["sasl_plain_password"] = None if password is None else password.get_secret_value()
    return config


def reading(settings: Settings) -> dict[str, Any]:
    """No deserializers: where one raises, the client stops at the third poll and never returns."""
    record_batch.install()
    return {
        **common(settings),
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": 4 * MIB,
        "fetch_min_bytes": MIB,
        "fetch_max_wait_ms": settings.batch_max_wait_ms,
        "metrics_enabled": False,
    }

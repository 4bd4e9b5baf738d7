"""Every setting of Eddy, and the only module that reads the environment.

A setting comes from, in this order: the environment (`EDDY_<NAME>`), a `.env` file in the working directory, the
default here. All problems are reported at once. `docs/settings.md` is generated from this file.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from eddy.model.errors import EddyError

Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


TOPICS = ("topic_transactions", "topic_alerts", "topic_dead_letters", "topic_ledger", "topic_control")
"""The settings that name a topic."""


class SettingsError(EddyError):
    """One or more settings are wrong; the message lists all of them."""


class Settings(BaseSettings):
    """All settings; field names are those of the environment without `EDDY_`, in lower case."""

    model_config = SettingsConfigDict(env_prefix="EDDY_", env_file=".env", extra="ignore", frozen=True)

    # Kafka
    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Bootstrap brokers as `host:port`, comma-separated."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of the connection to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism; only with SASL."
    )
    kafka_username: str | None = Field(None, description="SASL user name; only with SASL.")
    kafka_password: SecretStr | None = Field(None, description="SASL password; only with SASL.")
    kafka_ssl_cafile: Path | None = Field(None, description="Certificate authority, a PEM file; only with SSL.")
    request_timeout_ms: Positive = Field(10_000, description="Timeout of one request to the broker, in milliseconds.")
    delivery_timeout_ms: Positive = Field(
        20_000, description="Timeout for the delivery of a message, including retries, in milliseconds."
    )
    transaction_timeout_ms: Positive = Field(
        15_000, description="Time after which the broker aborts the open commit of a dead worker, in milliseconds."
    )

    # Topics
    topic_transactions: str = Field("transactions", description="Input topic.")
    topic_alerts: str = Field("alerts", description="Topic for alerts.")
    topic_dead_letters: str = Field("dead-letters", description="Topic for refused messages.")
    topic_ledger: str = Field("ledger", description="Topic for the ledger: outcome counts per batch and partition.")
    topic_control: str = Field(
        "control", description="Topic for changes to threshold and model; it has one partition and keeps every record."
    )
    topic_partitions: Positive = Field(
        4, description="Partitions of the topics that `eddy topics create` creates, except the control topic."
    )
    topic_replication: Positive = Field(
        1, description="Replication factor of the topics that `eddy topics create` creates."
    )

    # Consumer
    group: str = Field("eddy", min_length=1, description="Consumer group; also the prefix of the transactional ids.")
    start: Literal["earliest", "latest", "ledger", "committed"] = Field(
        "earliest",
        description="Where a partition begins that has neither a committed offset nor a ledger record of the group; "
        "`ledger`: the worker refuses it; `committed`: it also refuses to resume from the ledger.",
    )
    workers: Positive = Field(1, description="Number of worker processes of `eddy consume`.")
    first_slot: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Slot number of the first worker; slots must be unique across all machines of a group.",
    )
    batch_max_records: Annotated[int, Field(gt=0, le=100_000)] = Field(
        8_000, description="Largest micro-batch, in records: one poll and one commit."
    )
    batch_max_wait_ms: Positive = Field(
        20, description="How long the broker may wait for more records before it answers a poll, in milliseconds."
    )
    session_timeout_ms: Positive = Field(
        6_000, description="Time without a heartbeat after which a worker loses its partitions, in milliseconds."
    )
    max_poll_interval_ms: Positive = Field(
        60_000, description="Longest time between two polls before a worker loses its partitions, in milliseconds."
    )
    stall_timeout_ms: Positive = Field(
        20_000, description="Time without joining the group after which a worker replaces its client, in milliseconds."
    )
    watchdog_timeout_ms: Positive = Field(
        60_000, description="Time without an iteration of the loop after which a worker exits, in milliseconds."
    )
    unknown_fields: Literal["ignore", "refuse"] = Field(
        "ignore", description="How to handle messages with fields that the schema does not name."
    )
    alert_contributions: Positive = Field(5, description="Number of contributions in an alert, largest first.")
    dead_letter_payload: Literal["masked", "full"] = Field(
        "masked",
        description="Whether dead letters carry the refused bytes masked (letters and digits replaced) or in full.",
    )
    dead_letter_max_bytes: Positive = Field(
        65_536, description="Largest payload of a dead letter, in bytes; longer ones are truncated."
    )
    dead_letter_limit: Share = Field(
        0.5, description="Share of refused messages above which a worker stops (1: never)."
    )
    dead_letter_window: Positive = Field(
        10_000, description="Number of recent messages over which that share is computed."
    )
    health_dir: Path | None = Field(
        None, description="Directory for the health file of each worker, `worker-<slot>.json`."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which workers serve their metrics.")
    metrics_port: Port = Field(
        9400, description="Prometheus port of the first worker; the others use the next ports (0: no metrics)."
    )

    # Model
    artifacts: Path = Field(Path("artifacts"), description="The model store: a directory of model artifacts.")

    # Control
    alert_rate_floor: Share = Field(1e-6, description="Lowest alert rate that a threshold change may ask for.")
    alert_rate_ceiling: Share = Field(0.1, description="Highest alert rate that a threshold change may ask for.")

    # API
    api_host: str = Field("127.0.0.1", description="Address on which the API listens.")
    api_port: Port = Field(8080, description="Port on which the API listens.")
    api_workers: Positive = Field(2, description="Number of gunicorn worker processes of `eddy serve`.")
    api_max_body_bytes: Positive = Field(65_536, description="Largest request body with one transaction, in bytes.")
    api_max_batch_bytes: Positive = Field(
        1_048_576, description="Largest request body with many transactions (`POST /v1/checks`), in bytes."
    )

    api_kafka: bool = Field(
        True,
        description="Whether `eddy serve` follows the changes of threshold and model; `off` needs no Kafka and serves "
        "the store's active model.",
    )
    api_state: Path | None = Field(
        None,
        description="Directory in which `eddy serve` keeps the threshold and model in force, for its workers and for "
        "when Kafka is away; by default `api-state` beside the model store.",
    )

    # Demo
    demo_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        60, description="How long `eddy demo` sends transactions, in seconds."
    )

    # Logs
    log_format: Literal["console", "json"] = Field("console", description="Format of log lines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")

    @property
    def api_url(self) -> str:
        """Where a client on the same machine reaches the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.api_host, self.api_host)
        return f"http://[{host}]:{self.api_port}" if ":" in host else f"http://{host}:{self.api_port}"

    def source(self, name: str) -> str:
        """Where a setting comes from: `environment`, `.env file`, `command line` or `default`."""
        if name not in self.model_fields_set:
            return "default"
        variable = f"EDDY_{name}".lower()
        if any(variable == present.lower() for present in os.environ):
            return "environment"
        return ".env file" if _in_env_file(variable) else "command line"


def _in_env_file(variable: str) -> bool:
    return any(variable == (present or "").lower() for present in dotenv_values(".env"))


def load(**overrides: Any) -> Settings:
    """Reads the settings; `overrides` (from the command line) win, those that are None count as not given.

    Raises:
        SettingsError: listing every setting that is wrong, what it was, and what is accepted.
    """
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("\n".join(_complaints(error))) from None
    if contradictions := list(_contradictions(settings)):
        raise SettingsError("\n".join(contradictions))
    return settings


def _contradictions(settings: Settings) -> Iterator[str]:
    """Settings that are sound one by one, but under which no worker can do its work."""
    commit_ms = settings.delivery_timeout_ms + 2 * settings.transaction_timeout_ms
    commit = "EDDY_DELIVERY_TIMEOUT_MS + 2 x EDDY_TRANSACTION_TIMEOUT_MS, a commit's longest wait"
    session_ms = settings.session_timeout_ms
    above = (
        ("watchdog_timeout_ms", commit_ms, commit),
        ("max_poll_interval_ms", session_ms, "EDDY_SESSION_TIMEOUT_MS"),
        ("stall_timeout_ms", session_ms, "EDDY_SESSION_TIMEOUT_MS"),
        ("request_timeout_ms", settings.batch_max_wait_ms, "EDDY_BATCH_MAX_WAIT_MS"),
        ("delivery_timeout_ms", settings.request_timeout_ms, "EDDY_REQUEST_TIMEOUT_MS"),
    )
    for name, least, other in above:
        if (received := getattr(settings, name)) <= least:
            problem = f"must be above {other} ({least}); received {received}: raise it, or lower the other"
            yield f"EDDY_{name.upper()}: {problem}"
    if settings.alert_rate_floor > settings.alert_rate_ceiling:
        yield (
            f"EDDY_ALERT_RATE_FLOOR: must not be above EDDY_ALERT_RATE_CEILING ({settings.alert_rate_ceiling:g}); "
            f"received {settings.alert_rate_floor:g}: lower it, or raise the other"
        )
    topics = [getattr(settings, name) for name in TOPICS]
    if len(set(topics)) < len(topics):
        yield f"EDDY_TOPIC_*: each topic needs a name of its own; received {', '.join(topics)}"
    if settings.kafka_security_protocol.startswith("SASL") and None in (
        settings.kafka_username,
        settings.kafka_password,
    ):
        yield (
            f"EDDY_KAFKA_SECURITY_PROTOCOL: {settings.kafka_security_protocol} needs EDDY_KAFKA_USERNAME and "
            "EDDY_KAFKA_PASSWORD; received only one of them or none: set both"
        )


def _complaints(error: ValidationError) -> list[str]:
    return [_complaint(problem["loc"][0], problem["msg"], problem["input"]) for problem in error.errors()]


def _complaint(name: int | str, message: str, received: object) -> str:
    secret = str(name) in _SECRETS
    return f"EDDY_{str(name).upper()}: {message}; received {'a secret' if secret else repr(received)}"


_SECRETS = {"kafka_password"}


def environment_for(settings: Settings, **more: str) -> dict[str, str]:
    """The environment for a child process that is to find the same settings; `more` are variables as they are."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("EDDY_")}
    given = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)}
    own = {f"EDDY_{name.upper()}": _plain(value) for name, value in given.items() if value is not None}
    return {**inherited, **own, **more}


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def environment(name: str) -> str | None:
    """A variable that is not a setting of Eddy (such as HOME), for the few places that need one."""
    return os.environ.get(name)

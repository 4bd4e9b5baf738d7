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

Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]


class SettingsError(Exception):
    """One or more settings are wrong; the message lists all of them."""


class Settings(BaseSettings):
    """All settings; field names are those of the environment without `EDDY_`, in lower case."""

    model_config = SettingsConfigDict(env_prefix="EDDY_", env_file=".env", extra="ignore", frozen=True)

    # Kafka
    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Brokers to start from, `host:port`, several separated by commas."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="With SASL only: how to log in."
    )
    kafka_username: str | None = Field(None, description="With SASL only: user name.")
    kafka_password: SecretStr | None = Field(None, description="With SASL only: password.")
    kafka_ssl_cafile: Path | None = Field(None, description="With SSL only: certificate authority, a PEM file.")
    request_timeout_ms: Positive = Field(
        10_000, description="How long the broker may take to answer one request, in milliseconds."
    )
    delivery_timeout_ms: Positive = Field(
        20_000, description="How long a message may take to be stored, retries included, in milliseconds."
    )
    transaction_timeout_ms: Positive = Field(
        15_000, description="After how many milliseconds the broker aborts the open commit of a worker that is gone."
    )

    # Topics
    topic_transactions: str = Field("transactions", description="Topic that is read.")
    topic_alerts: str = Field("alerts", description="Topic that anomalies are published to.")
    topic_dead_letters: str = Field("dead-letters", description="Topic for messages that were refused.")
    topic_ledger: str = Field("ledger", description="Topic for the account of what became of each message.")
    topic_partitions: Positive = Field(4, description="Partitions of topics that `eddy topics create` makes.")
    topic_replication: Positive = Field(1, description="Replicas of topics that `eddy topics create` makes.")

    # Consumer
    group: str = Field("eddy", min_length=1, description="Consumer group; also the prefix of the transactional ids.")
    workers: Positive = Field(1, description="Worker processes of `eddy consume`.")
    first_slot: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Slot number of the first worker; processes of one group on several machines need disjoint slots.",
    )
    batch_max_records: Annotated[int, Field(gt=0, le=100_000)] = Field(
        8_000, description="Largest micro-batch, in records: what one poll hands out and one commit covers."
    )
    batch_max_wait_ms: Positive = Field(
        20, description="How long the broker may hold records back to make a micro-batch larger, in milliseconds."
    )
    session_timeout_ms: Positive = Field(
        6_000, description="After how many milliseconds without a heartbeat a worker's partitions go to another."
    )
    max_poll_interval_ms: Positive = Field(
        60_000, description="How long one micro-batch may take before the worker loses its partitions, in milliseconds."
    )
    stall_timeout_ms: Positive = Field(
        20_000, description="A worker that has not joined its group after this many milliseconds starts a new client."
    )
    watchdog_timeout_ms: Positive = Field(
        60_000, description="A worker whose loop has not turned for this many milliseconds ends itself."
    )
    unknown_fields: Literal["ignore", "refuse"] = Field(
        "ignore", description="What to do with a message that has fields the schema does not name."
    )
    alert_contributions: Positive = Field(5, description="How many of the largest contributions an alert carries.")
    dead_letter_payload: Literal["masked", "full"] = Field(
        "masked", description="Whether dead letters carry the refused bytes with letters and digits masked, or as is."
    )
    dead_letter_max_bytes: Positive = Field(65_536, description="Refused bytes beyond this many are cut off.")
    dead_letter_limit: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="The worker stops when more than this share of the last messages was refused (1: never)."
    )
    dead_letter_window: Positive = Field(10_000, description="How many of the last messages that share is taken over.")
    health_dir: Path | None = Field(
        None, description="Directory in which each worker keeps its health file `worker-<slot>.json`."
    )
    metrics_host: str = Field("127.0.0.1", description="Address that workers serve their metrics on.")
    metrics_port: Port = Field(
        9400, description="Port of the first worker's Prometheus metrics; the others follow (0: no metrics)."
    )

    # Model
    artifacts: Path = Field(Path("artifacts"), description="The model store: a directory of model artifacts.")

    # API
    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: Port = Field(8080, description="Port that the API listens on.")
    api_workers: Positive = Field(2, description="gunicorn worker processes of `eddy serve`.")
    api_max_body_bytes: Positive = Field(65_536, description="Largest request body, in bytes.")

    # Demo
    demo_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        60, description="How long `eddy demo` sends transactions, in seconds."
    )

    # Logs
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")

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
    topics = [settings.topic_transactions, settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger]
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

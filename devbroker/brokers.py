"""A throw-away broker, for trying Eddy out and for its tests: which engine runs it, and how it is started.

Chosen in this order, and said aloud: the broker that the settings name; a Docker engine; Java with a local Apache
Kafka. With none of these a caller that can do without (the demo) takes the in-memory broker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from eddy.devbroker import cache, docker
from eddy.devbroker.cache import OLDEST_JAVA, Java
from eddy.devbroker.docker import IMAGE, DockerBroker
from eddy.devbroker.local import LocalBroker
from eddy.devbroker.node import KAFKA_VERSION, BrokerStartError, Say, silent
from eddy.settings import Settings

__all__ = ["BrokerStartError", "Engine", "EngineKind", "GivenBroker", "LocalBroker", "RunningBroker", "choose", "start"]


class RunningBroker(Protocol):
    """A broker to work with, and, where it is ours, to ill-treat."""

    @property
    def address(self) -> str: ...
    @property
    def proxied_address(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def running(self) -> bool: ...

    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> Self: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None: ...


class EngineKind(StrEnum):
    """What runs the broker."""

    GIVEN = "given"
    DOCKER = "docker"
    LOCAL = "local"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Engine:
    """What was chosen, and `why`, as a sentence for the user."""

    kind: EngineKind
    why: str
    address: str = ""
    java: Java | None = None


def choose(settings: Settings, say: Say = silent) -> Engine:
    """The first engine that can be had; takes long only where Docker must fetch its image, which `say` is told."""
    if "kafka_bootstrap_servers" in settings.model_fields_set:
        address = settings.kafka_bootstrap_servers
        return Engine(EngineKind.GIVEN, f"Broker: {address}, named by EDDY_KAFKA_BOOTSTRAP_SERVERS.", address)
    missing: list[str] = []
    for attempt in (_docker, _local):
        found = attempt(say, missing)
        if found is not None:
            return found
    return Engine(EngineKind.NONE, f"Broker: no engine for a real one ({'; '.join(missing)}).")


def _docker(say: Say, missing: list[str]) -> Engine | None:
    version = docker.engine_version()
    if version is None:
        missing.append("no Docker engine answers")
        return None
    problem = docker.why_no_image(say)
    if problem is not None:
        missing.append(f"Docker {version} cannot get the image {IMAGE}: {problem}")
        return None
    return Engine(EngineKind.DOCKER, f"Broker: {IMAGE} in Docker {version}.")


def _local(_: Say, missing: list[str]) -> Engine | None:
    java = cache.find_java()
    kept = cache.cache_dir()
    if java is None:
        missing.append(f"no Java {OLDEST_JAVA} or newer")
        return None
    if not cache.can_have_jars(kept):
        missing.append(f"Java {java.version} is here, but no Maven to fetch Apache Kafka with")
        return None
    because = f" ({'; '.join(missing)})" if missing else ""
    what = f"Broker: a local Apache Kafka {KAFKA_VERSION} on Java {java.version}, kept in {kept}{because}."
    return Engine(EngineKind.LOCAL, what, java=java)


def start(
    engine: Engine,
    *,
    port: int = 0,
    data: Path | None = None,
    advertised_port: int | None = None,
    extra: Mapping[str, str] | None = None,
    say: Say = silent,
) -> RunningBroker:
    """Starts a broker on that engine, and returns when it serves; use it as a context manager, or `stop` it.

    Args:
        engine: From `choose`.
        port: Where clients connect; 0 for any free port.
        data: Keeps the topics here, also afterwards; None for a directory that goes with the broker.
        advertised_port: Opens a second listener (`proxied_address`) whose clients are told to go on with this port of
            this machine: the port of a proxy in front of it.
        extra: Kafka properties that win over ours.
        say: Is told what takes time.

    Raises:
        BrokerStartError: there is no such engine, or the broker did not start.
    """
    if engine.kind is EngineKind.GIVEN:
        return GivenBroker(engine.address)
    if engine.kind is EngineKind.DOCKER:
        return DockerBroker(port=port, data=data, advertised_port=advertised_port, extra=extra, say=say).start()
    if engine.java is None:
        raise BrokerStartError(f"{engine.why} {_REMEDY}")
    return LocalBroker(engine.java, port=port, data=data, advertised_port=advertised_port, extra=extra, say=say).start()


_REMEDY = (
    f"Start a Docker engine, or install Java {OLDEST_JAVA} or newer with Maven, "
    "or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."
)


class GivenBroker:
    """Somebody else's broker: it is used, and left as it is."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.running = True

    @property
    def proxied_address(self) -> str:
        raise self._not_ours("given a second listener")

    @property
    def log(self) -> Path:
        raise self._not_ours("asked for its log")

    def stop(self) -> None:
        """Does nothing: we did not start it."""

    def kill(self) -> None:
        raise self._not_ours("killed")

    def restart(self) -> Self:
        raise self._not_ours("restarted")

    def freeze(self) -> None:
        raise self._not_ours("frozen")

    def thaw(self) -> None:
        raise self._not_ours("thawed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _not_ours(self, what: str) -> BrokerStartError:
        return BrokerStartError(
            f"the broker at {self.address} is not ours to be {what}; unset EDDY_KAFKA_BOOTSTRAP_SERVERS to get one"
        )

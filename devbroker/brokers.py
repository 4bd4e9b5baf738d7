"""A throw-away broker, for trying Eddy out and for its tests: which engine runs it, and how it is started.

Chosen in this order, and logged: the broker that the settings name; a Docker engine; Java with a local Apache
Kafka. With none of these a caller that can do without (the demo) takes the in-memory broker.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Unpack

from eddy.devbroker import cache
from eddy.devbroker.cache import OLDEST_JAVA, Java
from eddy.devbroker.local import LocalBroker
from eddy.devbroker.node import KAFKA_VERSION, BrokerStartError, OnProgress, silent
from eddy.devbroker.running import GivenBroker, NodeOptions, RunningBroker
from eddy.settings import Settings

__all__ = ["BrokerStartError", "Engine", "EngineKind", "GivenBroker", "LocalBroker", "RunningBroker", "choose", "start"]


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


def choose(settings: Settings, on_progress: OnProgress = silent) -> Engine:
    """The first engine that is available; takes long only where Docker must fetch its image, after `on_progress`."""
    if "kafka_bootstrap_servers" in settings.model_fields_set:
        address = settings.kafka_bootstrap_servers
        return Engine(EngineKind.GIVEN, f"Broker: {address}, named by EDDY_KAFKA_BOOTSTRAP_SERVERS.", address)
    missing: list[str] = []
    for attempt in (_docker, _local):
        found = attempt(on_progress, missing)
        if found is not None:
            return found
    return Engine(EngineKind.NONE, f"Broker: no engine for a real one ({'; '.join(missing)}).")


def _docker(on_progress: OnProgress, missing: list[str]) -> Engine | None:
    try:
        from eddy.devbroker import docker  # here: it is an extra, and takes a second to import
    except ImportError:
        missing.append("Docker would need: pip install 'eddy-stream[docker]'")
        return None
    version = docker.engine_version()
    if version is None:
        missing.append("no Docker engine answers")
        return None
    problem = docker.why_no_image(on_progress)
    if problem is not None:
        missing.append(f"Docker {version} cannot get the image {docker.IMAGE}: {problem}")
        return None
    return Engine(EngineKind.DOCKER, f"Broker: {docker.IMAGE} in Docker {version}.")


def _local(_: OnProgress, missing: list[str]) -> Engine | None:
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


def start(engine: Engine, **options: Unpack[NodeOptions]) -> RunningBroker:
    """Starts a broker on that engine (from `choose`), and returns when it serves.

    Use it as a context manager, or `stop` it.

    Raises:
        BrokerStartError: there is no such engine, or the broker did not start.
    """
    if engine.kind is EngineKind.GIVEN:
        return GivenBroker(engine.address)
    if engine.kind is EngineKind.DOCKER:
        from eddy.devbroker.docker import DockerBroker

        return DockerBroker(**options).start()
    if engine.java is None:
        raise BrokerStartError(f"{engine.why} {_REMEDY}")
    return LocalBroker(engine.java, **options).start()


_REMEDY = (
    f"Start a Docker engine, or install Java {OLDEST_JAVA} or newer with Maven, "
    "or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."
)

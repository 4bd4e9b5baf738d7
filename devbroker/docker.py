"""A real Apache Kafka in a container. Needs the extra `docker`, but no `docker` command.

Run as a module, it removes the container named: so a guard outside of this process can do it.
"""

import contextlib
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Self, Unpack

from docker.errors import DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from eddy.devbroker.node import (
    KAFKA_VERSION,
    STOP_TIMEOUT_S,
    BrokerStartError,
    Guard,
    OnProgress,
    properties,
    wait_started,
)
from eddy.devbroker.running import NodeOptions, ThrowAwayBroker

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_ANSWER_TIMEOUT_S = 2.0
_PULL_TIMEOUT_S = 600.0
_DATA = "/var/lib/kafka/data"
_FAILURES = (DockerException, OSError)  # the engine refuses; it cannot be reached


def engine_version() -> str | None:
    """The version of the Docker engine that answers, within two seconds; None without one."""
    try:
        with contextlib.closing(DockerClient(timeout=_ANSWER_TIMEOUT_S).client) as client:
            return str(client.version()["Version"])
    except _FAILURES:
        return None


def why_no_image(on_progress: OnProgress) -> str | None:
    """Fetches the image if it is not there; None when it is, else the engine's error."""
    name = testcontainers_config.hub_image_name_prefix + IMAGE
    try:
        with contextlib.closing(DockerClient(timeout=_PULL_TIMEOUT_S).client) as client:
            try:
                client.images.get(name)
            except ImageNotFound:
                on_progress(f"Fetching the Docker image {name} (once)")
                client.images.pull(name)
    except _FAILURES as error:
        return _said(error)
    return None


class DockerBroker(ThrowAwayBroker):
    """One Kafka node in a container; the same handling as a `LocalBroker`."""

    def __init__(self, **options: Unpack[NodeOptions]) -> None:
        super().__init__(**options)
        self._name = self._own.name
        self._node: DockerContainer | None = None

    @property
    def log(self) -> Path:
        path = self._own / "broker.log"
        path.write_text(self._read_log())
        return path

    @property
    def running(self) -> bool:
        with contextlib.suppress(*_FAILURES):
            return self._node is not None and bool(self._state()["Running"])
        return False

    def start(self) -> Self:
        if self._node is None:
            self._lock_data()
            self._on_progress(f"Starting {IMAGE}")
            removal = '"$1" -P -m eddy.devbroker.docker "$2"; rm -rf "$3"'
            self._guard = Guard(removal, (sys.executable, self._name, str(self._own)))
            self._guard.start()
            try:
                with self._failing("start"):
                    self._node = self._described()
                    self._node.start()
                self._wait()
            except BaseException:
                self.stop()
                raise
        return self

    def _end(self) -> None:
        if self._guard is not None:
            with contextlib.suppress(*_FAILURES):
                remove(self._name)
            self._dismiss_guard()
            self._node = None
        self._unlock_data()

    def kill(self) -> None:
        with self._failing("kill"):
            self._container().kill("KILL")
            self._container().wait()

    def restart(self) -> Self:
        with self._failing("restart"):
            self._container().restart(timeout=STOP_TIMEOUT_S)
        self._wait()
        return self

    def freeze(self) -> None:
        with self._failing("freeze"):
            self._container().pause()

    def thaw(self) -> None:
        with self._failing("thaw"):
            self._container().unpause()

    def _described(self) -> DockerContainer:
        # The guard removes the container; testcontainers' own would be a second container, with the engine's socket.
        testcontainers_config.ryuk_disabled = True
        node = DockerContainer(IMAGE).with_name(self._name).with_env("KAFKA_HEAP_OPTS", "-Xms128m -Xmx512m")
        for name, value in properties(self._ports, bind="0.0.0.0", log_dir=_DATA, extra=self._extra).items():
            node.with_env(_variable(name), value)
        for port in filter(None, (self._ports.clients, self._ports.proxied)):
            node.ports[str(port)] = ("127.0.0.1", port)  # type: ignore[assignment]  # bound to an int: on every address
        if self._data is not None:
            self._data.chmod(0o777)  # the image's user is none of this machine's
            node.with_volume_mapping(self._data.resolve(), _DATA, "rw")
        return node

    def _container(self) -> Any:
        if self._node is None:
            raise BrokerStartError(f"the broker at {self.address} does not run")
        return self._node.get_wrapped_container()

    def _state(self) -> dict[str, Any]:
        container = self._container()
        container.reload()
        state: dict[str, Any] = container.attrs["State"]
        return state

    def _read_log(self) -> str:
        """What the broker has written since its container was last started."""
        since = datetime.fromisoformat(self._state()["StartedAt"]).timestamp()
        return str(self._container().logs(since=since).decode(errors="replace"))

    def _wait(self) -> None:
        with self._failing("start"):
            wait_started(self._read_log, lambda: self.running, f"docker logs {self._name}")

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise BrokerStartError(
                f"Docker could not {what} the broker at {self.address}: {_said(error)}\n"
                "See to the Docker engine, or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."
            ) from error


def remove(name: str) -> None:
    """Stops a container cleanly, and removes it with its volumes."""
    with contextlib.closing(DockerClient().client) as client:
        container = client.containers.get(name)
        with contextlib.suppress(*_FAILURES):
            if container.status == "paused":
                container.unpause()
            container.stop(timeout=STOP_TIMEOUT_S)
        container.remove(force=True, v=True)


def _variable(name: str) -> str:
    """How the image wants a Kafka property in its environment."""
    return "KAFKA_" + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


if __name__ == "__main__":
    remove(sys.argv[1])

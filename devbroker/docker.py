"""A real Apache Kafka in a container, driven through the `docker` command: no Python package is needed for it."""

import atexit
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from eddy.devbroker.node import (
    KAFKA_VERSION,
    STOP_TIMEOUT_S,
    BrokerStartError,
    Guard,
    Ports,
    Say,
    choose_ports,
    properties,
    silent,
    tail,
    wait_started,
)

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_ANSWER_TIMEOUT_S = 2.0
_PULL_TIMEOUT_S = 600.0
_DATA = "/var/lib/kafka/data"


def engine_version() -> str | None:
    """The version of the Docker engine that answers, within two seconds; None without one."""
    try:
        done = _docker("version", "--format", "{{.Server.Version}}", timeout_s=_ANSWER_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def why_no_image(say: Say) -> str | None:
    """Fetches the image if it is not there; None when it is, else what the engine said."""
    try:
        if _docker("image", "inspect", IMAGE, timeout_s=30).returncode == 0:
            return None
        say(f"Fetching the Docker image {IMAGE} (once)")
        done = _docker("pull", "--quiet", IMAGE, timeout_s=_PULL_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        return f"no answer in {error.timeout:.0f} s"
    return None if done.returncode == 0 else (done.stdout.strip().splitlines() or ["it did not say why"])[-1]


class DockerBroker:
    """One Kafka node in a container; the same handling as a `LocalBroker`."""

    def __init__(
        self,
        *,
        port: int = 0,
        data: Path | None = None,
        advertised_port: int | None = None,
        extra: Mapping[str, str] | None = None,
        say: Say = silent,
    ) -> None:
        """Nothing runs yet: see `start`; the arguments are those of `LocalBroker`."""
        self._ports: Ports = choose_ports(port, advertised_port)
        self._extra, self._data, self._say = dict(extra or {}), data, say
        self._name = f"eddy-broker-{uuid.uuid4().hex[:12]}"
        self._own = Path(tempfile.mkdtemp(prefix="eddy-broker-"))
        self._guard: Guard | None = None
        self._owner = os.getpid()
        atexit.register(self._at_exit)

    @property
    def address(self) -> str:
        """What clients are given as bootstrap server."""
        return f"127.0.0.1:{self._ports.clients}"

    @property
    def proxied_address(self) -> str:
        """Where a proxy connects to, when there was an `advertised_port`."""
        return f"127.0.0.1:{self._ports.proxied}"

    @property
    def log(self) -> Path:
        """The broker's log, as far as it has come."""
        path = self._own / "broker.log"
        path.write_text(self._read_log())
        return path

    @property
    def running(self) -> bool:
        """Whether the container runs; a frozen one does."""
        done = _docker("inspect", "--format", "{{.State.Running}}", self._name, timeout_s=30)
        return done.stdout.strip() == "true"

    def start(self) -> Self:
        """Returns when the broker serves.

        Raises:
            BrokerStartError: with the end of the broker's log, or what Docker said.
        """
        if self._guard is None:
            self._say(f"Starting {IMAGE}")
            self._guard = Guard('docker rm --force --volumes "$1"', (self._name,))
            self._guard.start()
            self._must(*self._run_command())
            self._wait()
        return self

    def stop(self) -> None:
        """Ends it in good order and removes the container. May be called again."""
        if self._guard is not None:
            if self.running:
                _docker("unpause", self._name, timeout_s=30)
                _docker("stop", "--time", f"{STOP_TIMEOUT_S:.0f}", self._name, timeout_s=2 * STOP_TIMEOUT_S)
            _docker("rm", "--force", "--volumes", self._name, timeout_s=60)
            self._guard.dismiss()
            self._guard = None
        shutil.rmtree(self._own, ignore_errors=True)

    def kill(self) -> None:
        """kill -9; what it has stored remains for `restart`."""
        self._must("kill", "--signal", "KILL", self._name)
        self._must("wait", self._name)

    def restart(self) -> Self:
        """Starts it again on the same ports and the same data; one that still runs is stopped first."""
        self._must("restart", "--time", f"{STOP_TIMEOUT_S:.0f}", self._name)
        self._wait()
        return self

    def freeze(self) -> None:
        """Connections stay open, nothing answers."""
        self._must("pause", self._name)

    def thaw(self) -> None:
        self._must("unpause", self._name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run_command(self) -> list[str]:
        wanted = properties(self._ports, bind="0.0.0.0", log_dir=_DATA, extra=self._extra)
        published = [port for port in (self._ports.clients, self._ports.proxied) if port]
        command = ["run", "--detach", "--name", self._name, "--env", "KAFKA_HEAP_OPTS=-Xms128m -Xmx512m"]
        for port in published:
            command += ["--publish", f"127.0.0.1:{port}:{port}"]
        for name, value in wanted.items():
            command += ["--env", f"{_variable(name)}={value}"]
        if self._data is not None:
            self._data.mkdir(parents=True, exist_ok=True)
            # The image's user is none of this machine's.
            self._data.chmod(0o777)
            command += ["--volume", f"{self._data.resolve()}:{_DATA}"]
        return [*command, IMAGE]

    def _wait(self) -> None:
        try:
            wait_started(self._read_log, lambda: self.running, f"docker logs {self._name}")
        except BrokerStartError:
            self.stop()
            raise

    def _read_log(self) -> str:
        """What the broker has written since its container was last started."""
        since = _docker("inspect", "--format", "{{.State.StartedAt}}", self._name, timeout_s=30).stdout.strip()
        return _docker("logs", "--since", since, self._name, timeout_s=30).stdout

    def _must(self, *arguments: str) -> None:
        done = _docker(*arguments, timeout_s=60 + STOP_TIMEOUT_S)
        if done.returncode:
            raise BrokerStartError(
                f"docker {arguments[0]} failed for the broker at {self.address}; Docker said:\n{tail(done.stdout)}\n"
                "See to the Docker engine, or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."
            )

    def _at_exit(self) -> None:
        """A forked child leaves the broker alone: it is its parent's."""
        if os.getpid() == self._owner:
            self.stop()


def _variable(name: str) -> str:
    """How the image wants a Kafka property in its environment."""
    return "KAFKA_" + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _docker(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("docker") or "docker", *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        start_new_session=True,
    )

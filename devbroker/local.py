"""A real Apache Kafka as a child process: one JVM with a class archive, ready in a second and a half.

Made for fault injection: it can be killed, frozen, thawed and restarted at will, and it never outlives its parent.
"""

import base64
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, Unpack

from eddy.devbroker import cache, processes
from eddy.devbroker.cache import Java
from eddy.devbroker.node import (
    REMEDY,
    STOP_TIMEOUT_S,
    BrokerStartError,
    Ports,
    properties,
    tail,
    wait_started,
)
from eddy.devbroker.running import NodeOptions, ThrowAwayBroker


class LocalBroker(ThrowAwayBroker):
    """One Kafka node in a JVM of its own."""

    def __init__(self, java: Java, archive_to: Path | None = None, **options: Unpack[NodeOptions]) -> None:
        """Nothing runs yet: see `start`. With `archive_to` it writes the classes that it loaded there when it stops."""
        super().__init__(**options)
        self._java, self._archive_to = java, archive_to
        self.data = self._data or self._own
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Of the present run: each start begins a new one."""
        return self.data / "broker.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The JVM's process id."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Self:
        """Returns when the broker serves; the first time ever it fetches Kafka and makes the class archive."""
        if not self.running:
            self.data.mkdir(parents=True, exist_ok=True)
            self._lock_data()
            try:
                self._launch(self._prepare())
                wait_started(lambda: self.log.read_text(errors="replace"), lambda: self.running, str(self.log))
            except BaseException:
                self.kill()
                raise
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        self._end()
        return self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _prepare(self) -> list[str]:
        """The command line of the broker, once everything that it needs is there."""
        jvm = _jvm(self._java, cache.jars(cache.cache_dir(), self._on_progress))
        at_exit = [f"-XX:ArchiveClassesAtExit={self._archive_to}"] if self._archive_to else []
        if not at_exit:
            jvm.append(self._archive_option())
        config = _format(jvm, self.data, self._ports, self._extra)
        return [*jvm, *at_exit, "kafka.Kafka", str(config)]

    def _archive_option(self) -> str:
        archive = cache.made_once(cache.archive_path(cache.cache_dir(), self._java), self._make_archive)
        return f"-XX:SharedArchiveFile={archive}" if archive.stat().st_size else "-Xshare:auto"

    def _make_archive(self, archive: Path) -> None:
        """Starts and stops a broker; leaves an empty file if this Java cannot make an archive."""
        self._on_progress("Making the class archive that lets the broker start in a second (once, about 5 s)")
        with LocalBroker(self._java, archive_to=archive):
            pass
        archive.touch()

    def _launch(self, command: list[str]) -> None:
        with processes.undisturbed(), self.log.open("wb") as log:
            # A session of its own: Ctrl-C goes to us, who then stop it cleanly.
            self._process, self._guard = processes.start(
                command, _AT_DEATH, str(self._own), stdout=log, stderr=log, start_new_session=True
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            raise BrokerStartError(f"the broker at {self.address} does not run, so it cannot be sent {number.name}")
        self._process.send_signal(number)

    def _end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._end_process(self._process, number)
            self._process = None
            self._dismiss_guard()
        self._unlock_data()

    def _end_process(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            # Writing an archive takes what it takes: one that is cut short would be missing for good.
            process.wait(None if self._archive_to else STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_AT_DEATH = 'kill -9 "$1"; sleep 0.2; rm -rf "$2"'
_LOGGING = "-Dorg.slf4j.simpleLogger"
_OPTIONS = (
    "-Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xlog:cds=off "
    f"{_LOGGING}.showDateTime=true {_LOGGING}.dateTimeFormat=HH:mm:ss.SSS "
    # The whole configuration, 300 lines a start.
    f"{_LOGGING}.log.org.apache.kafka.common.config.AbstractConfig=warn"
)


def _jvm(java: Java, jars: Sequence[Path]) -> list[str]:
    return [java.path, *_OPTIONS.split(), "-cp", ":".join(map(str, jars))]


def _format(jvm: list[str], data: Path, ports: Ports, extra: Mapping[str, str]) -> Path:
    """Writes the configuration, and makes `data` a Kafka directory if it is none yet."""
    logs = data / "logs"
    config = data / "server.properties"
    wanted = properties(ports, bind="127.0.0.1", log_dir=str(logs), extra=extra)
    config.write_text("".join(f"{name}={value}\n" for name, value in wanted.items()))
    if not (logs / "meta.properties").exists():
        # Sixteen bytes in base64; the tool would take one that happens to start with a dash for an option.
        cluster = "eddy" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[4:22]
        tool = [*jvm, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)]
        done = processes.run(tool)
        if done.returncode:
            raise BrokerStartError(f"{logs} could not be formatted; Kafka's output:\n{tail(done.stdout)}\n{REMEDY}")
    return config

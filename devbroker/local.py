"""A real Apache Kafka as a child process: one JVM with a class archive, ready in a second and a half.

Made for fault injection: it can be killed, frozen, thawed and restarted at will, and it never outlives its parent.
"""

import base64
import contextlib
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self, Unpack

from eddy.devbroker import cache, processes
from eddy.devbroker.cache import Java
from eddy.devbroker.node import (
    REMEDY,
    STOP_TIMEOUT_S,
    BrokerStartError,
    Guard,
    LogFile,
    Ports,
    choose_ports,
    properties,
    tail,
    wait_started,
)
from eddy.devbroker.running import NodeOptions, ThrowAwayBroker


class LocalBroker(ThrowAwayBroker):
    """One Kafka node in a JVM of its own."""

    def __init__(self, java: Java, **options: Unpack[NodeOptions]) -> None:
        super().__init__(**options)
        self._java = java
        self.data = self._data or self._own
        self._log = LogFile(self.data / "broker.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._log.path

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
            command = self._prepare()
            self._launch(command)
            try:
                wait_started(self._log.read, lambda: self.running, str(self.log))
            except BrokerStartError:
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
        kept = cache.cache_dir()
        classpath = ":".join(str(jar) for jar in cache.jars(kept, self._on_progress))

        def make(unfinished: Path) -> None:
            self._on_progress("Making the class archive that lets the broker start in a second (once, about 5 s)")
            _make_archive(self._java, classpath, unfinished)

        archive = cache.made_once(cache.archive_path(kept, self._java), make)
        jvm = _jvm(self._java, classpath, f"-XX:SharedArchiveFile={archive}" if archive.stat().st_size else None)
        return [*jvm, "kafka.Kafka", str(_format(jvm, self.data, self._ports, self._extra))]

    def _launch(self, command: list[str]) -> None:
        with processes.undisturbed(), self._log.appending() as log:
            # A session of its own: Ctrl-C goes to us, who then stop it cleanly.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self._guarded('kill -9 "$1"; sleep 0.2; rm -rf "$2"', str(self._process.pid), str(self._own))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            raise BrokerStartError(f"the broker at {self.address} does not run, so it cannot be sent {number.name}")
        self._process.send_signal(number)

    def _end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._dismiss_guard()


def _jvm(java: Java, classpath: str, archive: str | None) -> list[str]:
    quiet = "-Dorg.slf4j.simpleLogger"
    return [
        java.path,
        "-Xms128m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Xlog:cds=off",
        *([archive] if archive else []),
        f"{quiet}.showDateTime=true",
        f"{quiet}.dateTimeFormat=HH:mm:ss.SSS",
        # The whole configuration, 300 lines a start.
        f"{quiet}.log.org.apache.kafka.common.config.AbstractConfig=warn",
        "-cp",
        classpath,
    ]


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


def _make_archive(java: Java, classpath: str, archive: Path) -> None:
    """One start and stop of a broker, which writes down the classes that it loaded; an empty file if it cannot."""
    jvm = _jvm(java, classpath, f"-XX:ArchiveClassesAtExit={archive}")
    with tempfile.TemporaryDirectory(prefix="eddy-broker-") as directory, contextlib.ExitStack() as cleanup:
        config = _format(_jvm(java, classpath, None), Path(directory), choose_ports(0, None), {})
        log = LogFile(Path(directory) / "broker.log")
        with processes.undisturbed(), log.appending() as output:
            process = subprocess.Popen(
                [*jvm, "kafka.Kafka", str(config)], stdout=output, stderr=output, start_new_session=True
            )
            guard = Guard("kill -9 $1", (str(process.pid),))
            guard.start()
            cleanup.callback(guard.dismiss)
            cleanup.callback(process.wait)
            cleanup.callback(process.terminate)
        wait_started(log.read, lambda: process.poll() is None, str(log.path))
    archive.touch()

"""What every throw-away broker needs, whichever engine runs it: its settings, its ports, its log, its guard.

One node that is broker and controller at once. Its time-outs are short, so that a test of a fault takes seconds.
"""

import contextlib
import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from eddy.model.errors import EddyError

KAFKA_VERSION = "4.3.1"
STARTED = "Kafka Server started"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20  # Docker takes whole seconds only
REMEDY = "Correct what it complains of, or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."

OnProgress = Callable[[str], None]
"""Receives a sentence about what is about to take time."""


class BrokerStartError(EddyError):
    """There is no throw-away broker; the message ends with what to do."""


def silent(_: str) -> None:
    """For callers that nobody watches."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one node listens: clients, itself, and clients that are to come through a proxy.

    `advertised` is the proxy's port, to which clients of the `proxied` port are sent on.
    """

    clients: int
    controller: int
    proxied: int | None = None
    advertised: int | None = None


# Below the ports that systems hand out to outgoing connections (32768 on Linux, 49152 elsewhere): a client that
# retries while its broker is down could otherwise be given the broker's own port, talk to itself, and keep it.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    for port in random.sample(_PORTS, k=200):
        if _is_free(port):
            return port
    raise BrokerStartError(f"no free port: 200 between {_PORTS.start} and {_PORTS.stop} are taken; stop what uses them")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(clients: int, advertised: int | None) -> Ports:
    """`clients` as asked (0: any free one), the others free ones.

    Raises:
        BrokerStartError: the port asked for is taken.
    """
    if clients and not _is_free(clients):
        raise BrokerStartError(f"port {clients} is in use; stop what listens there, or choose another with --port")
    return Ports(clients or free_port(), free_port(), free_port() if advertised else None, advertised)


def properties(ports: Ports, *, bind: str, log_dir: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The node's configuration; `extra` wins."""
    listeners, advertised = {"PLAINTEXT": ports.clients}, {"PLAINTEXT": ports.clients}
    if ports.proxied and ports.advertised:
        listeners["PROXIED"], advertised["PROXIED"] = ports.proxied, ports.advertised
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"{_endpoints(listeners, bind)},CONTROLLER://127.0.0.1:{ports.controller}",
        "advertised.listeners": _endpoints(advertised, "127.0.0.1"),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*listeners, "CONTROLLER")),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
        "log.dirs": log_dir,
        **_ONE_NODE,
        **extra,
    }


def _endpoints(listeners: Mapping[str, int], host: str) -> str:
    return ",".join(f"{name}://{host}:{port}" for name, port in listeners.items())


_ONE_NODE = {
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer partitions of Kafka's own topics: a start is mostly spent on opening them.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # Until its predecessor's session has expired a restarted node may not register: by default 9 s after kill -9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "200",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "8388608",
}


def tail(log: str, lines: int = 12) -> str:
    """What an error quotes of a log, indented: its first errors, since a clean shutdown follows them, and its end."""
    written = log.splitlines()
    errors = [line for line in written[:-lines] if re.search("ERROR|FATAL|Exception", line)][:lines]
    return "\n".join("    " + line for line in [*errors, *written[-lines:]]) or "    (nothing)"


def wait_started(read_log: Callable[[], str], is_running: Callable[[], bool], where: str) -> None:
    """Returns once the log says that the broker serves.

    Raises:
        BrokerStartError: it ended first, or took too long; quotes the end of its log.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while STARTED not in read_log():
        running = is_running()
        if not running or time.monotonic() > deadline:
            what = f"did not start in {START_TIMEOUT_S:.0f} s" if running else "ended while starting"
            raise BrokerStartError(f"the broker {what}; from its log, {where}:\n{tail(read_log())}\n{REMEDY}")
        time.sleep(0.02)


@dataclass(slots=True)
class Guard:
    """Runs a shell command when this process dies, however it dies; so no broker is left behind.

    A shell waits at the other end of a pipe, in a session of its own, where no Ctrl-C reaches it. The kernel closes
    the pipe with the process: that works after kill -9 and on every Unix, and does not care which thread started the
    broker (as the parent-death signal of Linux does).
    """

    command: str
    arguments: tuple[str, ...]
    _shell: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        script = f"read _ || {{ {self.command}; }}"
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", script, "eddy-broker-guard", *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.register_at_fork(after_in_child=self._forget)

    def dismiss(self) -> None:
        """The broker is gone, its number may be another process's by now: the command must not run any more."""
        if self._shell is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._shell.communicate(b"dismissed\n")
        self._shell = None

    def _forget(self) -> None:
        """A forked child must not hold the pipe open: it may outlive us."""
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
            self._shell = None

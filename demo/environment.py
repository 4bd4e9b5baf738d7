"""What the demo runs on: a broker, workers and the API, each a real process.

Without Docker or Java the broker is in memory and the consumer's loop runs in a thread; only the API is then a process.
"""

import contextlib
import socket
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from eddy.consumer.lag import LagMonitor, monitored
from eddy.consumer.live import LiveProcessor
from eddy.consumer.worker import MetricsObserver, loader_of, loop_of
from eddy.demo.background import Background
from eddy.demo.processes import ChildEnded, Children
from eddy.devbroker import brokers
from eddy.devbroker.brokers import Engine, EngineKind
from eddy.devbroker.node import free_port
from eddy.messaging import topics
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.ports import Broker
from eddy.model.errors import EddyError
from eddy.monitoring.metrics import ConsumerMetrics, serve
from eddy.settings import TOPICS, Settings, load

WORKERS = 2
READY_WITHIN_S = 60.0
_MARK = "eddy-demo-"
NOT_SHOWN = (
    "Eddy uses its in-memory broker instead. It shows the verdicts and their audit, but not that they survive a "
    "crash: it lives in this process, and nothing else can connect to it."
)


class NotReady(EddyError):
    """Something did not start in time; the message says what, and what to do."""


class Stage:
    """The parts of one demo; `set_up` makes it, and the `ExitStack` given there ends it."""

    def __init__(self, settings: Settings, broker: Broker, children: Children) -> None:
        self.settings, self.broker, self.children = settings, broker, children
        self._background: list[Background[None]] = []

    @property
    def in_memory(self) -> bool:
        return isinstance(self.broker, MemoryBroker)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(plan.name for plan in topics.plans(self.settings))

    @property
    def topics_remain(self) -> bool:
        """Whether the broker is the user's own, which keeps the demo's topics."""
        return self.settings.group.startswith(_MARK)

    @property
    def workers(self) -> str:
        """What scores the stream, in words."""
        return "one worker, a thread" if self.in_memory else f"{self.settings.workers} workers"

    @property
    def api(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Addresses of all metrics."""
        workers = 1 if self.in_memory else self.settings.workers
        ports = range(self.settings.metrics_port, self.settings.metrics_port + workers)
        return (f"{self.api}/metrics", *(f"http://127.0.0.1:{port}/metrics" for port in ports))

    def start(self, stack: ExitStack) -> None:
        """Starts the workers and the API; `wait_ready` says when they work. They end before the broker does."""
        stack.callback(self.children.stop)
        self.children.start("eddy serve", "eddy.cli.main", "serve", settings=self.settings)
        if self.in_memory:
            self.watch([Background("the worker", partial(consume_in_memory, self.broker, self.settings))], stack)
        else:
            self.children.start("eddy consume", "eddy.cli.main", "consume", settings=self.settings)

    def watch(self, threads: list[Background[None]], stack: ExitStack) -> None:
        """From now on `check` looks at these threads, too; they stop with the stack."""
        self._background += threads
        for thread in threads:
            stack.callback(thread.stop)

    def check(self) -> None:
        """Raises ChildEnded if a process or a thread is gone."""
        self.children.check()
        for thread in self._background:
            if thread.failure is not None:
                raise ChildEnded(f"{thread.name} failed: {thread.failure}")

    def wait_ready(self) -> None:
        """Returns when every worker is in its group and the API answers checks.

        Raises:
            NotReady: not within a minute.
            ChildEnded: one of them gave up.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not (self._workers_ready() and self._api_ready()):
            self.check()
            if time.monotonic() > deadline:
                what = "the API" if self._workers_ready() else "the workers"
                raise NotReady(f"{what} did not start in {READY_WITHIN_S:.0f} s; free this machine of other work")
            time.sleep(0.05)

    def _workers_ready(self) -> bool:
        if self.in_memory:  # the thread reads from the first message, whenever it joins
            return True
        assert self.settings.health_dir is not None
        files = [self.settings.health_dir / f"worker-{slot}.json" for slot in range(self.settings.workers)]
        return all(map(_says_stable, files))

    def _api_ready(self) -> bool:
        with contextlib.suppress(OSError):
            self._request("/health/ready")
            return True
        return False

    def ask(self, transaction: bytes) -> dict[str, Any]:
        """The API's answer about a transaction.

        Raises:
            NotReady: it did not answer with a verdict.
        """
        try:
            return msgspec.json.decode(self._request("/v1/check", transaction), type=dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise NotReady(f"the API at {self.api} did not answer a check: {error}") from error

    def _request(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.api + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())


def set_up(engine: Engine, store: Path, children: Children, stack: ExitStack, say: Callable[[str], None]) -> Stage:
    """Starts a broker on the engine and creates the topics; workers and API do not run yet.

    Raises:
        BrokerStartError, BrokerError: there is no broker.
    """
    broker: Broker
    if engine.kind is EngineKind.NONE:
        settings = _settings(store, children.directory, topic_replication=1)
        broker = MemoryBroker(clock=lambda: int(time.time() * 1_000), waits=True)
    else:
        running = stack.enter_context(brokers.start(engine, on_progress=say))
        settings = _settings(store, children.directory, **_of_broker(engine, running.address))
        broker = KafkaBroker(settings)
    with closing(broker.topic_admin()) as admin:
        topics.create(admin, topics.plans(settings))
    return Stage(settings, broker, children)


def _of_broker(engine: Engine, address: str) -> dict[str, Any]:
    """On the user's own broker the demo uses topics of its own; on a throw-away one they have the usual names."""
    if engine.kind is not EngineKind.GIVEN:
        return {"kafka_bootstrap_servers": address, "kafka_security_protocol": "PLAINTEXT", "topic_replication": 1}
    mark = f"{_MARK}{uuid.uuid4().hex[:6]}"
    own = {name: f"{mark}-{Settings.model_fields[name].default}" for name in TOPICS}
    return {"kafka_bootstrap_servers": address, "group": mark, **own}


def _settings(store: Path, directory: Path, **broker: Any) -> Settings:
    defaults = {name: field.default for name, field in Settings.model_fields.items() if name in _OURS}
    return load(
        **{**defaults, **broker},
        artifacts=store,
        workers=WORKERS,
        health_dir=directory / "health",
        metrics_port=_free_ports(WORKERS),
        api_host="127.0.0.1",
        api_port=free_port(),
        log_format="console",
        log_level="INFO",
    )


# The user's settings for a stream of their own must not change the demo.
_OURS = {*TOPICS, "topic_partitions", "group", "first_slot", "unknown_fields", "dead_letter_limit", "alert_rate_floor",
         "alert_rate_ceiling"}  # fmt: skip


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        first = free_port()
        with contextlib.suppress(OSError), ExitStack() as taken:
            for port in range(first, first + count):
                taken.enter_context(socket.create_server(("", port)))
            return first


def _says_stable(health_file: Path) -> bool:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        state = msgspec.json.decode(health_file.read_bytes())
        return bool(state["stable"])
    return False


def consume_in_memory(broker: Broker, settings: Settings, stop: threading.Event) -> None:
    """The consumer's own loop over a broker in memory, with its metrics."""
    observer = MetricsObserver(ConsumerMetrics())
    serve(observer.metrics.registry, settings.metrics_port, 0, "127.0.0.1")
    live = LiveProcessor(settings, broker, loader_of(settings), [observer.on_swap])
    live.start(stop, lambda: None)
    loop = loop_of(broker, settings, 0, live, [observer], stop)
    with monitored(LagMonitor(broker, settings, lambda: loop.assigned, observer.on_lag)):
        loop.run()
    live.close()

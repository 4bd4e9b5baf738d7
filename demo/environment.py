"""Where the demo plays: a broker, workers and the API, each a real process; or, with no broker to be had, a stand-in.

The stand-in keeps the broker in memory and turns the consumer's loop in a thread. Only the API is then a process.
"""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec

from eddy.consumer.breaker import TooManyDeadLetters
from eddy.consumer.loop import Loop, SlotTaken
from eddy.consumer.worker import MetricsObserver, load_processor, loop_of
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
from eddy.settings import Settings, load

WORKERS = 2
READY_WITHIN_S = 60.0
_MARK = "eddy-demo-"
NOT_SHOWN = (
    "Eddy's own broker in memory stands in. It shows the verdicts and the account of them, not that they survive a "
    "crash: it lives in this process, and nothing else can connect to it."
)


class NotReady(EddyError):
    """Something did not start in time; the message says what, and what to do."""


class Stage:
    """The pieces of one demo; made by `set_up`, ended with the `ExitStack` given to it."""

    def __init__(self, settings: Settings, broker: Broker, children: Children) -> None:
        self.settings, self.broker, self.children = settings, broker, children
        self._thread: Judging | None = None

    @property
    def in_memory(self) -> bool:
        return isinstance(self.broker, MemoryBroker)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(plan.name for plan in topics.plans(self.settings))

    @property
    def topics_remain(self) -> bool:
        """Whether the broker is somebody's own, which keeps what was made on it."""
        return self.settings.group.startswith(_MARK)

    @property
    def workers(self) -> str:
        """Who judges, in words."""
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

    def create_topics(self) -> None:
        with closing(self.broker.topic_admin()) as admin:
            topics.create(admin, topics.plans(self.settings))

    def start(self, stack: ExitStack) -> None:
        """Starts the workers and the API; `wait_ready` says when they work. They end before the broker does."""
        stack.callback(self.children.stop)
        self.children.start("eddy serve", "eddy.cli.main", "serve", settings=self.settings)
        if self.in_memory:
            self._thread = Judging(self.broker, self.settings)
            stack.callback(self._thread.stop)
            self._thread.start()
        else:
            self.children.start("eddy consume", "eddy.cli.main", "consume", settings=self.settings)

    def check(self) -> None:
        """Raises ChildEnded if a piece is gone."""
        self.children.check()
        if self._thread is not None and self._thread.failure is not None:
            raise ChildEnded(f"the consumer's loop ended: {self._thread.failure}")

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
        if self._thread is not None:
            return self._thread.stable
        assert self.settings.health_dir is not None
        files = [self.settings.health_dir / f"worker-{slot}.json" for slot in range(self.settings.workers)]
        return all(map(_says_stable, files))

    def _api_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health/ready", timeout=5):
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def ask(self, transaction: bytes) -> dict[str, Any]:
        """What the API says of a transaction.

        Raises:
            NotReady: it did not answer with a verdict.
        """
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.api}/v1/check", transaction, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found: dict[str, Any] = msgspec.json.decode(answer.read())
                return found
        except (urllib.error.URLError, TimeoutError, ConnectionError, msgspec.DecodeError) as error:
            raise NotReady(f"the API at {self.api} did not answer a check: {error}") from error


def set_up(engine: Engine, store: Path, children: Children, stack: ExitStack, say: Callable[[str], None]) -> Stage:
    """Starts a broker on the engine, makes the topics, and gives the stage, on which nothing runs yet.

    Raises:
        BrokerStartError, BrokerError: there is no broker.
    """
    broker: Broker
    if engine.kind is EngineKind.NONE:
        settings = _settings(store, children.directory, topic_replication=1)
        broker = MemoryBroker(clock=lambda: int(time.time() * 1_000), waits=True)
    else:
        running = stack.enter_context(brokers.start(engine, say=say))
        settings = _settings(store, children.directory, **_of_broker(engine, running.address))
        broker = KafkaBroker(settings)
    stage = Stage(settings, broker, children)
    stage.create_topics()
    return stage


def _of_broker(engine: Engine, address: str) -> dict[str, Any]:
    """On a broker of somebody's own the demo keeps to topics of its own; on a fresh one they have the usual names."""
    if engine.kind is not EngineKind.GIVEN:
        return {"kafka_bootstrap_servers": address, "kafka_security_protocol": "PLAINTEXT", "topic_replication": 1}
    mark = f"{_MARK}{uuid.uuid4().hex[:6]}"
    names = {"transactions": "transactions", "alerts": "alerts", "dead_letters": "dead-letters", "ledger": "ledger"}
    return {"kafka_bootstrap_servers": address, "group": mark} | {
        f"topic_{name}": f"{mark}-{topic}" for name, topic in names.items()
    }


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


# What somebody has set for a stream of their own must not bend the demo's.
_OURS = {
    "topic_transactions", "topic_alerts", "topic_dead_letters", "topic_ledger", "topic_partitions", "group",
    "first_slot", "unknown_fields", "dead_letter_limit",
}  # fmt: skip


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


class Judging:
    """The consumer's own loop, in a thread, over a broker in memory."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self.stable = False
        self.failure: Exception | None = None
        self._stop = threading.Event()
        metrics = ConsumerMetrics()
        serve(metrics.registry, settings.metrics_port, 0, "127.0.0.1")
        processor = load_processor(settings)
        metrics.model(processor.detector.version, processor.detector.threshold.score, processor.detector.threshold.rate)
        self._loop: Loop = loop_of(broker, settings, 0, processor, [MetricsObserver(metrics), self], self._stop)
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            self._loop.run()
        except (SlotTaken, TooManyDeadLetters) as error:
            self.failure = error

    def on_poll(self, *, stable: bool) -> None:
        self.stable = stable

    def on_commit(self, iteration: object) -> None:
        """Told by the ledger."""

    def on_failure(self, kind: str) -> None:
        """Told by the ledger: it would not balance."""

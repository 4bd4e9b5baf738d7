"""One worker process: a loop with what watches over it (health file, metrics port, watchdog)."""

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import reduce
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from eddy.consumer.batch import BatchProcessor, Decision
from eddy.consumer.breaker import TooManyDeadLetters
from eddy.consumer.lag import LagMonitor, Lags, monitored
from eddy.consumer.live import LiveProcessor
from eddy.consumer.loop import Loop, LoopConfig, SlotTaken
from eddy.consumer.observer import Iteration, Observer
from eddy.consumer.starts import StartRefused, Starts
from eddy.control.live import InForce, Loader, StoreLoader
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.messages import ShadowCounts
from eddy.messaging.ports import Broker, BrokerError, Consumer
from eddy.model.serving.artifact import ArtifactError, ArtifactStore
from eddy.monitoring import logs, signals
from eddy.monitoring.metrics import CommittedBatch, ConsumerMetrics, InForceFigures, LagFigures, MetricsPortTaken, serve
from eddy.settings import Settings

# Exit codes. The supervisor starts a worker again only after the last two.
STOPPED, UNUSABLE, SLOT_TAKEN, BREAKER_OPEN, CRASHED, STUCK = 0, 2, 3, 4, 1, 70
FINAL = {UNUSABLE, SLOT_TAKEN, BREAKER_OPEN}

log = logs.get(__name__)


def loop_of(
    broker: Broker,
    settings: Settings,
    slot: int,
    processor: Callable[[], BatchProcessor],
    observers: list[Observer],
    stop: threading.Event,
) -> Loop:
    """The loop of one slot; the slot names the worker towards the broker and stays the same over restarts."""
    name = f"{settings.group}-{slot}"
    starts = Starts(broker, settings, lambda: [o.on_poll(stable=False) for o in observers])  # type: ignore[func-returns-value]

    def subscribe() -> Consumer:
        consumer = broker.consumer(group=settings.group, topic=settings.topic_transactions, instance=name)
        consumer.start_by(starts)
        return consumer

    config = LoopConfig(
        batch_max_records=settings.batch_max_records,
        delivery_timeout_s=settings.delivery_timeout_ms / 1000,
        stall_timeout_s=settings.stall_timeout_ms / 1000,
        fencing_grace_s=settings.session_timeout_ms / 2000,  # one heartbeat, and half of another
        dead_letter_limit=settings.dead_letter_limit,
        dead_letter_window=settings.dead_letter_window,
    )
    return Loop(broker, subscribe, name, processor, config, observers, stop, starts)


def run(settings: Settings, slot: int) -> None:
    """The main function of a worker process; ends it with one of the exit codes above."""
    logs.configure(settings.log_format, settings.log_level, fields={"slot": slot})
    stop = threading.Event()
    signals.install(lambda *_: stop.set(), signal.SIGTERM)
    signals.ignore(signal.SIGINT)  # Ctrl-C reaches the whole group; the supervisor says when to stop
    raise SystemExit(_run(settings, slot, stop))


def _run(settings: Settings, slot: int, stop: threading.Event) -> int:
    heartbeat = Heartbeat(settings.health_dir and settings.health_dir / f"worker-{slot}.json", slot)
    try:
        with _watched(heartbeat, settings.watchdog_timeout_ms / 1000, stop):
            _work(settings, slot, heartbeat, stop)
    except (ArtifactError, BrokerError, MetricsPortTaken, StartRefused) as error:
        log.error("worker cannot start", reason=str(error))
        return UNUSABLE
    except SlotTaken as error:
        log.error("worker ends", reason=str(error))
        return SLOT_TAKEN
    except TooManyDeadLetters as error:
        log.error("worker ends", reason=str(error))
        return BREAKER_OPEN
    log.info("worker stopped")
    return STOPPED


def _work(settings: Settings, slot: int, heartbeat: "Heartbeat", stop: threading.Event) -> None:
    broker, observer = KafkaBroker(settings), MetricsObserver(ConsumerMetrics())
    live = LiveProcessor(settings, broker, loader_of(settings), [observer.on_swap, heartbeat.on_swap])
    observer.metrics.control_age(lambda: live.follower.age_s)
    observer.metrics.poll_age(lambda: time.monotonic() - heartbeat.last_poll)
    serve(observer.metrics.registry, settings.metrics_port, slot - settings.first_slot, settings.metrics_host)
    loop = loop_of(broker, settings, slot, live, [heartbeat, observer], stop)
    with closing(live), closing(loop):
        live.start(stop, lambda: heartbeat.on_poll(stable=False), loop.take_over)
        gc.collect()
        gc.freeze()  # what is alive now stays alive: no collection needs to look at it
        if not stop.is_set():
            log.info("worker started", model=live().detector.version, threshold=live().detector.threshold.score)
        observer.metrics.lost(lambda: loop.lost)
        with monitored(LagMonitor(broker, settings, lambda: loop.assigned, observer.on_lag)):
            loop.run()


def loader_of(settings: Settings) -> Loader:
    """Loads models from the store.

    Raises:
        ArtifactError: it holds none.
    """
    store = ArtifactStore(settings.artifacts)
    if not store.versions():
        store.active()  # says what to do
    return StoreLoader(store)


class MetricsObserver:
    """Passes the counts of each commit on to the metrics."""

    def __init__(self, metrics: ConsumerMetrics) -> None:
        self.metrics = metrics

    def on_swap(self, found: InForce) -> None:
        threshold = found.detector.threshold
        self.metrics.in_force(
            InForceFigures(
                found.detector.version,
                threshold.score,
                threshold.rate,
                found.control_offset,
                len(found.problems),
                None if found.shadow is None else found.shadow.version,
            )
        )

    def on_poll(self, *, stable: bool) -> None:
        """Nothing to count."""

    def on_commit(self, iteration: Iteration) -> None:
        decision, now = iteration.decision, time.time()
        self.metrics.committed(
            CommittedBatch(
                passed=decision.passed,
                alerted=decision.alerted,
                dead=decision.dead,
                phases={"decide": iteration.decide_s, "commit": iteration.commit_s},
                ages_s=[now - stored / 1000 for stored in iteration.stored_ms],
                alert_ages_s=[now - stored / 1000 for stored in decision.alerted_ms],
                rarities=decision.rarities,
                shadow=_shadow_figures(decision),
            )
        )

    def on_lag(self, lags: Lags) -> None:
        self.metrics.lag({(p.topic, p.partition): LagFigures(lag.messages, lag.since) for p, lag in lags.items()})

    def on_failure(self, kind: str) -> None:
        self.metrics.failed(kind)


def _shadow_figures(decision: Decision) -> dict[str, int]:
    if not decision.shadows:
        return {}
    found = reduce(ShadowCounts.plus, decision.shadows)
    return {"both": found.both, "only_live": found.only_live, "only_shadow": found.only_shadow}


class Heartbeat:
    """Keeps the time of the last poll for the watchdog, and the health file for probes from outside."""

    def __init__(self, path: Path | None, slot: int) -> None:
        self._path, self._slot = path, slot
        self._written = 0.0
        self._committed: float | None = None
        self._failing = False
        self._in_force: dict[str, Any] = {}
        self.last_poll = time.monotonic()

    def on_poll(self, *, stable: bool) -> None:
        self.last_poll = time.monotonic()
        if self._path is not None and self.last_poll - self._written >= 1:
            self._written = self.last_poll
            self._try_to_write(self._path, stable)

    def on_commit(self, iteration: Iteration) -> None:  # noqa: ARG002
        self._committed = time.time()

    def on_swap(self, found: InForce) -> None:
        self._in_force = {
            "model": found.detector.version,
            "threshold": found.detector.threshold.score,
            "control_offset": found.control_offset,
            "shadow": found.shadow and found.shadow.version,
            "problems": found.problems,
        }

    def on_failure(self, kind: str) -> None:
        """`on_poll` gets to know it by a membership that is not stable."""

    def _try_to_write(self, path: Path, stable: bool) -> None:
        """Makes a missing directory again; one that cannot be written is logged once and stops no worker."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, stable)
        except OSError as error:
            if not self._failing:
                log.error("cannot write the health file, going on without it", reason=str(error))
            self._failing = True
        else:
            self._failing = False

    def _write(self, path: Path, stable: bool) -> None:
        state = {"slot": self._slot, "pid": os.getpid(), "turned_at": time.time(), "stable": stable}
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(state | {"committed_at": self._committed} | self._in_force))
        aside.replace(path)


@contextmanager
def _watched(heartbeat: Heartbeat, timeout_s: float, stop: threading.Event) -> Iterator[None]:
    """Ends the process when its loop hangs (some calls of the client never return) or its supervisor is gone."""
    over = threading.Event()
    threading.Thread(target=_watchdog, args=(heartbeat, timeout_s, stop, over), name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watchdog(heartbeat: Heartbeat, timeout_s: float, stop: threading.Event, over: threading.Event) -> None:
    parent = parent_process()
    while not over.wait(1):
        if time.monotonic() - heartbeat.last_poll > timeout_s:
            log.error("the loop has not polled for too long: ending this process", timeout_s=timeout_s)
            os._exit(STUCK)
        if parent is not None and not parent.is_alive():
            stop.set()

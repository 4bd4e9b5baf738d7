"""The metrics of a consumer worker; those of the API are in `http_metrics`.

Everything is counted per micro-batch, after its commit: what a crash takes back was never counted, so the counters
agree with the ledger. Lag and ages follow the clock instead: they show a worker that does not commit.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from eddy.monitoring.histogram import BatchHistogram

Floats = Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]

BATCH_BUCKETS = (1, 10, 100, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 100_000)
PHASE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
AGE_BUCKETS = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600)
RARITY_BUCKETS = tuple(10.0 ** (quarters / 4) for quarters in range(-32, 1))  # 1 in 100,000,000 up to every one


class MetricsPortTaken(Exception):
    """The port for metrics is not available."""


@dataclass(frozen=True, slots=True)
class CommittedBatch:
    """What a commit settled.

    Attributes:
        passed, alerted: how many messages ended so.
        dead: how many were refused, by category.
        phases: seconds by phase: "poll", "decide", "commit".
        ages_s: how old messages were at the commit, in seconds since the broker stored them: all, or the oldest
            and the newest.
        alert_ages_s: the same of those that were alerted: how late the alerts are.
        rarities: of the messages that were scored.
        shadow: how many were anomalous by the model in force and by the one in shadow: "both", "only_live",
            "only_shadow"; empty without one.
    """

    passed: int
    alerted: int
    dead: Mapping[str, int]
    phases: Mapping[str, float] = field(default_factory=dict)
    ages_s: Floats = ()
    alert_ages_s: Floats = ()
    rarities: Floats = ()
    shadow: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.passed + self.alerted + sum(self.dead.values())


@dataclass(frozen=True, slots=True)
class InForceFigures:
    """By what a worker scores.

    Attributes:
        version: of the model.
        threshold: a score; `rate`: the alert rate that it stands for, if any.
        control_offset: of the last change that it rests on; None for none.
        problems: how many changes are not in force in this process.
        shadow: the version of the model in shadow; None for none.
    """

    version: str
    threshold: float
    rate: float | None
    control_offset: int | None
    problems: int
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class LagFigures:
    """How far behind a partition is; `since` is when the oldest waiting message was first seen, in Unix time."""

    messages: int
    since: float | None = None


class ConsumerMetrics:
    """The metrics of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        batch_histogram = partial(BatchHistogram, registry=registry)
        self._transactions = counter("eddy_transactions", "Messages settled by a commit.", ["outcome"])
        for outcome in ("passed", "alerted", "dead"):
            self._transactions.labels(outcome)  # there from the start, so that a rate over the first one is right
        self._dead = counter("eddy_dead_letters", "Messages refused, by category.", ["category"])
        shadow_help = "Messages that the model in force, the one in shadow, or both would alert."
        self._shadow = counter("eddy_shadow_alerts", shadow_help, ["by"])
        self._batch = histogram("eddy_batch_messages", "Messages per micro-batch.", buckets=BATCH_BUCKETS)
        self._phase = histogram(
            "eddy_batch_phase_seconds", "Time of one micro-batch, by phase.", ["phase"], buckets=PHASE_BUCKETS
        )
        self._failures = counter(
            "eddy_commit_failures", "Times the loop started over from what is committed.", ["kind"]
        )
        self._committed_at = Gauge(
            "eddy_last_commit_timestamp_seconds", "When the last commit succeeded, Unix time.", registry=registry
        )
        self._ages = batch_histogram("eddy_end_to_end_seconds", "From stored by the broker to committed.", AGE_BUCKETS)
        self._alert_ages = batch_histogram(
            "eddy_alert_latency_seconds", "The same, of messages that were alerted.", AGE_BUCKETS
        )
        rarity_help = "Share of normal transactions expected to score at least as high as this one."
        self._rarity = batch_histogram("eddy_transaction_rarity", rarity_help, RARITY_BUCKETS)
        self._state = _State(registry)

    def committed(self, batch: CommittedBatch) -> None:
        """Counts what a commit settled. Only to be called after it succeeded."""
        self._transactions.labels("passed").inc(batch.passed)
        self._transactions.labels("alerted").inc(batch.alerted)
        self._transactions.labels("dead").inc(sum(batch.dead.values()))
        for category, count in batch.dead.items():
            self._dead.labels(category).inc(count)
        for by, count in batch.shadow.items():
            self._shadow.labels(by).inc(count)
        self._batch.observe(batch.total)
        for phase, seconds in batch.phases.items():
            self._phase.labels(phase).observe(seconds)
        self._ages.add(batch.ages_s)
        self._alert_ages.add(batch.alert_ages_s)
        self._rarity.add(batch.rarities)
        self._committed_at.set_to_current_time()

    def failed(self, kind: str) -> None:
        """Counts a commit, or a client, that failed; `kind` from a small closed set, such as the error's class."""
        self._failures.labels(kind).inc()

    def lag(self, partitions: Mapping[tuple[str, int], LagFigures]) -> None:
        """How far behind each assigned (topic, partition) is; partitions not named are forgotten."""
        self._state.lag, self._state.lag_at = dict(partitions), time.time()

    def lost(self, offsets: Callable[[], float]) -> None:
        """How many offsets were deleted before this worker read them; asked at each scrape."""
        help_text = "Offsets that the broker had deleted before this worker read them, since it started."
        Gauge("eddy_lost_offsets", help_text, registry=self.registry).set_function(offsets)

    def poll_age(self, seconds: Callable[[], float]) -> None:
        """How long ago the loop polled last; asked at each scrape."""
        help_text = "Seconds since the worker's loop last polled for messages; it grows while the loop hangs."
        Gauge("eddy_poll_age_seconds", help_text, registry=self.registry).set_function(seconds)

    def in_force(self, figures: InForceFigures) -> None:
        """The model in use, its threshold, and the changes behind them."""
        self._state.in_force = figures

    def control_age(self, seconds: Callable[[], float]) -> None:
        """How long ago this process knew all changes; asked at each scrape."""
        help_text = "Seconds since this process was known to have read all changes of threshold and model."
        Gauge("eddy_control_age_seconds", help_text, registry=self.registry).set_function(seconds)


def serve(registry: CollectorRegistry, port: int, slot: int, address: str = "0.0.0.0") -> int | None:
    """Serves a worker's metrics at `/metrics` on port + slot, in a thread; returns that port.

    Args:
        port: of the first worker; 0 for no metrics at all.

    Raises:
        MetricsPortTaken: the port is in use or may not be used.
    """
    if port == 0:
        return None
    try:
        start_http_server(port + slot, address, registry)
    except (OSError, OverflowError) as error:
        raise MetricsPortTaken(
            f"cannot serve metrics on {address}:{port + slot} (metrics port {port} + slot {slot}): {error}. "
            "Choose another EDDY_METRICS_PORT, or 0 for none"
        ) from None
    return port + slot


class _State(Collector):
    """Facts that replace each other as a whole: a scrape never sees half of a change, or what was revoked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag: dict[tuple[str, int], LagFigures] = {}
        self.lag_at: float | None = None
        self.in_force: InForceFigures | None = None
        registry.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return [*_lag_families(self.lag, self.lag_at), *_in_force_families(self.in_force)]


def _lag_families(
    found: Mapping[tuple[str, int], LagFigures], measured_at: float | None
) -> Iterable[GaugeMetricFamily]:
    labels, now = ["topic", "partition"], time.time()
    lag = GaugeMetricFamily("eddy_consumer_lag_messages", "Offsets not yet committed.", labels=labels)
    waiting_help = "Seconds since the oldest message not yet committed was first seen; 0: none waits."
    waiting = GaugeMetricFamily("eddy_consumer_lag_seconds", waiting_help, labels=labels)
    for (topic, partition), figures in found.items():
        lag.add_metric([topic, str(partition)], figures.messages)
        waiting.add_metric([topic, str(partition)], 0 if figures.since is None else now - figures.since)
    yield from (lag, waiting)
    if measured_at is not None:
        age_help = "Seconds since the lag was measured; it grows while the broker does not answer."
        yield GaugeMetricFamily("eddy_consumer_lag_age_seconds", age_help, value=now - measured_at)


def _in_force_families(found: InForceFigures | None) -> Iterable[GaugeMetricFamily]:
    if found is None:
        return
    info = GaugeMetricFamily("eddy_model_info", "Always 1; the label is the model in use.", labels=["version"])
    info.add_metric([found.version], 1)
    yield info
    if found.shadow is not None:
        shadow = GaugeMetricFamily(
            "eddy_shadow_info", "Always 1; the label is the model in shadow.", labels=["version"]
        )
        shadow.add_metric([found.shadow], 1)
        yield shadow
    yield GaugeMetricFamily("eddy_threshold_score", "Scores from this on are anomalous.", value=found.threshold)
    if found.rate is not None:
        yield GaugeMetricFamily("eddy_threshold_rate", "Alert rate the threshold stands for.", value=found.rate)
    offset_help = "Offset of the last change that model and threshold rest on; -1: they were never changed."
    offset = -1 if found.control_offset is None else found.control_offset
    yield GaugeMetricFamily("eddy_control_offset", offset_help, value=offset)
    problems_help = "Changes that are not in force in this process; its log and health file say why."
    yield GaugeMetricFamily("eddy_control_problems", problems_help, value=found.problems)

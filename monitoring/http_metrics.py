"""What the API tells Prometheus: one set of numbers over all its worker processes.

Each gunicorn worker keeps its numbers in memory-mapped files of a common directory, and whichever worker is asked adds
them all up. Counters of a worker that is gone still count; its gauges do not (`forget`).
"""

import contextlib
import os
import struct
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values

_TRIES, _PAUSE_S = 5, 0.02
LATENCY_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def share_between_processes(directory: Path) -> None:
    """From now on metrics of this process and its children are kept in `directory`, which must be empty.

    The client library decides where values live when it is first imported, by a variable of the environment. By the
    time a command runs that has long happened, so the decision is taken again here; metrics made before are unchanged.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def forget(directory: Path, pid: int) -> None:
    """Drops the gauges of a process that has ended."""
    multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


class HttpMetrics:
    """The API's metrics.

    Args:
        directory: the one given to `share_between_processes`; None where a single process serves.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._version: str | None = None
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "eddy_http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "eddy_http_request_seconds",
            "From the request's head read to the answer made.",
            ["route"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "eddy_http_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum", registry=registry
        )
        self._verdicts = Counter("eddy_verdicts", "Transactions checked, by verdict.", ["verdict"], registry=registry)
        self._anomalous = self._verdicts.labels("anomalous")
        self._normal = self._verdicts.labels("normal")
        self._refused = Counter(
            "eddy_checks_refused",
            "Transactions that could not be checked, by category.",
            ["category"],
            registry=registry,
        )
        self._model = Gauge(
            "eddy_model_info",
            "1 for the model in use, 0 for one that was.",
            ["version"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._threshold = Gauge(
            "eddy_threshold_score",
            "Scores from this on are anomalous.",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )

    def started(self) -> None:
        self._in_flight.inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts an answer. `route` is the rule, never the path: what clients make up must not become a label."""
        self._in_flight.dec()
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def checked(self, *, anomalous: bool) -> None:
        (self._anomalous if anomalous else self._normal).inc()

    def refused(self, category: str) -> None:
        self._refused.labels(category).inc()

    def model(self, version: str, threshold: float) -> None:
        if self._version not in (None, version):
            self._model.labels(self._version).set(0)  # a label cannot be taken out of the common files
        self._version = version
        self._model.labels(version).set(1)
        self._threshold.set(threshold)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format, over all processes."""
        if self._directory is None:
            return generate_latest(self._registry)
        for _ in range(_TRIES):
            # A process that starts or ends just now leaves a file empty, or takes one away, while all are being read.
            with contextlib.suppress(OSError, ValueError, struct.error):
                return self._gathered()
            time.sleep(_PAUSE_S)
        return self._gathered()

    def _gathered(self) -> bytes:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, str(self._directory))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

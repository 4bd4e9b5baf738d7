"""The metrics of the API: one set of numbers over all its worker processes.

Each gunicorn worker keeps its numbers in memory-mapped files of a common directory, and whichever worker is asked adds
them all up. Counters of a worker that is gone still count; its gauges do not.
"""

import contextlib
import fcntl
import os
import shutil
import struct
import tempfile
import time
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values

_TRIES, _PAUSE_S = 5, 0.02
# Not only "eddy-metrics-": directories of earlier versions carry no lock, and their servers may still run.
_PREFIX = "eddy-metrics-locked-"
LATENCY_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def share_between_processes() -> Path:
    """From now on this process and its children keep metrics in the returned directory; earlier metrics do not move.

    The client library decides where values live when it is first imported, by a variable of the environment. By the
    time a command runs that has long happened, so the decision is taken again here.
    """
    _remove_left_behind()
    directory = _locked_directory()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    return directory


def _locked_directory() -> Path:
    """A new directory, locked until the last process that was forked from this one has ended, however it ends."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with contextlib.suppress(FileNotFoundError):  # another start took it for one left behind
            fcntl.flock(os.open(directory, os.O_RDONLY), fcntl.LOCK_EX)
            if directory.exists():
                return directory


def _remove_left_behind() -> None:
    """Removes the directories of servers that were killed: those that no process has locked."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # a running server's, or another user's
            _remove_unlocked(directory)


def _remove_unlocked(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory)
    finally:
        os.close(descriptor)


class HttpMetrics:
    """The API's metrics.

    Args:
        directory: what `share_between_processes` returned; None where a single process serves.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._version: str | None = None
        self._registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=self._registry), partial(Gauge, registry=self._registry)
        histogram = partial(Histogram, buckets=LATENCY_BUCKETS, registry=self._registry)
        self._requests = counter("eddy_http_requests", "Requests answered.", ["route", "method", "status"])
        self._seconds = histogram(
            "eddy_http_request_seconds", "From the request's head read to the answer made.", ["route"]
        )
        self._in_flight = gauge("eddy_http_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
        self._verdicts = counter("eddy_verdicts", "Transactions checked, by verdict.", ["verdict"])
        self._anomalous, self._normal = self._verdicts.labels("anomalous"), self._verdicts.labels("normal")
        self._refused = counter(
            "eddy_checks_refused", "Transactions that could not be checked, by category.", ["category"]
        )
        self._model = gauge(
            "eddy_model_info", "1 for the model in use, 0 for one that was.", ["version"], multiprocess_mode="livemax"
        )
        self._threshold = gauge(
            "eddy_threshold_score", "Scores from this on are anomalous.", multiprocess_mode="livemostrecent"
        )

        offset_help = (
            "Offset of the last change that model and threshold rest on, in the worker furthest behind; -1: none."
        )
        self._offset = gauge("eddy_control_offset", offset_help, multiprocess_mode="livemin")
        problems_help = "Changes that are not in force in some worker; its log and /health/ready say why."
        self._problems = gauge("eddy_control_problems", problems_help, multiprocess_mode="livemax")
        age_help = (
            "Seconds since threshold and model in force were known to be the last ones; -1: no change is followed."
        )
        self._age = gauge("eddy_control_age_seconds", age_help, multiprocess_mode="livemax")

    def started(self) -> None:
        self._in_flight.inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts an answer. `route` is the rule, never the path: what clients make up must not become a label."""
        self._in_flight.dec()
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def checked(self, *, anomalous: bool) -> None:
        (self._anomalous if anomalous else self._normal).inc()

    def checked_many(self, anomalous: int, normal: int) -> None:
        self._anomalous.inc(anomalous)
        self._normal.inc(normal)

    def refused(self, category: str, count: int = 1) -> None:
        self._refused.labels(category).inc(count)

    def model(self, version: str, threshold: float) -> None:
        if self._version not in (None, version):
            self._model.labels(self._version).set(0)  # a label cannot be taken out of the common files
        self._version = version
        self._model.labels(version).set(1)
        self._threshold.set(threshold)

    def control(self, offset: int | None, problems: int, age_s: float | None) -> None:
        """What a worker knows of the control topic; None for an offset or an age that there is not."""
        self._offset.set(-1 if offset is None else offset)
        self._problems.set(problems)
        self._age.set(-1 if age_s is None else age_s)

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

"""A Prometheus histogram that takes a whole batch at once.

The client library's own observes one value at a time, 1 to 2 microseconds each: for a micro-batch of 8,000 records
that is a tenth of the batch's whole time. This one is one `np.searchsorted`.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

Floats = np.ndarray[Any, np.dtype[np.float64]]


class BatchHistogram(Collector):
    """Counts values between ascending upper bounds (each included in its bucket), for one process.

    Args:
        bounds: upper bounds; the bucket of everything beyond the last is added.
    """

    def __init__(self, name: str, help_text: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._help = name, help_text
        self._bounds = np.asarray(bounds, dtype=np.float64)
        self._labels = [*(f"{bound:.6g}" for bound in bounds), "+Inf"]
        self._counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def add(self, values: Sequence[float] | Floats) -> None:
        """Counts n values; those that are not a number are left out."""
        numbers = np.asarray(values, dtype=np.float64)
        numbers = numbers[~np.isnan(numbers)]
        counts = np.bincount(np.searchsorted(self._bounds, numbers), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(numbers.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        with self._lock:
            cumulative, total = self._counts.cumsum().tolist(), self._sum
        family = HistogramMetricFamily(self._name, self._help)
        family.add_metric([], list(zip(self._labels, cumulative, strict=True)), total)
        return [family]

"""Two who look on while a test does harm: one reads what comes out, one notes where the group is.

What a reader saw during the run must be what one finds afterwards (nothing that was visible may vanish or move), and
a committed offset must never go back. Both bear a broker that is away.
"""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from eddy.settings import Settings
from tests.faults.kit import oracle

SAMPLE_EVERY_S = 0.2
_AWAY = (KafkaError, RuntimeError, OSError)

Seen = dict[tuple[str, int], list[tuple[int, str]]]
"""Offsets and sources of what was read, by topic and partition."""


class Sampler:
    """The group's committed offsets, every 200 ms."""

    def __init__(self, address: str, settings: Settings) -> None:
        self._address, self._settings = address, settings
        self._stop = threading.Event()
        self.samples: list[tuple[float, dict[int, int]]] = []
        self._thread = threading.Thread(target=self._run, daemon=True, name="sampler")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    @property
    def last(self) -> dict[int, int]:
        return self.samples[-1][1] if self.samples else {}

    def problems(self) -> list[str]:
        """Where an offset went back, or was gone."""
        found, highest = [], dict[int, int]()
        for _, places in self.samples:
            for partition, offset in highest.items():
                if places.get(partition, -1) < offset:
                    found.append(f"the group went from {offset} to {places.get(partition)} in partition {partition}")
            highest.update(places)
        return found if self.samples else ["the committed offsets were never seen"]

    def _run(self) -> None:
        admin: Any = None
        while not self._stop.wait(SAMPLE_EVERY_S):
            try:
                admin = admin or KafkaAdminClient(
                    bootstrap_servers=self._address, request_timeout_ms=2_000, reconnect_backoff_max_ms=500
                )
                places = oracle.committed_by(admin, self._settings.group, self._settings.topic_transactions)
                self.samples.append((time.monotonic(), places))
            except _AWAY:
                with contextlib.suppress(*_AWAY):
                    if admin is not None:
                        admin.close()
                admin = None
        if admin is not None:
            admin.close()


class Watcher:
    """Reads alerts, dead letters and ledger as they become visible."""

    def __init__(self, address: str, settings: Settings) -> None:
        self._address = address
        self._topics = [settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger]
        self._stop = threading.Event()
        self._seen: Seen = defaultdict(list)
        self._alerts_at: dict[oracle.Place, float] = {}
        self.failure: BaseException | None = None
        self._consumer = oracle.reading(address, self._topics)
        self._thread = threading.Thread(target=self._run, daemon=True, name="watcher")
        self._thread.start()

    def stop(self) -> None:
        """Reads on to where the topics end now."""
        self._stop.set()
        self._thread.join(60)

    def late(self, topics: oracle.Topics, most_s: float, outages: Sequence[tuple[float, float]]) -> list[str]:
        """Which alerts were seen too long after their input was published; time without a broker (from, to) is free."""
        inputs = topics.inputs
        seen = [(place, inputs[place].stored_s, at) for place, at in self._alerts_at.items() if place in inputs]
        ages = {
            place: at - stored - sum(max(0.0, min(at, until) - max(stored, since)) for since, until in outages)
            for place, stored, at in seen
        }
        return [
            f"the alert of {place} took {age:.1f} s, more than {most_s}" for place, age in ages.items() if age > most_s
        ]

    def problems(self) -> list[str]:
        """Stops it, and says where it saw something else than is there now."""
        self.stop()
        if self.failure is not None or self._thread.is_alive():
            return [f"the reader during the run failed: {self.failure!r}"]
        now: Seen = defaultdict(list)
        for records in oracle.read_topics(self._address, self._topics).values():
            for record in records:
                now[record.topic, record.partition].append(_brief(record))
        return [
            f"{where}: the reader during the run saw {len(self._seen[where])} messages, afterwards {len(now[where])}"
            for where in now.keys() | self._seen.keys()
            if now[where] != self._seen[where]
        ]

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._note()
            left = self._consumer.end_offsets(sorted(self._consumer.assignment()))
            while left := {p: end for p, end in left.items() if self._consumer.position(p) < end}:
                self._note()
            self._consumer.close()
        except BaseException as error:  # noqa: BLE001
            self.failure = error

    def _note(self) -> None:
        for partition, records in self._consumer.poll(200).items():
            now = time.time()
            self._seen[partition.topic, partition.partition] += [_brief(record) for record in records]
            if partition.topic == self._topics[0]:
                self._alerts_at |= {oracle.source(record)[1:]: now for record in records}


def _brief(record: Any) -> tuple[int, str]:
    return record.offset, dict(record.headers).get("ce_id", b"").decode()

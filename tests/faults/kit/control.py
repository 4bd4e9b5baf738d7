"""Writers race to change threshold and model while workers run: everybody must agree, and no batch be a mixture."""

import json
import os
import signal
import threading
from contextlib import closing
from typing import NamedTuple

from eddy.control.change import MODEL, THRESHOLD, AlertRate, Body, UseModel
from eddy.control.history import Entry, entries
from eddy.control.operator import operator
from eddy.control.publisher import Author, LostRace
from eddy.control.state import Outcome
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import Record
from eddy.settings import Settings
from tests.faults.kit.harness import Rig
from tests.faults.kit.worker import wait_until
from tests.plugins.rule import ALERTED_FROM, rule_detector

WRITERS = 8
FOLLOWED_WITHIN_S = 2.0


class Race:
    """Writers in threads, each of which builds on what it last saw, until enough changes were accepted."""

    def __init__(self, settings: Settings, changes: int) -> None:
        self._settings, self._changes = settings, changes
        self.won: list[int] = []
        self.lost = 0
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _write(self, number: int) -> None:
        step = 0
        with operator(KafkaBroker(self._settings), self._settings) as me:
            while len(self.won) < self._changes:
                step += 1
                key, body = _change(number, step)
                try:
                    base = me.state.base(key)
                    self.won.append(me._publisher.publish(key, base, body, Author(f"writer {number}", "a race")))
                except LostRace:
                    self.lost += 1


def _change(number: int, step: int) -> tuple[str, Body]:
    if step % 5 == 0:
        return MODEL, UseModel(f"rule-{number}-{step}", "hash")
    return THRESHOLD, AlertRate(0.001 + number * 1e-4 + step * 1e-6)


class Ruling(NamedTuple):
    """By what a batch should have been decided."""

    model: str
    threshold: float


def change_while_they_run(rig: Rig, changes: int) -> None:
    """Two workers follow so many changes by racing writers; one is killed half-way. Then everything is checked."""
    supervisor = rig.supervise(2)
    while not all(supervisor.board_of(slot).commits for slot in range(2)):
        rig.publish(500)
    race = Race(rig.settings, changes)
    while len(race.won) < changes // 2:
        rig.publish(200)
    victim = supervisor.board_of(0)
    killed = victim.pid
    os.kill(killed, signal.SIGKILL)
    while not race.over:
        rig.publish(200)
    wait_until(lambda: victim.pid != killed and victim.commits > 0, 30, "a commit of the successor")
    rig.publish(2_000)
    rig.check()
    _check_agreement(race, *_read(rig.settings))


def _check_agreement(race: Race, log: list[Entry], alerts: list[Record], ledger: list[Record]) -> None:
    accepted = [entry for entry in log if entry.outcome is Outcome.ACCEPTED]
    assert sorted(race.won) == [entry.offset for entry in accepted]
    rejected = sum(entry.outcome is Outcome.REJECTED for entry in log)
    assert len(accepted) + rejected == len(log)
    assert 0 < rejected <= race.lost, "losers who saw the newer change in time wrote nothing"
    rulings = _rulings(accepted)
    verdicts = [json.loads(record.value or b"") for record in (*alerts, *ledger)]
    assert len({verdict["control_offset"] for verdict in verdicts}) > 5, "changes came while transactions did"
    for verdict in verdicts:
        assert Ruling(verdict["model"], verdict["threshold"]) == rulings[verdict["control_offset"]]
    assert _late(ledger, accepted) == []
    last = {record.partition: json.loads(record.value or b"")["control_offset"] for record in ledger}
    assert set(last.values()) == {accepted[-1].offset}


def _read(settings: Settings) -> tuple[list[Entry], list[Record], list[Record]]:
    with closing(KafkaBroker(settings).reader()) as reader:
        topics = (settings.topic_alerts, settings.topic_ledger)
        alerts, ledger = (list(reader.read(topic)) for topic in topics)
        return list(entries(reader.read(settings.topic_control))), alerts, ledger


def _rulings(accepted: list[Entry]) -> dict[int | None, Ruling]:
    """What is in force from each change on; None: before the first."""
    detector = rule_detector()
    found: dict[int | None, Ruling] = {None: Ruling(detector.version, ALERTED_FROM / 100)}
    now = found[None]
    for entry in accepted:
        assert entry.change is not None
        body = entry.change.body
        if isinstance(body, AlertRate):
            now = now._replace(threshold=detector.calibration.score_at(body.alert_rate))
        else:
            assert isinstance(body, UseModel)
            now = now._replace(model=body.version)
        found[entry.offset] = now
    return found


def _late(ledger: list[Record], accepted: list[Entry]) -> list[str]:
    """Batches that were committed long after a change, and did not know it yet."""
    late = []
    for record in ledger:
        known = json.loads(record.value or b"")["control_offset"]
        due = [entry.offset for entry in accepted if entry.stored_ms < record.timestamp - FOLLOWED_WITHIN_S * 1000]
        if due and (known is None or known < due[-1]):
            late.append(f"{record.timestamp}: knew {known}, {due[-1]} was due")
    return late

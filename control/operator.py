"""Changes as people ask for them, by command or over HTTP: with what must hold before one is written."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np

from eddy.control.budget import LastDay
from eddy.control.change import (
    MODEL,
    SHADOW,
    THRESHOLD,
    AlertRate,
    Body,
    ModelsOwn,
    NoShadow,
    Score,
    StoresActive,
    ThresholdBody,
    UseModel,
)
from eddy.control.follower import Follower
from eddy.control.history import Undo, entries, undo_of
from eddy.control.limits import ChangeRefused, Limits
from eddy.control.live import resolve
from eddy.control.projection import Window, read_windows
from eddy.control.publisher import Author, ChangePublisher
from eddy.control.state import Accepted, ControlState
from eddy.messaging.ports import Broker, BrokerError
from eddy.model.serving.artifact import ArtifactStore, Manifest
from eddy.model.serving.calibration import Threshold
from eddy.settings import Settings


@dataclass(frozen=True, slots=True)
class ThresholdInForce:
    """The threshold by which transactions are scored.

    Attributes:
        change: the change that made it; None while it was never changed.
        model: the version that runs.
        threshold: its score, with the alert rate that it stands for.
        problem: why `change` does not count for this model; None if it does.
    """

    change: Accepted | None
    model: str
    threshold: Threshold
    problem: str | None

    @property
    def alert_rate(self) -> float:
        assert self.threshold.rate is not None
        return self.threshold.rate


class Operator:
    """Reads what is in force and changes it. `operator` makes one.

    Methods raise BrokerError if the topic cannot be read or written, ArtifactError if a model is needed that the store
    does not have, LostRace if somebody else came first, ChangeRefused if a change must not be made.
    """

    def __init__(self, broker: Broker, settings: Settings, follower: Follower, publisher: ChangePublisher) -> None:
        self._broker, self._topic, self._ledger = broker, settings.topic_control, settings.topic_ledger
        self._follower, self._publisher = follower, publisher
        self._store = ArtifactStore(settings.artifacts)
        self.limits = Limits(settings.alert_rate_floor, settings.alert_rate_ceiling)

    @property
    def state(self) -> ControlState:
        return self._follower.state

    def changed_ms(self) -> int | None:
        """When threshold or model were last changed, in milliseconds since 1970, by the writer's clock."""
        changes = filter(None, (self.state.last(THRESHOLD), self.state.last(MODEL)))
        return max((int(change.change.at.timestamp() * 1000) for change in changes), default=None)

    def threshold(self) -> ThresholdInForce:
        """The threshold in force, for the model in force."""
        change = self.state.last(THRESHOLD)
        return self._resolved(change.change.body if change else ModelsOwn(), self._manifest(), change)

    def proposed(self, body: ThresholdBody) -> ThresholdInForce:
        """What a threshold would be for the model in force."""
        found = self._resolved(body, self._manifest(), None)
        if found.problem is not None:
            assert isinstance(body, Score)
            raise ChangeRefused(
                f"the score {body.score:g} belongs to model {body.model}, and {found.model} is in force: give the "
                "threshold as an alert rate, or use that model"
            )
        return found

    def scored(self, seconds: Sequence[float]) -> list[Window]:
        """What the ledger says of the last so many seconds, for each of `seconds`."""
        with closing(self._broker.reader()) as reader:
            return read_windows(reader, self._ledger, int(time.time() * 1000), seconds)

    def last_day(self) -> LastDay:
        """What is scored from now on in the last 24 hours, for a budget."""
        return LastDay(self._broker, self._ledger)

    def set_threshold(self, body: ThresholdBody, author: Author, *, force: bool = False) -> int:
        """Changes the threshold; returns the change's offset. `force` allows a change of the rate by more than 10 x."""
        base, now = self.state.base(THRESHOLD), self.threshold()
        proposed = self.proposed(body)
        self.limits.check(proposed.alert_rate, now.alert_rate, force=force)
        return self._publisher.publish(THRESHOLD, base, body, author)

    def use_model(self, version: str, author: Author, *, force: bool = False) -> int:
        """Has every process swap to a model of the store; returns the change's offset.

        `force` allows one whose transactions have other fields than those of the model in force.
        """
        base = self.state.base(MODEL)
        self._check_swap(version, force)
        return self._publisher.publish(MODEL, base, UseModel(version, self._store.manifest_sha256(version)), author)

    def set_shadow(self, version: str, author: Author) -> int:
        """Has every worker score by a second model, too, without alerts; returns the change's offset."""
        base, now = self.state.base(SHADOW), self._manifest()
        if version == now.version:
            raise ChangeRefused(f"{version} is the model in force: choose another one, see `eddy models list`")
        if self._store.detector(version).schema != now.schema:
            raise ChangeRefused(
                f"{version} needs other fields than {now.version}, which is in force, so it cannot score what comes: "
                "compare the two with `eddy models show`"
            )
        return self._publisher.publish(SHADOW, base, UseModel(version, self._store.manifest_sha256(version)), author)

    def shadow(self) -> str | None:
        """The version of the model in shadow; None for none, also while the one asked for is in force."""
        change = self.state.last(SHADOW)
        body = change.change.body if change is not None else None
        return body.version if isinstance(body, UseModel) and body.version != self._manifest().version else None

    def end_shadow(self, author: Author) -> int:
        """Ends the shadow; returns the change's offset."""
        base = self.state.base(SHADOW)
        if self.shadow() is None:
            raise ChangeRefused("no model runs in shadow: `eddy shadow set VERSION` starts one")
        return self._publisher.publish(SHADOW, base, NoShadow(), author)

    def undo(self, key: str, author: Author) -> Body:
        """Takes back the last change of a key that was not taken back yet; returns what is in force instead."""
        base, found = self.state.base(key), self._undo_of(key)
        if isinstance(found.body, AlertRate | Score | ModelsOwn):
            self.proposed(found.body)
        else:
            self._check_swap(self._version(found.body), force=True)
        self._publisher.publish(key, base, found.body, author, undoes=found.offset)
        return found.body

    def _undo_of(self, key: str) -> Undo:
        with closing(self._broker.reader()) as reader:
            return undo_of(entries(reader.read(self._topic)), key)

    def _check_swap(self, version: str, force: bool) -> None:
        """Refuses a model that does not load here, that other messages are needed for, or that has no threshold."""
        proposed = self._store.detector(version)
        now = self._manifest()
        if proposed.schema != now.schema and not force:
            raise ChangeRefused(
                f"{version} needs other fields than {now.version}, which is in force: transactions that lack them will "
                "be refused. Compare the two with `eddy models show`, or repeat with --force"
            )
        change = self.state.last(THRESHOLD)
        if change is not None and isinstance(change.change.body, Score) and change.change.body.model != version:
            rate = self.threshold().alert_rate
            raise ChangeRefused(
                f"the threshold in force is a score of model {change.change.body.model} and means nothing for "
                f"{version}: give it as an alert rate first, such as `eddy threshold set --alert-rate {rate:.3g}`"
            )

    def _resolved(self, body: Body, model: Manifest, change: Accepted | None) -> ThresholdInForce:
        threshold, problem = resolve(body, model.version, model.calibration, model.threshold)
        if threshold.rate is None:
            rarity = float(model.calibration.rarity(np.array([threshold.score]))[0])
            threshold = Threshold(threshold.score, rarity)
        return ThresholdInForce(change, model.version, threshold, problem)

    def _manifest(self) -> Manifest:
        change = self.state.last(MODEL)
        return self._store.manifest(self._version(change.change.body if change else StoresActive()))

    def _version(self, body: Body) -> str:
        return body.version if isinstance(body, UseModel) else self._store.active()


@contextmanager
def operator(broker: Broker, settings: Settings) -> Iterator[Operator]:
    """An operator who has read the control topic to its end.

    Raises:
        BrokerError: the topic does not exist, or cannot be read.
    """
    timeout_s = (settings.request_timeout_ms + settings.delivery_timeout_ms) / 1000
    deadline = time.monotonic() + timeout_s
    with closing(Follower(broker, settings.topic_control)) as follower:
        follower.start()
        while not follower.wait_ready(0.05) and follower.problem is None:
            if time.monotonic() > deadline:
                raise BrokerError(f"{settings.topic_control} was not read to its end in {timeout_s:g} s: try again")
        if follower.problem is not None:
            raise follower.problem
        with closing(ChangePublisher(broker, settings.topic_control, follower, timeout_s)) as publisher:
            yield Operator(broker, settings, follower, publisher)

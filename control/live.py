"""The detector in force: what the control state says, applied to the models in the store.

Everything is a function of state and store, so that a process that starts again agrees with those that went on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from eddy.control.change import MODEL, SHADOW, THRESHOLD, AlertRate, ModelBody, Score, StoresActive, UseModel
from eddy.control.state import Accepted, ControlState
from eddy.model.serving.artifact import ArtifactError, ArtifactStore
from eddy.model.serving.calibration import Calibration, Threshold
from eddy.model.serving.detector import Detector
from eddy.monitoring import logs

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """A detector, the last change that it rests on (None: none), and the changes that could not be followed.

    `shadow` scores the same transactions and alerts nobody.
    """

    detector: Detector
    control_offset: int | None = None
    problems: tuple[str, ...] = ()
    shadow: Detector | None = None


class Loader(Protocol):
    """Loads the detector that a change asks for, under the model's own threshold; raises ArtifactError."""

    def __call__(self, body: ModelBody) -> Detector: ...


class StoreLoader:
    """Loads from a model store."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def __call__(self, body: ModelBody) -> Detector:
        if isinstance(body, StoresActive):
            return self._store.detector(self._store.active())
        found = self._store.manifest_sha256(body.version)
        if found != body.manifest_sha256:
            raise ArtifactError(
                f"model {body.version} in {self._store.path} is not the one that was asked for: its manifest has "
                f"SHA-256 {found[:12]}..., the change names {body.manifest_sha256[:12]}...; copy the right one there"
            )
        return self._store.detector(body.version)


class LiveDetector:
    """Follows the control state. `current` is replaced as a whole, so that no reader sees half of a change.

    Args:
        on_swap: called whenever there is another detector, or other problems, by the thread that applies the state.
    """

    def __init__(self, load: Loader, on_swap: Callable[[InForce], None]) -> None:
        self._load, self._on_swap = load, on_swap
        self._current: InForce | None = None
        self._loaded: Detector | None = None
        self._model: Accepted | None = None  # the change that `_loaded` was loaded for
        self._shadow: tuple[UseModel, Detector] | None = None

    @property
    def current(self) -> InForce:
        assert self._current is not None, "apply a state first"
        return self._current

    def apply(self, state: ControlState) -> None:
        """Puts a state in force. What cannot be loaded leaves the model that runs.

        Raises:
            ArtifactError: none runs yet, and none can be loaded.
        """
        problems = [_diverged(key) for key in state.diverged]
        problems += [_missing(state.missing)] if state.missing else []
        problems += self._choose_model(state)
        assert self._loaded is not None
        change = state.last(THRESHOLD)
        threshold, problem = threshold_in_force(change, self._loaded)
        offsets = [accepted.offset for accepted in (self._model, None if problem else change) if accepted]
        problems += [problem] if problem else []
        shadow = self._choose_shadow(state, problems)
        found = InForce(self._loaded.under(threshold), max(offsets, default=None), tuple(problems), shadow)
        if found != self._current:
            self._say(found)
            self._current = found
            self._on_swap(found)

    def _choose_model(self, state: ControlState) -> list[str]:
        """Loads the model that the state asks for; returns the reasons if another one runs."""
        problems: list[ArtifactError] = []
        for choice in self._choices(state):
            if self._loaded is not None and _body(choice) == _body(self._model):
                self._model = choice
                break
            try:
                self._loaded, self._model = self._load(_body(choice)), choice
                break
            except ArtifactError as error:
                problems.append(error)
        if self._loaded is None:
            raise problems[0]
        return [f"{problem}; until then {self._loaded.version} goes on" for problem in problems]

    def _choose_shadow(self, state: ControlState, problems: list[str]) -> Detector | None:
        """The model that runs in shadow, under the threshold in force as far as that holds for it."""
        assert self._loaded is not None
        wanted = state.last(SHADOW)
        body = wanted.change.body if wanted is not None else None
        if not isinstance(body, UseModel) or body.version == self._loaded.version:
            self._shadow = None
            return None
        try:
            if self._shadow is None or self._shadow[0] != body:
                self._shadow = body, self._load(body)
        except ArtifactError as error:
            self._shadow = None
            problems.append(f"no shadow: {error}")
            return None
        shadow = self._shadow[1]
        if shadow.schema != self._loaded.schema:
            problems.append(f"no shadow: {shadow.version} needs other fields than {self._loaded.version}")
            return None
        return shadow.under(threshold_in_force(state.last(THRESHOLD), shadow)[0])

    def _choices(self, state: ControlState) -> Iterator[Accepted | None]:
        """The model wanted; then what runs, or, in a process that starts, what would."""
        chain = state.chains.get(MODEL)
        last, before = (chain.last, chain.before) if chain else (None, None)
        yield last
        if self._loaded is not None:
            yield self._model
        elif last is not None:
            yield before
            if before is not None:
                yield None

    def _say(self, found: InForce) -> None:
        detector, before = found.detector, self._current
        if before is not None and replace(before, problems=()) != replace(found, problems=()):
            log.info(
                "another model or threshold is in force",
                shadow=None if found.shadow is None else found.shadow.version,
                model=detector.version,
                threshold=detector.threshold.score,
                alert_rate=detector.threshold.rate,
                control_offset=found.control_offset,
            )
        for problem in found.problems:
            log.error("a change is not in force here", reason=problem)


def threshold_in_force(change: Accepted | None, model: Detector) -> tuple[Threshold, str | None]:
    """The threshold under which a model runs; if it is the model's own because a change does not fit, also why."""
    body = change.change.body if change is not None else None
    return resolve(body, model.version, model.calibration, model.threshold)


def resolve(body: object, version: str, calibration: Calibration, own: Threshold) -> tuple[Threshold, str | None]:
    """What a change of the threshold means for one model.

    A score belongs to the model that it names: for another one it means nothing, and is not taken for anything.
    """
    if isinstance(body, AlertRate):
        return calibration.threshold(body.alert_rate), None
    if isinstance(body, Score) and body.model == version:
        return Threshold(body.score), None
    if isinstance(body, Score):
        return own, (
            f"the threshold in force is the score {body.score:g} of model {body.model}, and means nothing for "
            f"{version}, which runs under its own threshold: `eddy threshold set --alert-rate ...`"
        )
    return own, None


def _body(choice: Accepted | None) -> ModelBody:
    body = choice.change.body if choice is not None else StoresActive()
    assert isinstance(body, UseModel | StoresActive)
    return body


def _missing(count: int) -> str:
    return (
        f"{count:,} records of the control topic are missing: see `eddy topics check`, then start all processes again"
    )


def _diverged(key: str) -> str:
    return f"the last change of {key} cannot be read by this version of Eddy: update it"

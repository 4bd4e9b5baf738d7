"""What a control state means for the models of a store."""

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from eddy.control.change import (
    MODEL,
    NONE,
    SHADOW,
    THRESHOLD,
    AlertRate,
    Body,
    ModelBody,
    ModelsOwn,
    NoShadow,
    Score,
    StoresActive,
    UseModel,
)
from eddy.control.live import InForce, LiveDetector, StoreLoader
from eddy.control.state import ControlState, fold
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.artifact import ArtifactError, ArtifactStore
from eddy.model.serving.calibration import Threshold
from eddy.model.serving.detector import Detector
from tests.control.test_state import encoded, records
from tests.plugins.artifacts import artifact_store as artifact_store
from tests.plugins.rule import rule_detector


class Models:
    """Stands in for a store: any version, but those that are broken; `loaded` in order."""

    def __init__(self, *broken: str) -> None:
        self.broken, self.loaded = set(broken), list[str]()

    def __call__(self, body: ModelBody) -> Detector:
        version = "active" if isinstance(body, StoresActive) else body.version
        if version in self.broken:
            raise ArtifactError(f"{version} is damaged")
        self.loaded.append(version)
        return rule_detector(version)


@dataclass(frozen=True)
class Shadow:
    """A change of the shadow, whose bodies are those of a model, too."""

    body: Body


def state_of(*changes: Body | Shadow) -> ControlState:
    """The state after these changes, each accepted."""
    at = {THRESHOLD: NONE, MODEL: NONE, SHADOW: NONE}
    values = []
    for offset, change in enumerate(changes):
        body = change.body if isinstance(change, Shadow) else change
        key = MODEL if isinstance(body, UseModel | StoresActive) else THRESHOLD
        key = SHADOW if isinstance(change, Shadow) else key
        values.append(encoded(at[key], body, key))
        at[key] = offset
    return fold(records(*values))


def live(models: Models, *states: ControlState) -> tuple[LiveDetector, list[InForce]]:
    swaps: list[InForce] = []
    detector = LiveDetector(models, swaps.append)
    for state in states:
        detector.apply(state)
    return detector, swaps


def in_force(models: Models, *states: ControlState) -> tuple[str, Threshold, int | None, int]:
    found = live(models, *states)[0].current
    return found.detector.version, found.detector.threshold, found.control_offset, len(found.problems)


OWN = rule_detector().threshold
OF_RATE = rule_detector().calibration.threshold(0.01)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], ("active", OWN, None, 0)),
        ([AlertRate(0.01)], ("active", OF_RATE, 0, 0)),
        ([AlertRate(0.01), ModelsOwn()], ("active", OWN, 1, 0)),
        ([Score(3.5, "active")], ("active", Threshold(3.5), 0, 0)),
        ([UseModel("b", "")], ("b", OWN, 0, 0)),
        ([AlertRate(0.01), UseModel("b", "")], ("b", OF_RATE, 1, 0)),
        ([UseModel("b", ""), AlertRate(0.01)], ("b", OF_RATE, 1, 0)),
        ([UseModel("b", ""), Score(3.5, "b")], ("b", Threshold(3.5), 1, 0)),
        ([UseModel("b", ""), StoresActive()], ("active", OWN, 1, 0)),
    ],
)
def test_what_is_in_force_follows_from_the_changes(changes: list[Body], expected: Any) -> None:
    assert in_force(Models(), state_of(*changes)) == expected
    step_by_step = [state_of(*changes[:count]) for count in range(len(changes) + 1)]
    assert in_force(Models(), *step_by_step) == expected


@pytest.mark.parametrize("changes", [[Score(3.5, "a"), UseModel("b", "")], [UseModel("b", ""), Score(3.5, "a")]])
def test_a_score_of_another_model_is_never_taken_for_one_of_this(changes: list[Body]) -> None:
    version, threshold, offset, problems = in_force(Models(), state_of(*changes))
    assert (version, threshold, problems) == ("b", OWN, 1)
    assert offset == next(at for at, body in enumerate(changes) if isinstance(body, UseModel))


def test_a_model_that_cannot_be_loaded_leaves_the_one_that_runs_and_says_so() -> None:
    models = Models("c")
    before, after = state_of(UseModel("b", "")), state_of(UseModel("b", ""), UseModel("c", ""))
    found = live(models, before, after)[0].current
    assert (found.detector.version, found.control_offset) == ("b", 0)
    assert "c is damaged" in found.problems[0]
    assert "b goes on" in found.problems[0]


def test_a_process_that_starts_agrees_with_one_that_kept_its_model() -> None:
    changes = [UseModel("b", ""), AlertRate(0.01), UseModel("c", "")]
    went_on = in_force(Models("c"), *(state_of(*changes[:count]) for count in range(4)))
    assert in_force(Models("c"), state_of(*changes)) == went_on
    first_change = [UseModel("c", "")]
    assert in_force(Models("c"), state_of(*first_change)) == in_force(Models("c"), state_of(), state_of(*first_change))


def test_the_model_of_a_change_runs_though_the_stores_own_is_damaged() -> None:
    assert in_force(Models("active"), state_of(UseModel("b", "")))[0] == "b"
    with pytest.raises(ArtifactError, match="active is damaged"):
        live(Models("active"), state_of())


B_IN_SHADOW = Shadow(UseModel("b", ""))


def shadow_of(models: Models, *changes: Body | Shadow) -> tuple[str, Threshold] | None:
    found = live(models, state_of(*changes))[0].current
    return None if found.shadow is None else (found.shadow.version, found.shadow.threshold)


def test_a_shadow_runs_under_the_rate_in_force_and_changes_no_verdict() -> None:
    assert shadow_of(Models(), B_IN_SHADOW) == ("b", OWN)
    assert shadow_of(Models(), AlertRate(0.01), B_IN_SHADOW) == ("b", OF_RATE)
    assert shadow_of(Models(), Score(3.5, "active"), B_IN_SHADOW) == ("b", OWN), "that score means nothing for it"
    assert in_force(Models(), state_of(B_IN_SHADOW)) == ("active", OWN, None, 0)
    assert shadow_of(Models(), B_IN_SHADOW, Shadow(NoShadow())) is None
    assert shadow_of(Models(), B_IN_SHADOW, UseModel("b", "")) is None, "it is in force"


def test_a_shadow_that_cannot_run_is_a_problem_of_its_own() -> None:
    models = Models("b")
    found = live(models, state_of(B_IN_SHADOW, AlertRate(0.01)))[0].current
    assert (found.shadow, found.control_offset) == (None, 1)
    assert found.problems == ("no shadow: b is damaged",)


def test_a_shadow_of_other_fields_does_not_run() -> None:
    class Others(Models):
        def __call__(self, body: ModelBody) -> Detector:
            found = super().__call__(body)
            other = TransactionSchema(found.schema.fields[:-1])
            return replace(found, schema=other) if found.version == "b" else found

    found = live(Others(), state_of(B_IN_SHADOW))[0].current
    assert found.shadow is None
    assert "other fields" in found.problems[0]


def test_a_shadow_is_loaded_once() -> None:
    models = Models()
    live(models, state_of(B_IN_SHADOW), state_of(B_IN_SHADOW, AlertRate(0.01)))
    assert models.loaded == ["active", "b"]


def test_a_change_of_the_threshold_loads_no_model_again() -> None:
    models = Models()
    live(models, state_of(UseModel("b", "")), state_of(UseModel("b", ""), AlertRate(0.01)))
    assert models.loaded == ["b"]


def test_a_model_that_is_mended_runs_when_the_state_is_applied_again() -> None:
    models = Models("b")
    detector, _ = live(models, state_of(), state_of(UseModel("b", "")))
    models.broken.clear()
    detector.apply(state_of(UseModel("b", "")))
    assert (detector.current.detector.version, detector.current.problems) == ("b", ())


def test_a_state_in_which_nothing_of_this_changes_swaps_nothing() -> None:
    first = state_of(AlertRate(0.01))
    _, swaps = live(Models(), first, fold(records(encoded(NONE), b"garbage", first=1), first))
    assert len(swaps) == 1


def test_a_change_that_cannot_be_read_is_a_problem_and_what_was_in_force_stays() -> None:
    newer = encoded(0, AlertRate(0.5), format=2)
    state = fold(records(newer, first=1), state_of(AlertRate(0.01)))
    found = live(Models(), state)[0].current
    assert (found.detector.threshold, found.control_offset) == (OF_RATE, 0)
    assert "update it" in found.problems[0]


def test_missing_records_are_a_problem() -> None:
    (problem,) = live(Models(), fold(records(encoded(NONE), first=5)))[0].current.problems
    assert "5 records" in problem
    assert "eddy topics check" in problem


def test_a_model_is_loaded_only_if_its_manifest_is_the_one_that_was_meant(
    artifact_store: ArtifactStore, tmp_path: Path
) -> None:
    store = ArtifactStore(shutil.copytree(artifact_store.path, tmp_path / "store"))
    version, load = store.active(), StoreLoader(store)
    assert load(StoresActive()).version == version
    assert load(UseModel(version, store.manifest_sha256(version))).version == version
    with pytest.raises(ArtifactError, match="not the one that was asked for"):
        load(UseModel(version, "0" * 64))
    with pytest.raises(ArtifactError, match="there is no version"):
        load(UseModel("20200101T000000Z-000000", "0" * 64))


def spoil(directory: Path, number: int) -> None:
    """Another way for each number: a file missing, cut short, with a bit turned, with more bytes, or a link."""
    files = sorted(path for path in directory.iterdir() if path.name != "report.html")
    path = files[number % len(files)]
    content, place = path.read_bytes(), number * 7_919 % path.stat().st_size
    way = number // len(files) % 5
    path.unlink()
    if way == 1:
        path.write_bytes(content[:place])
    elif way == 2:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << number % 8]) + content[place + 1 :])
    elif way == 3:
        path.write_bytes(content + b"\0")
    elif way == 4:
        elsewhere = directory.parent / f"elsewhere-{number}"
        elsewhere.write_bytes(content)
        path.symlink_to(elsewhere)


def test_none_of_100_damaged_models_is_put_in_force_and_the_old_one_goes_on(
    artifact_store: ArtifactStore, tmp_path: Path
) -> None:
    store = ArtifactStore(shutil.copytree(artifact_store.path, tmp_path / "store"))
    manifest, files = store.verified(store.active())
    sound = store.add(structs.replace(manifest, created_at=manifest.created_at + timedelta(minutes=1)), files)
    wanted = UseModel(sound, store.manifest_sha256(sound))
    store.choose(manifest.version)
    live = LiveDetector(StoreLoader(store), lambda _: None)
    live.apply(state_of())
    shutil.move(store.path / sound, tmp_path / "sound")
    for number in range(100):
        shutil.copytree(tmp_path / "sound", store.path / sound)
        spoil(store.path / sound, number)
        live.apply(state_of(wanted))
        assert live.current.detector.version == manifest.version, number
        assert sound in live.current.problems[0]
        shutil.rmtree(store.path / sound)
        live.apply(state_of())
    shutil.copytree(tmp_path / "sound", store.path / sound)
    live.apply(state_of(wanted))
    assert (live.current.detector.version, live.current.problems) == (sound, ())

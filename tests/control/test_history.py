"""The audit of the control topic, and what an undo goes back to."""

import pytest

from eddy.control.change import MODEL, NONE, THRESHOLD, AlertRate, Change, ModelsOwn, UseModel, message
from eddy.control.history import Undo, entries, undo_of
from eddy.control.limits import ChangeRefused, Limits
from eddy.control.state import Outcome
from eddy.model.serving.calibration import ThresholdError
from tests.control.test_state import change, encoded, records


def values(*changes: Change) -> list[bytes | None]:
    return [message("control", one).value for one in changes]


A, B, C = (AlertRate(rate) for rate in (0.1, 0.2, 0.3))


def test_every_record_is_listed_with_what_became_of_it() -> None:
    log = list(entries(records(encoded(NONE), encoded(NONE), b"garbage", encoded(0, format=9))))
    assert [entry.outcome for entry in log] == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.UNREADABLE,
        Outcome.NOT_UNDERSTOOD,
    ]
    assert [(entry.key, entry.change is not None) for entry in log] == [
        (THRESHOLD, True),
        (THRESHOLD, True),
        (None, False),
        (THRESHOLD, False),
    ]
    assert log[0].as_json()["who"] == "ann"
    assert log[2].as_json() == {"offset": 2, "stored_ms": 2, "outcome": "unreadable", "key": None}


def test_undos_go_back_step_by_step_and_then_to_what_was_before_any_change() -> None:
    log = values(change(NONE, A), change(0, B), change(1, C))
    expected = [Undo(2, B), Undo(1, A), Undo(0, ModelsOwn())]
    for step in expected:
        found = undo_of(entries(records(*log)), THRESHOLD)
        assert found == step
        log += values(change(len(log) - 1, found.body, undoes=found.offset))
    with pytest.raises(ChangeRefused, match="no change of the threshold"):
        undo_of(entries(records(*log)), THRESHOLD)


def test_a_change_after_an_undo_is_undone_to_what_the_undo_went_back_to() -> None:
    log = values(change(NONE, A), change(0, B), change(1, A, undoes=1), change(2, C))
    assert undo_of(entries(records(*log)), THRESHOLD) == Undo(3, A)


def test_rejected_changes_and_other_keys_do_not_count() -> None:
    log = values(change(NONE, A), change(NONE, B), change(NONE, UseModel("v", "h"), MODEL))
    assert undo_of(entries(records(*log)), THRESHOLD) == Undo(0, ModelsOwn())


def test_what_a_newer_version_did_is_not_undone_by_this_one() -> None:
    for log in ([encoded(NONE, A), encoded(0, format=9)], [encoded(NONE, format=9), encoded(0, A)]):
        with pytest.raises(ChangeRefused, match="newer version"):
            undo_of(entries(records(*log)), THRESHOLD)


LIMITS = Limits(0.0001, 0.1)


def test_a_change_within_the_limits_passes() -> None:
    for proposed, current in ((0.001, 0.001), (0.01, 0.001), (0.0001, 0.001), (0.05, 1.0 / 30)):
        LIMITS.check(proposed, current)


@pytest.mark.parametrize(("proposed", "current"), [(0.1, 0.001), (0.0001, 0.01)])
def test_a_large_step_must_be_forced(proposed: float, current: float) -> None:
    with pytest.raises(ChangeRefused, match="factor of 100, more than 10"):
        LIMITS.check(proposed, current)
    LIMITS.check(proposed, current, force=True)


@pytest.mark.parametrize("proposed", [0.2, 0.00001])
def test_nothing_leads_beyond_floor_and_ceiling(proposed: float) -> None:
    with pytest.raises(ChangeRefused, match="EDDY_ALERT_RATE_FLOOR"):
        LIMITS.check(proposed, proposed, force=True)


@pytest.mark.parametrize("proposed", [float("nan"), 0.0, -1.0, 2.0, float("inf")])
def test_what_is_no_share_is_refused_as_such(proposed: float) -> None:
    with pytest.raises(ThresholdError, match="alert rate is a share"):
        LIMITS.check(proposed, 0.001, force=True)

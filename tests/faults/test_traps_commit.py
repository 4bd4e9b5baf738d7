"""What the client library does not do for a loop that commits, one trap each, provoked on a real broker.

Each row of the table in `docs/guarantees.md` has its test here or in `test_traps_group.py`. What came out is checked by
an independent reader; `test_controls.py` shows that it would find what is missing or doubled.
"""

import pytest

from tests.faults.kit import traps
from tests.faults.kit.proxy import Api
from tests.faults.kit.stage import Stage

OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID, PRODUCER_FENCED = 45, 47, 59, 90


def test_a_batch_that_expired_is_not_committed_without_its_alerts(stage: Stage) -> None:
    traps.expired_batch(stage)
    assert stage.outcome() == []


def test_alerts_that_were_refused_for_long_are_there_once_the_broker_takes_them(stage: Stage) -> None:
    traps.refused_alerts(stage)
    assert stage.outcome() == []


def test_a_commit_that_happened_though_its_reply_was_lost_is_not_made_again(stage: Stage) -> None:
    traps.lost_commit_reply(stage)
    assert stage.outcome() == []


@pytest.mark.parametrize(
    ("api", "nth"),
    [
        (Api.INIT_PRODUCER_ID, 1),
        (Api.ADD_PARTITIONS_TO_TXN, 2),
        (Api.ADD_OFFSETS_TO_TXN, 2),
        (Api.TXN_OFFSET_COMMIT, 2),
        (Api.END_TXN, 2),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_request_of_a_commit_that_is_never_answered_times_out_and_the_batch_is_processed_again(
    stage: Stage, api: Api, nth: int
) -> None:
    """The client's own methods would wait for ever."""
    traps.black_hole(stage, api, nth)
    assert stage.outcome() == []
    assert stage.workers[0].ended is None


def test_a_producer_that_failed_is_dropped_and_another_one_processes_the_batch_again(stage: Stage) -> None:
    traps.silent_network(stage)
    assert stage.outcome() == []


@pytest.mark.parametrize(
    ("api", "error", "took_effect"),
    [
        (Api.PRODUCE, INVALID_PRODUCER_EPOCH, False),
        (Api.PRODUCE, OUT_OF_ORDER_SEQUENCE, True),
        (Api.END_TXN, INVALID_PRODUCER_EPOCH, True),
        pytest.param(Api.PRODUCE, INVALID_PRODUCER_EPOCH, True, marks=pytest.mark.nightly),
        pytest.param(Api.PRODUCE, UNKNOWN_PRODUCER_ID, False, marks=pytest.mark.nightly),
        pytest.param(Api.PRODUCE, PRODUCER_FENCED, False, marks=pytest.mark.nightly),
        pytest.param(Api.END_TXN, PRODUCER_FENCED, False, marks=pytest.mark.nightly),
    ],
)
def test_an_error_about_the_producers_epoch_during_a_commit_loses_and_doubles_nothing(
    stage: Stage, api: Api, error: int, took_effect: bool
) -> None:
    """Such an error makes the client ask for a new epoch by itself, which silently aborts what was sent so far."""
    traps.failed_request(stage, api, error, took_effect=took_effect)
    assert stage.outcome() == []
    assert stage.workers[0].failures

"""What the client library does not do for a member of a group, and for what it reads: a test for each trap."""

import pytest

from eddy.consumer.loop import SlotTaken
from tests.faults.kit import traps
from tests.faults.kit.proxy import Api
from tests.faults.kit.stage import SOUND, Stage, StageFactory, Variant
from tests.faults.kit.variants import SOUND_WITHOUT_NAMES


@pytest.mark.parametrize("variant", [SOUND, pytest.param(SOUND_WITHOUT_NAMES, marks=pytest.mark.nightly)], ids=str)
def test_a_batch_that_another_member_committed_meanwhile_is_not_committed_again(
    stage_of: StageFactory, variant: Variant
) -> None:
    stage = stage_of(variant)
    traps.overtaken(stage)
    assert stage.outcome() == []
    assert stage.workers[0].failures


@pytest.mark.parametrize(
    ("api", "over"),
    [
        pytest.param(Api.TXN_OFFSET_COMMIT, False, id="begun"),
        pytest.param(Api.ADD_OFFSETS_TO_TXN, True, id="over"),
        pytest.param(Api.ADD_OFFSETS_TO_TXN, False, id="begun earlier", marks=pytest.mark.nightly),
        pytest.param(Api.TXN_OFFSET_COMMIT, True, id="over later", marks=pytest.mark.nightly),
    ],
)
def test_a_rebalance_between_sending_alerts_and_sending_offsets_loses_and_doubles_nothing(
    stage: Stage, api: Api, over: bool
) -> None:
    traps.rebalanced_inside_a_commit(stage, api, over=over)
    assert stage.outcome() == []
    assert bool(stage.workers[0].failures) == over


def test_a_successor_does_not_start_from_an_offset_that_a_commit_is_about_to_replace(stage: Stage) -> None:
    traps.taken_over_before_the_end(stage)
    assert stage.outcome() == []


def test_input_that_was_aborted_is_not_scored_and_the_gaps_of_transactions_are_no_gaps(stage: Stage) -> None:
    traps.transactional_input(stage)
    assert stage.outcome() == []
    assert stage.audit() == []


@pytest.mark.parametrize("attempt", [1, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(2, 15))])
def test_a_member_that_learns_late_what_it_reads_reads_all_of_it(stage: Stage, attempt: int) -> None:  # noqa: ARG001
    """Polled in short steps, the client has been seen to rebalance for ever here."""
    traps.late_to_its_group(stage)
    assert stage.outcome() == []


def test_a_member_that_is_never_let_in_tries_again_with_a_new_client(stage: Stage) -> None:
    worker = traps.never_let_in(stage)
    assert stage.outcome() == []
    assert worker.ended is None


def test_a_worker_goes_on_soon_after_the_broker_is_back(stage: Stage) -> None:
    """By itself the client comes to wait up to half a minute before it tries again."""
    worker = traps.unreachable_broker(stage, seconds=5)
    assert worker.wait_commits(1) < 10
    assert stage.outcome() == []


def test_a_successor_in_the_slot_of_a_silent_worker_has_its_partitions_at_once(stage: Stage) -> None:
    """Without a stable name they would be the silent one's until its session ends; that one ends when it is back."""
    silent, took_s = traps.successor(stage)
    assert took_s < 5
    assert isinstance(silent.wait_end(30), SlotTaken)
    assert stage.outcome() == []

"""Loops that are wrong must be detected: the same traps, the same checks, and each time something lost or doubled.

Without these the tests of the traps would prove nothing: three wrong loops passed every random kill.
"""

from collections.abc import Callable

import pytest

from tests.faults.kit import traps, variants
from tests.faults.kit.proxy import Api
from tests.faults.kit.stage import Stage, StageFactory, Variant

Provoke = Callable[[Stage], None]
CAUGHT_WITHIN_S = 8.0
"""Some never come to the end, so this is how long each is given."""


def _no_answer_to_offsets(stage: Stage) -> None:
    traps.black_hole(stage, Api.ADD_OFFSETS_TO_TXN, nth=2)


CONTROLS: list[tuple[Variant, Provoke, str]] = [
    (variants.FUTURES_IGNORED, traps.expired_batch, "lost: alert"),
    (variants.FUTURES_IGNORED, traps.refused_alerts, "lost: alert"),
    (variants.PRODUCER_REUSED, traps.silent_network, "lost: alert"),
    (variants.REWOUND_TO_FIRST, traps.lost_commit_reply, "doubled: alert"),
    (variants.MEMBERSHIP_TAKEN_LATE, traps.overtaken, "doubled: alert"),
    (variants.AUTO_COMMIT, traps.lost_commit_reply, "doubled: alert"),
    (variants.OFFSETS_AFTERWARDS, _no_answer_to_offsets, "doubled: alert"),
    (variants.READING_UNCOMMITTED, traps.taken_over_before_the_end, "doubled: alert"),
    (variants.READING_UNCOMMITTED, traps.transactional_input, "extra: alert"),
]


@pytest.mark.parametrize(
    ("variant", "provoke", "finding"), CONTROLS, ids=[f"{v.name} - {p.__name__.strip('_')}" for v, p, _ in CONTROLS]
)
def test_a_wrong_loop_is_caught(stage_of: StageFactory, variant: Variant, provoke: Provoke, finding: str) -> None:
    stage = stage_of(variant)
    stage.commit_the_start()
    provoke(stage)
    found = stage.outcome(CAUGHT_WITHIN_S)
    assert [problem for problem in found if problem.startswith(finding)], found
    assert stage.audit(), "Eddy's own audit does not see it"

"""The fold over the control topic: everybody who reads it agrees, whatever is on it and however it is read."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eddy.control.change import (
    MODEL,
    NONE,
    THRESHOLD,
    AlertRate,
    Body,
    Change,
    ModelsOwn,
    Score,
    UseModel,
    message,
    read_change,
)
from eddy.control.state import ControlState, Outcome, advance, fold
from eddy.messaging.memory.cluster import MemoryRecord

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def change(base: int, body: Body | None = None, key: str = THRESHOLD, **more: Any) -> Change:
    return Change(
        key=key, base=base, who="ann", at=AT, why="a test", request_id=f"{base}", body=body or AlertRate(0.01), **more
    )


def encoded(base: int, body: Body | None = None, key: str = THRESHOLD, /, **changes: Any) -> bytes:
    """A change as bytes, with fields of its JSON replaced."""
    return json.dumps({**json.loads(message("control", change(base, body, key)).value or b""), **changes}).encode()


def records(*values: bytes | None, first: int = 0) -> list[MemoryRecord]:
    return [MemoryRecord("control", 0, first + i, i, b"key", value, ()) for i, value in enumerate(values)]


def outcomes(*values: bytes | None) -> list[Outcome | None]:
    state, found = ControlState(), []
    for record in records(*values):
        state, outcome = advance(state, record.offset, record.value)
        found.append(outcome)
    return found


def test_a_change_is_accepted_exactly_if_its_base_is_its_keys_last_accepted_offset() -> None:
    values = [
        encoded(NONE),
        encoded(NONE),
        encoded(0),
        encoded(1),
        encoded(NONE, UseModel("v", "0"), MODEL),
        encoded(2),
    ]
    accepted, rejected = Outcome.ACCEPTED, Outcome.REJECTED
    assert outcomes(*values) == [accepted, rejected, accepted, rejected, accepted, accepted]
    state = fold(records(*values))
    assert (state.base(THRESHOLD), state.base(MODEL), state.offset, state.rejected) == (5, 4, 5, 2)
    last = state.last(MODEL)
    assert last is not None
    assert (last.offset, last.change.body) == (4, UseModel("v", "0"))


def test_the_same_change_sent_twice_counts_once() -> None:
    assert outcomes(encoded(NONE), encoded(NONE)) == [Outcome.ACCEPTED, Outcome.REJECTED]


NEWER = [
    encoded(0, format=2),
    encoded(0, format=2, who=None, body=[1, 2]),
    encoded(0, body={"kind": "moon-phase", "phase": 3}),
    encoded(0, body={"kind": "alert-rate", "alert_rate": 2.0}),
    encoded(0, body={"kind": "alert-rate", "alert_rate": 0.1, "only_on": "sundays"}),
    encoded(0, body={"kind": "stores-active"}),
    encoded(0, at="yesterday"),
]


@pytest.mark.parametrize("newer", NEWER)
def test_a_change_that_cannot_be_read_advances_its_chain_and_leaves_in_force_what_was(newer: bytes) -> None:
    state = fold(records(encoded(NONE, AlertRate(0.2)), newer, encoded(0, AlertRate(0.3))))
    chain = state.chains[THRESHOLD]
    assert chain.offset == 1
    assert chain.last is not None
    assert chain.last.change.body == AlertRate(0.2)
    assert (state.diverged, state.rejected) == ((THRESHOLD,), 1)
    healed = fold(records(encoded(1, ModelsOwn()), first=3), state)
    assert healed.diverged == ()


GARBAGE: list[bytes | None] = [
    None,
    b"",
    b"\xff\xfe",
    b"{}",
    b"[" * 100_000,
    b'{"format":1,"key":"threshold"}',
    encoded(NONE)[:-2],
    encoded(NONE, key="weather"),
    encoded(-2),
    encoded(NONE, base=True),
    encoded(NONE, base="-1"),
    encoded(NONE, key="rule/" + "x" * 200),
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_what_is_no_change_is_counted_and_changes_nothing(garbage: bytes | None) -> None:
    state = fold(records(encoded(NONE), garbage, encoded(0, Score(3.5, "v"))))
    assert (state.unreadable, state.rejected, state.base(THRESHOLD)) == (1, 0, 2)


def test_offsets_without_a_record_are_counted_however_the_topic_is_read() -> None:
    log = [*records(encoded(NONE), first=3), *records(encoded(3), encoded(7), first=7)]
    state = fold(log)
    assert (state.missing, state.base(THRESHOLD), state.rejected) == (6, 8, 0)
    assert fold(log[1:], fold(log[:1])) == state
    assert fold(log, fold(log)) == state


def test_keys_that_this_version_has_no_use_for_have_their_chains_too() -> None:
    rule = encoded(NONE, key="rule/night", body={"kind": "rule"})
    state = fold(records(rule, rule))
    assert (state.base("rule/night"), state.diverged, state.rejected) == (0, ("rule/night",), 1)


bases = st.integers(-1, 12)
bodies = st.one_of(
    st.builds(AlertRate, st.floats(1e-6, 1.0)),
    st.builds(Score, st.floats(0, 100), st.text(max_size=5)),
    st.just(UseModel("v", "h")),
)
keys = st.sampled_from([THRESHOLD, MODEL, "rule/a"])
sound = st.builds(lambda base, body, key: encoded(base, body, key), bases, bodies, keys)
newer = st.builds(lambda base, key: encoded(base, None, key, format=7, body={"x": 1}), bases, keys)
logs = st.lists(st.one_of(sound, sound, newer, st.none(), st.binary(max_size=20)), max_size=14)


@given(logs, st.lists(st.integers(0, 14), max_size=6), st.data())
def test_any_batching_with_any_repeats_gives_the_same_state(
    values: list[bytes | None], cuts: list[int], data: st.DataObject
) -> None:
    log = records(*values)
    state = ControlState()
    for start, stop in itertools.pairwise([0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]):
        again = data.draw(st.integers(0, start))
        state = fold(log[again:stop], state)
    assert state == fold(log)


@given(logs)
def test_every_record_is_counted_once_and_accepted_ones_form_chains(values: list[bytes | None]) -> None:
    state, current, accepted = ControlState(), {}, 0
    for record in records(*values):
        state, outcome = advance(state, record.offset, record.value)
        assert state.offset == record.offset
        if outcome in (Outcome.ACCEPTED, Outcome.NOT_UNDERSTOOD):
            found = json.loads(record.value or b"")
            assert found["base"] == current.get(found["key"], NONE)
            current[found["key"]] = record.offset
            accepted += 1
    assert {key: chain.offset for key, chain in state.chains.items()} == current
    assert accepted + state.rejected + state.unreadable == len(values)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_of_writers_who_saw_the_same_state_exactly_one_wins(steps: list[tuple[int, int]]) -> None:
    """Each step a writer reads to the end, or appends by what it read before; then every base was used once."""
    log: list[MemoryRecord] = []
    seen = dict.fromkeys(range(4), NONE)
    for writer, appends in steps:
        if appends:
            log += records(encoded(seen[writer]), first=len(log))
        else:
            seen[writer] = fold(log).base(THRESHOLD)
    state, used = ControlState(), []
    for record in log:
        state, outcome = advance(state, record.offset, record.value)
        if outcome is Outcome.ACCEPTED:
            used.append(json.loads(record.value or b"")["base"])
    assert len(used) == len(set(used))


def test_a_change_is_read_back_as_it_was_written() -> None:
    written = change(3, Score(2.5, "20260301T101500Z-3f2a9c"), undoes=2)
    assert read_change(message("control", written).value) == written
    assert msgspec.json.decode(message("control", written).value or b"")["body"]["kind"] == "score"

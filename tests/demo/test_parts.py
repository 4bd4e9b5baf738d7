"""The demo's stream is what it says, its tracker counts correctly, and its view fits the terminal."""

import signal
import time
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from eddy.consumer.audit import Audit
from eddy.demo import processes, summary
from eddy.demo.model import Step, steps
from eddy.demo.processes import Interrupted, Interruptions
from eddy.demo.stream import BROKEN, history, messages
from eddy.demo.threshold import Moved, sentence
from eddy.demo.tracker import Shown, Snapshot, Tracker
from eddy.demo.view import Output, render
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.messages import Alert, Coordinates, DeadLetter, LedgerRecord
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.detector import Contribution
from eddy.producer.messages import Fraud
from eddy.producer.publish import Report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = TransactionSchema(
    (
        Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount"),
    )
)


def alert(identifier: str, rarity: float = 0.00004) -> Alert:
    parts = (Contribution("amount_ratio_30d", 9.0, 96.02, 2.45), Contribution("country", 5.0, "GB", "DE"))
    where = Coordinates("transactions", 0, 7)
    return Alert(identifier, 14.0, 9.0, rarity, "20260101T000000Z-abcdef", None, parts, where, NOW, NOW)


class Clock:
    """Time that passes only when a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# The stream


def test_as_many_messages_are_sent_as_were_asked_for() -> None:
    assert sum(map(len, messages(2_000))) == 2_000


def test_the_corrupted_messages_are_all_refused_each_in_its_own_way_and_the_others_are_not() -> None:
    codec = TransactionCodec(SCHEMA)
    refused = [why.category for batch in messages(2_000) for why in codec.decode_values(batch.values).refused.values()]
    assert refused == list(BROKEN)


def test_no_training_transaction_comes_again_in_the_stream() -> None:
    trained_on = {identifier for chunk in history() for identifier in chunk.columns["transaction_id"]}
    sent = {value for batch in messages(2_000) for value in batch.values if b"t-" in value}
    assert len(trained_on) > 5_000
    assert len(sent) > 1_900
    assert not [value for value in sent if value[19:37].decode() in trained_on]


# The tracker


def test_a_fraud_is_caught_when_its_alert_is_seen_and_missed_only_after_a_while() -> None:
    clock = Clock()
    tracker = Tracker(clock)
    for identifier, fraud in (("a", Fraud("a", "spree")), ("b", Fraud("b", "spree")), ("c", None)):
        tracker.sending(b'{"transaction_id":"%s"}' % identifier.encode(), fraud)
    tracker.alert(alert("a"))
    assert (tracker.snapshot().caught, tracker.snapshot().missed) == (1, 0)
    clock.now += 10
    seen = tracker.snapshot()
    assert (seen.sent, seen.frauds, seen.caught, seen.missed) == (3, 2, 1, 1)
    assert tracker.by_kind() == {"spree": (1, 2)}


def test_the_time_to_an_alert_counts_from_the_moment_of_sending() -> None:
    clock = Clock()
    tracker = Tracker(clock)
    tracker.sending(b'{"transaction_id":"a"}', None)
    clock.now += 0.05
    tracker.alert(alert("a"))
    seen = tracker.snapshot()
    assert seen.latency_ms == pytest.approx((50, 50))
    assert seen.first_alert_at == clock.now


def test_a_corrupted_message_is_counted_as_sent_and_as_a_dead_letter() -> None:
    tracker = Tracker()
    tracker.sending(b"\xff{", None)
    where = Coordinates("transactions", 0, 7)
    tracker.dead_letter(DeadLetter(where, "not-utf8", "it is not UTF-8", 2, b"?{", NOW))
    tracker.ledger(LedgerRecord("transactions", 0, 0, 9, 9, 0, 1, "m", 1.0, ()))
    seen = tracker.snapshot()
    assert (seen.sent, seen.passed, seen.dead, seen.categories) == (1, 9, 1, {"not-utf8": 1})


def test_the_example_is_the_rarest_fraud_as_it_was_sent() -> None:
    tracker = Tracker()
    for identifier, rarity in (("honest", 1e-9), ("fraud", 1e-4), ("rarer", 1e-5)):
        fraud = None if identifier == "honest" else Fraud(identifier, "spree")
        tracker.sending(b'{"transaction_id":"%s"}' % identifier.encode(), fraud)
        tracker.alert(alert(identifier, rarity))
    example = tracker.example()
    assert example is not None
    assert example[0] == b'{"transaction_id":"rarer"}'


# Problems


def audit(passed: int = 9, alerted: int = 1, waiting: int = 0, problems: tuple[str, ...] = ()) -> Audit:
    return Audit("transactions", passed + alerted, passed, alerted, 0, waiting, 1, problems)


def delivered(count: int) -> Report:
    return Report(count, count, 0, 1.0, ())


def test_a_demo_that_went_well_has_no_problems() -> None:
    assert summary.problems(audit(), 1, delivered(10), None) == ()


@pytest.mark.parametrize(
    ("audited", "seen", "report", "complaint"),
    [
        (audit(problems=("lost: nothing answers for 3 offsets",)), 1, delivered(10), "nothing answers for 3"),
        (audit(), 1, delivered(11), "11 messages were stored, the ledger counts 10"),
        (audit(), 2, delivered(10), "the ledger counts 1 alerts, 2 were read"),
        (audit(waiting=5), 1, delivered(15), "5 messages are not scored yet"),
        (audit(alerted=0, passed=10), 0, delivered(10), "there was no alert"),
        (audit(), 1, Report(11, 10, 1, 1.0, (), error="no leader"), "1 of 11 messages are not known to be stored"),
        (audit(), 1, None, "the stream was aborted"),
    ],
)
def test_everything_that_is_not_as_promised_is_a_problem(
    audited: Audit, seen: int, report: Report | None, complaint: str
) -> None:
    assert complaint in "; ".join(summary.problems(audited, seen, report, None))


# The view


def full() -> Snapshot:
    shown = tuple(Shown(n, alert(f"t-{n}", 10.0**-n), "card_testing" if n % 2 else None) for n in range(15, 0, -1))
    return Snapshot(30_000, 29_951, 44, 5, {"truncated": 5}, 60, 40, 20, (38.2, 174.0), 1.0, shown)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 40), (200, 60)])
@pytest.mark.parametrize("snapshot", [Snapshot(), full()], ids=["at the start", "full"])
def test_the_view_fits_its_terminal(snapshot: Snapshot, width: int, height: int) -> None:
    console = Console(width=width, height=height, file=StringIO(), force_terminal=True, color_system=None)
    lines = console.render_lines(render(snapshot, 30, 60, width, height), pad=False)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) <= height
    assert max(map(len, text)) <= width
    assert "…" not in "".join(text)


def test_the_view_shows_what_is_asked_of_it() -> None:
    console = Console(width=200, height=60, file=StringIO(), force_terminal=True, color_system=None)
    lines = console.render_lines(render(full(), 30, 60, 200, 60), pad=False)
    text = "\n".join("".join(segment.text for segment in line) for line in lines)
    for part in (
        "29,951",
        "38 / 174 ms",
        "card testing",
        "honest",
        "1 in 10,000 ",
        "amount_ratio_30d 96.02 (expected 2.45)",
    ):
        assert part in text


def test_in_a_file_there_are_plain_lines_one_for_each_alert_once() -> None:
    file = StringIO()
    output = Output(Console(file=file, width=80))
    output.done("Broker: one.")
    output.training(iter([Step(0.0, "starting"), Step(0.05, "between"), Step(1.0, "done")]))
    with output.live() as show:
        show(full(), 5.0, 60)
        show(full(), 5.1, 60)
    text = file.getvalue()
    assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
    assert text.count("alert  15") == 1
    assert "card testing  amount_ratio_30d 96.02 (expected 2.45), country GB (expected DE)\n" in text
    assert text.count("sent 30,000, passed 29,951, alerted 44, dead letters 5") == 1
    assert "between" not in text


def test_what_the_training_prints_is_read_and_anything_else_is_not_taken_for_it() -> None:
    printed = iter([b"0.500 training, loss 0.1\n", b"some library: hello\n", b"1.000 done\n"])
    assert list(steps(printed)) == [Step(0.5, "training, loss 0.1"), Step(1.0, "done")]


# Interruptions


def test_a_signal_that_python_dropped_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_AGAIN_S", 0.05)

    def interrupted_twice() -> None:
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        time.sleep(10)

    with Interruptions(), pytest.raises(Interrupted) as found:
        interrupted_twice()
    assert found.value.exit_code == 143


def test_once_the_end_has_begun_a_first_signal_does_not_disturb_it() -> None:
    with Interruptions() as interruptions:
        interruptions.hold()
        signal.raise_signal(signal.SIGINT)


# The threshold


def test_what_a_moved_threshold_did_is_counted_by_the_change_that_verdicts_rest_on() -> None:
    clock = Clock()
    tracker = Tracker(clock)
    for offset, alerted in ((None, 2), (None, 1), (0, 30)):
        clock.now += 1
        tracker.ledger(LedgerRecord("transactions", 0, 0, 9, 1_000, alerted, 0, "m", 1.0, (), offset))
    said = sentence(Moved(0, clock.now - 0.25, 0.001, 0.01), tracker.scored())
    assert "from 1 in 1,000 to 1 in 100: 3 alerts in 2,003 messages before, 30 in 1,030 after" in said
    assert said.endswith("after 250 ms.")


def test_a_threshold_that_moved_too_late_is_not_said_to_have_done_anything() -> None:
    tracker = Tracker()
    tracker.ledger(LedgerRecord("transactions", 0, 0, 9, 1_000, 2, 0, "m", 1.0, ()))
    assert "nothing was scored after that" in sentence(Moved(0, 0.0, 0.001, 0.01), tracker.scored())

"""The demo from beginning to end: model, broker, topics, workers, API, a stream, and the account of it."""

import contextlib
import time
from contextlib import ExitStack, closing
from pathlib import Path

from rich.console import Console

from eddy.consumer.audit import Audit, audit
from eddy.demo import model, summary
from eddy.demo.environment import NOT_SHOWN, Stage, set_up
from eddy.demo.model import TrainingFailed
from eddy.demo.processes import Child, Children, Interrupted, Interruptions
from eddy.demo.stream import Sending
from eddy.demo.summary import Outcome
from eddy.demo.tracker import Snapshot, Tracker, Watchers
from eddy.demo.view import Teller
from eddy.devbroker import brokers
from eddy.devbroker.brokers import Engine, EngineKind
from eddy.messaging.ports import BrokerError, Reader
from eddy.monitoring import logs
from eddy.settings import Settings, load

SETTLE_WITHIN_S = 30.0
SEEN_WITHIN_S = 5.0
_FRAME_S = 0.1
_KEPT_LOOK_S = 0.5


def demonstrate(seconds: float | None, *, keep: bool, console: Console) -> int:
    """The whole demo; returns the exit code. However it ends, nothing is left running.

    Raises:
        EddyError: a piece did not start, or ended early.
    """
    try:
        return _play(load(demo_seconds=seconds), Teller(console), keep)
    except Interrupted as interrupted:
        console.print("Stopped; nothing is left running.")
        return interrupted.exit_code


def _play(settings: Settings, teller: Teller, keep: bool) -> int:
    began = time.monotonic()
    with Interruptions() as interruptions, ExitStack() as stack:
        children = Children()
        stack.callback(children.stop)
        try:
            stage = _begin(settings, teller, children, stack)
            outcome = _stream(stage, teller, settings.demo_seconds)
            summary.report(outcome, stage, teller, began)
            if keep:
                _keep(stage, outcome, teller)
        finally:
            interruptions.hold()
    if not keep:
        summary.tell_by_oneself(stage, outcome.example, teller)
    return 1 if outcome.problems else 0


def _begin(settings: Settings, teller: Teller, children: Children, stack: ExitStack) -> Stage:
    """Everything up to the first message."""
    _keep_logs_off_the_screen(children, stack)
    store = model.store_path()
    training = _begin_training(store, children, settings)
    stage = _set_up(settings, store, teller, children, stack)
    _finish_training(training, store, teller, children)
    with teller.doing("Starting the workers and the API"):
        stage.start(stack)
        stage.wait_ready()
    teller.done(f"Running: {stage.workers}, and the API at {stage.api}")
    return stage


def _keep(stage: Stage, outcome: Outcome, teller: Teller) -> None:
    """Lets everything run until a signal comes, which is the usual way to end this."""
    summary.tell_running(stage, outcome.example, teller)
    with contextlib.suppress(Interrupted):
        while True:
            stage.check()
            time.sleep(_KEPT_LOOK_S)


def _keep_logs_off_the_screen(children: Children, stack: ExitStack) -> None:
    log = stack.enter_context((children.directory / "demo.log").open("w"))
    logs.configure("console", "INFO", stream=log)


def _begin_training(store: Path, children: Children, settings: Settings) -> Child | None:
    """Starts it first, since it takes longest; None when there is a model from an earlier run."""
    if model.kept(store) is not None:
        return None
    return children.start("the training", "eddy.demo.model", str(store), settings=settings, read=True)


def _set_up(settings: Settings, store: Path, teller: Teller, children: Children, stack: ExitStack) -> Stage:
    with teller.doing("Looking for a broker"):
        engine = brokers.choose(settings, teller.say)
    teller.done(_sentence(engine))
    with teller.doing("Starting it, and making the topics"):
        stage = set_up(engine, store, children, stack, teller.say)
    teller.done(f"Topics: {', '.join(stage.topics)}")
    return stage


def _sentence(engine: Engine) -> str:
    return f"{engine.why} {NOT_SHOWN}" if engine.kind is EngineKind.NONE else engine.why


def _finish_training(training: Child | None, store: Path, teller: Teller, children: Children) -> None:
    if training is not None:
        teller.training(model.steps(training.output))
        code = children.dismiss(training)
        if code:
            raise TrainingFailed(
                f"the training ended with exit code {code}; the end of what it wrote:\n{training.tail()}"
            )
        how = "an autoencoder, trained just now, and kept for the next time"
    else:
        how = "an autoencoder, kept from an earlier run"
    teller.done(f"Model {model.kept(store)}: {how}")


def _stream(stage: Stage, teller: Teller, seconds: float) -> Outcome:
    tracker = Tracker()
    watchers = Watchers(stage.broker, stage.settings, tracker)
    sending = Sending(stage.broker, stage.settings.topic_transactions, seconds, tracker.sending, tracker.frauds)
    with ExitStack() as stack:
        for piece in (watchers, sending):
            stack.callback(piece.stop)
            piece.start()
        reader = stack.enter_context(closing(stage.broker.reader()))
        view = stack.enter_context(teller.live())
        while not sending.ended:
            _check(stage, watchers)
            view.show(tracker.snapshot(), sending.elapsed_s, seconds)
            time.sleep(_FRAME_S)
        account = _settle(stage, watchers, tracker, reader)
        snapshot = tracker.snapshot()
        view.show(snapshot, seconds, seconds)
    problems = summary.problems(account, snapshot.alerted, sending.report, sending.failure)
    return Outcome(account, snapshot, problems, tracker.by_kind(), tracker.example())


def _check(stage: Stage, watchers: Watchers) -> None:
    stage.check()
    if watchers.failure is not None:
        raise BrokerError(f"the alerts cannot be read any more: {watchers.failure}")


def _settle(stage: Stage, watchers: Watchers, tracker: Tracker, reader: Reader) -> Audit:
    """Waits until all is read and judged and has been seen, as long as that may take, then takes the account."""
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while not _caught_up(stage.settings, reader) and time.monotonic() < deadline:
        _check(stage, watchers)
        time.sleep(_FRAME_S)
    account = audit(reader, stage.settings)
    deadline = time.monotonic() + SEEN_WITHIN_S
    while not _all_seen(account, tracker.snapshot()) and time.monotonic() < deadline:
        time.sleep(_FRAME_S)
    return account


def _caught_up(settings: Settings, reader: Reader) -> bool:
    committed = reader.committed(settings.group, settings.topic_transactions)
    ends = {partition: end for partition, (_, end) in reader.offsets(settings.topic_transactions).items()}
    return all(committed.get(partition, 0) >= end for partition, end in ends.items())


def _all_seen(account: Audit, snapshot: Snapshot) -> bool:
    seen = (snapshot.passed, snapshot.alerted, snapshot.dead)
    return (
        seen == (account.passed, account.alerted, account.dead) and snapshot.caught + snapshot.missed == snapshot.frauds
    )

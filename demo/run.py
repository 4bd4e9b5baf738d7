"""The demo from beginning to end: model, broker, topics, workers, API, a stream, and its audit."""

import contextlib
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from rich.console import Console

from eddy.consumer.audit import Audit, audit
from eddy.demo import model, stream, summary, threshold, tracker
from eddy.demo.background import Background
from eddy.demo.environment import NOT_SHOWN, Stage, set_up
from eddy.demo.model import TrainingFailed
from eddy.demo.processes import Child, Children, Interrupted, Interruptions
from eddy.demo.summary import Outcome
from eddy.demo.threshold import Moved
from eddy.demo.tracker import Snapshot, Tracker
from eddy.demo.view import Output
from eddy.devbroker import brokers
from eddy.devbroker.brokers import EngineKind
from eddy.messaging.ports import Reader
from eddy.monitoring import logs
from eddy.settings import Settings, load

SETTLE_WITHIN_S = 30.0
READ_WITHIN_S = 5.0
_FRAME_S = 0.1
_KEPT_CHECK_S = 0.5


def demonstrate(seconds: float | None, *, keep: bool, console: Console) -> int:
    """The whole demo; returns the exit code. However it ends, nothing is left running.

    Raises:
        EddyError: a part did not start, or ended early.
    """
    try:
        return _run(load(demo_seconds=seconds), Output(console), keep)
    except Interrupted as interrupted:
        console.print("Stopped; nothing is left running.")
        return interrupted.exit_code


def _run(settings: Settings, output: Output, keep: bool) -> int:
    began = time.monotonic()
    with Interruptions() as interruptions, ExitStack() as stack:
        children = Children()
        stack.callback(children.stop)
        try:
            stage = _start(settings, output, children, stack)
            outcome = _stream(stage, output, settings.demo_seconds)
            summary.report(outcome, stage, output, began)
            if keep:
                _keep(stage, outcome, output)
        finally:
            interruptions.hold()
    if not keep:
        summary.print_next_commands(stage, outcome.example, output)
    return 1 if outcome.problems else 0


def _start(settings: Settings, output: Output, children: Children, stack: ExitStack) -> Stage:
    """Everything up to the first message. Training starts first, since it takes longest."""
    log = stack.enter_context((children.directory / "demo.log").open("w"))
    logs.configure("console", "INFO", stream=log)  # not on the screen
    store = model.store_path()
    model.remove_unused(store, time.time())
    training = None
    if model.kept(store) is None:
        training = children.start("the training", "eddy.demo.model", str(store), settings=settings, read=True)
    stage = _set_up(settings, store, output, children, stack)
    how = "kept from an earlier run" if training is None else _finish(training, output, children)
    output.done(f"Model {model.kept(store)}: an autoencoder, {how}")
    with output.doing("Starting the workers and the API"):
        stage.start(stack)
        stage.wait_ready()
    output.done(f"Running: {stage.workers}, and the API at {stage.api}")
    return stage


def _set_up(settings: Settings, store: Path, output: Output, children: Children, stack: ExitStack) -> Stage:
    with output.doing("Looking for a broker"):
        engine = brokers.choose(settings, output.say)
    output.done(f"{engine.why} {NOT_SHOWN}" if engine.kind is EngineKind.NONE else engine.why)
    with output.doing("Starting it, and creating the topics"):
        stage = set_up(engine, store, children, stack, output.say)
    output.done(f"Topics: {', '.join(stage.topics)}")
    return stage


def _finish(training: Child, output: Output, children: Children) -> str:
    output.training(model.steps(training.output))
    if code := children.dismiss(training):
        raise TrainingFailed(f"the training ended with exit code {code}; the end of its output:\n{training.tail()}")
    return "trained just now, and kept for the next run"


def _keep(stage: Stage, outcome: Outcome, output: Output) -> None:
    """Lets everything run until a signal comes, which is the usual way to end this."""
    summary.print_commands(stage, outcome.example, output)
    with contextlib.suppress(Interrupted):
        while True:
            stage.check()
            time.sleep(_KEPT_CHECK_S)


def _stream(stage: Stage, output: Output, seconds: float) -> Outcome:
    seen = Tracker()
    with ExitStack() as stack:
        stage.watch(tracker.watch(stage.broker, stage.settings, seen), stack)
        work = partial(stream.send, stage.broker, stage.settings.topic_transactions, seconds, seen)
        sending = Background("stream", work)
        stack.callback(sending.stop)
        moving: Background[Moved] | None = None
        reader = stack.enter_context(closing(stage.broker.reader()))
        show = stack.enter_context(output.live())
        while not sending.ended:
            stage.check()
            show(seen.snapshot(), seen.elapsed_s, seconds)
            if moving is None and seen.elapsed_s > threshold.MOVES_AFTER * seconds:
                moving = Background("threshold", partial(threshold.move, stage.broker, stage.settings))
                stack.callback(moving.stop)
            time.sleep(_FRAME_S)
        audited = _settle(stage, seen, reader)
        snapshot = seen.snapshot()
        show(snapshot, seconds, seconds)
    problems = summary.problems(audited, snapshot.alerted, sending.result, sending.failure)
    if moving is not None and moving.failure is not None:
        problems = (*problems, f"the threshold did not move: {moving.failure}")
    moved = None if moving is None or moving.result is None else threshold.sentence(moving.result, seen.scored())
    return Outcome(audited, snapshot, problems, seen.by_kind(), seen.example(), moved)


def _settle(stage: Stage, seen: Tracker, reader: Reader) -> Audit:
    """Waits, within limits, until every message is committed, then audits; waits until every outcome was read."""
    _wait(lambda: _caught_up(stage.settings, reader), SETTLE_WITHIN_S, stage)
    audited = audit(reader, stage.settings)
    _wait(lambda: _all_read(audited, seen.snapshot()), READ_WITHIN_S, stage)
    return audited


def _wait(condition: Callable[[], bool], seconds: float, stage: Stage) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        stage.check()
        time.sleep(_FRAME_S)


def _caught_up(settings: Settings, reader: Reader) -> bool:
    committed = reader.committed(settings.group, settings.topic_transactions)
    ends = {partition: end for partition, (_, end) in reader.offsets(settings.topic_transactions).items()}
    return all(committed.get(partition, 0) >= end for partition, end in ends.items())


def _all_read(audited: Audit, seen: Snapshot) -> bool:
    outcomes = (seen.passed, seen.alerted, seen.dead) == (audited.passed, audited.alerted, audited.dead)
    return outcomes and seen.caught + seen.missed == seen.frauds

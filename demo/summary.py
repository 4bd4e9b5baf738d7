"""The end of the demo's output: the audit, what was caught, and commands to go on with."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eddy.consumer.audit import Audit
from eddy.demo.environment import NotReady, Stage
from eddy.demo.tracker import Snapshot
from eddy.demo.view import Output
from eddy.messaging.messages import Alert
from eddy.model.serving.text import one_in
from eddy.producer.publish import Report
from eddy.settings import Settings

Example = tuple[bytes, Alert]
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo went.

    Args:
        problems: what makes the demo a failure, each a sentence.
        kinds: for each kind of fraud, how many were caught, and how many were sent.
        example: a transaction as it was sent, with its alert.
        moved: what the change of the threshold did, a sentence; None if the stream ended before.
    """

    audit: Audit
    snapshot: Snapshot
    problems: tuple[str, ...]
    kinds: Mapping[str, tuple[int, int]]
    example: Example | None
    moved: str | None = None


def problems(audit: Audit, seen: int, report: Report | None, failure: Exception | None) -> tuple[str, ...]:
    """Everything that makes a demo a failure, each a sentence.

    Args:
        seen: alerts that an independent reader saw.
        report: of the producer; None if it was aborted, by this failure.
    """
    if report is None:
        return (*audit.problems, f"the stream was aborted: {failure or 'see above'}")
    return (*audit.problems, *_shortfalls(audit, seen, report))


def _shortfalls(audit: Audit, seen: int, report: Report) -> Iterator[str]:
    if report.failed:
        yield f"{report.failed:,} of {report.sent:,} messages are not known to be stored: {report.error}"
    if audit.waiting:
        yield f"{audit.waiting:,} messages are not scored yet"
    elif audit.messages != report.delivered:
        yield f"{report.delivered:,} messages were stored, the ledger counts {audit.messages:,}"
    if seen != audit.alerted:
        yield f"the ledger counts {audit.alerted:,} alerts, {seen:,} were read"
    if not audit.alerted:
        yield "there was no alert; let the demo run longer (EDDY_DEMO_SECONDS)"


def report(outcome: Outcome, stage: Stage, output: Output, began: float) -> None:
    """Prints the audit, what was caught, what was refused, and that the API agrees.

    Raises:
        NotReady: the API disagrees.
    """
    output.say("")
    output.say(f"{outcome.audit.verdict()}.", style="bold red" if outcome.problems else "bold green")
    for problem in outcome.problems:
        output.say(f"  {problem}", style="red")
    output.say("")
    for line in _findings(outcome, began):
        output.say(line)
    if outcome.example is not None:
        output.say(_second_opinion(stage, *outcome.example))
    output.say("")


def _findings(outcome: Outcome, began: float) -> Iterator[str]:
    seen = outcome.snapshot
    kinds = ", ".join(f"{kind.replace('_', ' ')} {caught} of {of}" for kind, (caught, of) in outcome.kinds.items())
    yield f"Frauds caught: {seen.caught} of {seen.frauds} ({kinds or 'none were sent'})."
    yield f"Alerts about honest cardholders: {seen.alerted - seen.caught} of {seen.alerted}."
    yield f"Dead letters, corrupted on purpose: {seen.dead} ({', '.join(sorted(seen.categories)) or 'none came'})."
    if seen.first_alert_at is not None and seen.latency_ms is not None:
        p50, p99 = seen.latency_ms
        yield (
            f"First alert {seen.first_alert_at - began:.0f} s after the start. From sending a transaction to "
            f"reading its alert: p50 {p50:.0f} ms, p99 {p99:.0f} ms."
        )
    if outcome.moved is not None:
        yield outcome.moved


def _second_opinion(stage: Stage, transaction: bytes, alert: Alert) -> str:
    found = stage.ask(transaction)
    if not found["anomalous"] or abs(found["score"] - alert.score) > _SAME * abs(alert.score):
        raise NotReady(f"API and stream disagree about {alert.transaction_id}: {found['score']}, {alert.score}")
    rarity = one_in(found["rarity"])
    return f"The API says the same of {alert.transaction_id}: anomalous, {rarity}, score {found['score']:.4g}."


def print_commands(stage: Stage, example: Example | None, output: Output) -> None:
    """How to use the running demo; every command works as it is."""
    output.say("Everything keeps running until Ctrl-C. Meanwhile, in another terminal:", whole=True)
    output.say(f"  # check a transaction\n  {_curl(stage.api, example)}", whole=True)
    if not stage.in_memory:
        eddy = f"{_variables(stage.settings)}{_eddy()}"
        output.say(_STREAM_COMMANDS.format(eddy=eddy), whole=True)
    metrics = "\n".join(f"  curl -s {address}" for address in stage.metrics)
    output.say(f"  # metrics: of the API, of each worker\n{metrics}", whole=True)


def print_next_commands(stage: Stage, example: Example | None, output: Output) -> None:
    """How to start everything again; every command works as it is."""
    if stage.topics_remain:
        output.say(f"These topics remain on your broker: {', '.join(stage.topics)}.")
    models = f"EDDY_ARTIFACTS={_short(stage.settings.artifacts)}"
    commands = _ALL_COMMANDS.format(eddy=_eddy(), models=models, curl=_curl("http://127.0.0.1:8080", example))
    output.say(commands, whole=True)


_STREAM_COMMANDS = """\
  # subscribe to the alerts
  {eddy} alerts --follow
  # send more, and audit again
  {eddy} produce synthetic --rate 500 --seconds 60 --seed 8
  {eddy} ledger check"""

_ALL_COMMANDS = """\
Everything is stopped. To run it again, and keep it running:
  {eddy} demo --keep
Or start each part by itself, in a terminal of its own:
  # a broker: needs Docker, or Java 17 and Maven
  {eddy} broker
  {eddy} topics create
  {models} {eddy} consume --workers 2
  {models} {eddy} serve
  {eddy} produce synthetic --rate 500 --seconds 60
  # subscribe to the alerts; audit the outcomes
  {eddy} alerts --follow
  {eddy} ledger check
  # metrics: of the API, of each worker
  curl -s http://127.0.0.1:8080/metrics
  curl -s http://127.0.0.1:9400/metrics http://127.0.0.1:9401/metrics
  # check a transaction
  {curl}"""


def _curl(api: str, example: Example | None) -> str:
    body = example[0].decode() if example else "@transaction.json"
    return f"curl -s {api}/v1/check -H 'Content-Type: application/json' -d '{body}'"


def _variables(settings: Settings) -> str:
    """The variables by which a command finds this demo's broker, topics and group."""
    names = ("kafka_bootstrap_servers", "group", *(name for name in Settings.model_fields if name.startswith("topic_")))
    given = {name: getattr(settings, name) for name in names}
    defaults = {name: Settings.model_fields[name].default for name in names}
    return "".join(f"EDDY_{name.upper()}={value} " for name, value in given.items() if value != defaults[name])


def _eddy() -> str:
    """How to call this installation's command from here."""
    own = Path(sys.executable).with_name("eddy")
    found = shutil.which("eddy")
    if found is not None and Path(found).resolve() == own.resolve():
        return "eddy"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)

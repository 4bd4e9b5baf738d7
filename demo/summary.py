"""The demo's last words: what became of everything, and how to go on."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eddy.consumer.audit import Audit
from eddy.demo.environment import NotReady, Stage
from eddy.demo.tracker import Snapshot
from eddy.demo.view import Teller
from eddy.messaging.messages import Alert
from eddy.messaging.ports import BrokerError
from eddy.model.serving.text import one_in
from eddy.producer.publish import Report
from eddy.settings import Settings

Example = tuple[bytes, Alert]
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Args:
        problems: what makes the demo a failure, each a sentence.
        kinds: for each kind of fraud, how many were caught, of how many.
        example: a transaction as it was sent, with its alert.
    """

    account: Audit
    snapshot: Snapshot
    problems: tuple[str, ...]
    kinds: Mapping[str, tuple[int, int]]
    example: Example | None


def problems(account: Audit, seen: int, report: Report | None, failure: BrokerError | None) -> tuple[str, ...]:
    """Everything that makes a demo a failure, each a sentence.

    Args:
        seen: alerts that an independent reader saw.
        report: of the producer; None where it broke off, by this failure.
    """
    if report is None:
        return (*account.problems, f"the stream broke off: {failure or 'see above'}")
    return (*account.problems, *_shortfalls(account, seen, report))


def _shortfalls(account: Audit, seen: int, report: Report) -> Iterator[str]:
    if report.failed:
        yield f"{report.failed:,} of {report.sent:,} messages are not known to be stored: {report.error}"
    if account.waiting:
        yield f"{account.waiting:,} messages are still to be judged"
    elif account.messages != report.delivered:
        yield f"{report.delivered:,} messages were stored, the ledger answers for {account.messages:,}"
    if seen != account.alerted:
        yield f"the ledger knows of {account.alerted:,} alerts, {seen:,} were seen"
    if not account.alerted:
        yield "no alert came; let it run for longer (EDDY_DEMO_SECONDS)"


def report(outcome: Outcome, stage: Stage, teller: Teller, began: float) -> None:
    """Tells the account, what was caught, what was refused, and what the API says of the same.

    Raises:
        NotReady: the API says something else.
    """
    teller.say("")
    teller.say(f"{outcome.account.verdict()}.", style="bold red" if outcome.problems else "bold green")
    for problem in outcome.problems:
        teller.say(f"  {problem}", style="red")
    teller.say("")
    for line in _findings(outcome, began):
        teller.say(line)
    if outcome.example is not None:
        teller.say(_second_opinion(stage, *outcome.example))
    teller.say("")


def _findings(outcome: Outcome, began: float) -> Iterator[str]:
    seen = outcome.snapshot
    kinds = ", ".join(f"{kind.replace('_', ' ')} {caught} of {of}" for kind, (caught, of) in outcome.kinds.items())
    yield f"Frauds caught: {seen.caught} of {seen.frauds} ({kinds or 'none were sent'})."
    yield f"Alerts about honest cardholders: {seen.alerted - seen.caught} of {seen.alerted}."
    yield f"Dead letters, sent broken on purpose: {seen.dead} ({', '.join(sorted(seen.categories)) or 'none came'})."
    if seen.first_alert_at is not None and seen.p50_ms is not None and seen.p99_ms is not None:
        yield (
            f"First alert {seen.first_alert_at - began:.0f} s after the start. From sending a transaction to "
            f"reading its alert: p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms."
        )


def _second_opinion(stage: Stage, transaction: bytes, alert: Alert) -> str:
    found = stage.ask(transaction)
    if not found["anomalous"] or abs(found["score"] - alert.score) > _SAME * abs(alert.score):
        raise NotReady(f"API and stream disagree about {alert.transaction_id}: {found['score']}, {alert.score}")
    rarity = one_in(found["rarity"])
    return f"The API says the same of {alert.transaction_id}: anomalous, {rarity}, score {found['score']:.4g}."


def tell_running(stage: Stage, example: Example | None, teller: Teller) -> None:
    """How to use what goes on running; every command works as it is."""
    for line in _running(stage, example):
        teller.say(line, whole=True)


def tell_by_oneself(stage: Stage, example: Example | None, teller: Teller) -> None:
    """How to start everything again; every command works as it is."""
    if stage.topics_remain:
        teller.say(f"These topics remain on your broker: {', '.join(stage.topics)}.")
    for line in _by_oneself(stage.settings.artifacts, example):
        teller.say(line, whole=True)


def _running(stage: Stage, example: Example | None) -> Iterator[str]:
    yield "Everything goes on running until Ctrl-C. Meanwhile, in another terminal:"
    yield "  # check a transaction"
    yield f"  {_curl(stage.api, example)}"
    if not stage.in_memory:
        eddy = f"{_variables(stage.settings)}{_eddy()}"
        yield "  # subscribe to the alerts"
        yield f"  {eddy} alerts --follow"
        yield "  # send more, and take the account again"
        yield f"  {eddy} produce synthetic --rate 500 --seconds 60 --seed 8"
        yield f"  {eddy} ledger check"
    yield "  # metrics: of the API, of each worker"
    yield from (f"  curl -s {address}" for address in stage.metrics)


def _by_oneself(store: Path, example: Example | None) -> Iterator[str]:
    eddy, models = _eddy(), f"EDDY_ARTIFACTS={_short(store)}"
    yield "All is stopped. The same again, and left running to be tried:"
    yield f"  {eddy} demo --keep"
    yield "Or each piece by itself, in a terminal of its own:"
    yield "  # a broker: needs Docker, or Java 17 and Maven"
    yield f"  {eddy} broker"
    yield f"  {eddy} topics create"
    yield f"  {models} {eddy} consume --workers 2"
    yield f"  {models} {eddy} serve"
    yield f"  {eddy} produce synthetic --rate 500 --seconds 60"
    yield "  # subscribe to the alerts; take the account"
    yield f"  {eddy} alerts --follow"
    yield f"  {eddy} ledger check"
    yield "  # metrics: of the API, of each worker"
    yield "  curl -s http://127.0.0.1:8080/metrics"
    yield "  curl -s http://127.0.0.1:9400/metrics http://127.0.0.1:9401/metrics"
    yield "  # check a transaction"
    yield f"  {_curl('http://127.0.0.1:8080', example)}"


def _curl(api: str, example: Example | None) -> str:
    body = example[0].decode() if example else "@transaction.json"
    return f"curl -s {api}/v1/check -H 'Content-Type: application/json' -d '{body}'"


def _variables(settings: Settings) -> str:
    """What has to be set for a command to find this demo's broker, topics and group."""
    names = ("kafka_bootstrap_servers", "group", *(name for name in Settings.model_fields if name.startswith("topic_")))
    usual = {name: field.default for name, field in Settings.model_fields.items()}
    given = {name: getattr(settings, name) for name in names if getattr(settings, name) != usual[name]}
    return "".join(f"EDDY_{name.upper()}={value} " for name, value in given.items())


def _eddy() -> str:
    """How to call this installation's command from here."""
    own = Path(sys.executable).with_name("eddy")
    found = shutil.which("eddy")
    if found is not None and Path(found).resolve() == own.resolve():
        return "eddy"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)

"""`eddy topics`: creates the topics, and reports where they differ from what Eddy needs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer

from eddy.messaging import topics
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.settings import load

app = typer.Typer(no_args_is_help=True, help="Create and check the Kafka topics.")


@app.command(epilog="Example: eddy topics create")
def create() -> None:
    """Create the missing topics; existing ones stay unchanged."""
    with _opened() as (admin, wanted):
        made = topics.create(admin, wanted)
        for plan in wanted:
            typer.echo(f"{plan.name}: {'created' if plan.name in made else 'exists'}")


@app.command(epilog="Example: eddy topics check")
def check() -> None:
    """Compare the topics with the settings and report each difference with a remedy. Changes nothing."""
    with _opened() as (admin, wanted):
        findings = topics.check(admin, wanted)
        for finding in findings:
            typer.echo(finding, err=finding.certain)
        wrong = {finding.topic for finding in findings if finding.certain}
        for plan in wanted:
            if plan.name not in wrong:
                typer.echo(f"{plan.name}: matches the settings, as far as the broker shows them")
    if wrong:
        raise typer.Exit(1)


@contextmanager
def _opened() -> Iterator[tuple[topics.TopicAdmin, tuple[topics.TopicPlan, ...]]]:
    settings = load()
    with closing(KafkaBroker(settings).topic_admin()) as admin:
        yield admin, topics.plans(settings)

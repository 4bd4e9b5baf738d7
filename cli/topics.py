"""`eddy topics`: makes the topics, and says where they are not as Eddy needs them."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from eddy import settings
from eddy.messaging import topics
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import BrokerError

app = typer.Typer(no_args_is_help=True, help="Make and check the Kafka topics.")


@app.command(epilog="Example: eddy topics create")
def create() -> None:
    """Make the topics that are missing; leave the others as they are."""
    with _opened() as (admin, wanted):
        made = topics.create(admin, wanted)
        for plan in wanted:
            typer.echo(f"{plan.name}: {'made' if plan.name in made else 'was there'}")


@app.command(epilog="Example: eddy topics check")
def check() -> None:
    """Compare the topics with the settings; fail with a remedy for each difference. Changes nothing."""
    with _opened() as (admin, wanted):
        findings = topics.check(admin, wanted)
        for finding in findings:
            typer.echo(finding, err=finding.certain)
        wrong = {finding.topic for finding in findings if finding.certain}
        for plan in wanted:
            if plan.name not in wrong:
                typer.echo(f"{plan.name}: as wanted, as far as can be seen")
    if wrong:
        raise typer.Exit(1)


@contextmanager
def _opened() -> Iterator[tuple[topics.TopicAdmin, tuple[topics.TopicPlan, ...]]]:
    try:
        loaded = settings.load()
        admin = KafkaBroker(loaded).topic_admin()
        try:
            yield admin, topics.plans(loaded)
        finally:
            admin.close()
    except (BrokerError, settings.SettingsError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None

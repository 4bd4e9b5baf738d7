"""Alerts as people read them."""

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from eddy.cli.inspecting import messages
from eddy.cli.inspecting.since import since_ms
from eddy.cli.main import app
from eddy.messaging.kafka import broker as kafka
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import Alert, Coordinates, alert_message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "before_s"),
    [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800), ("2026-03-01T11:59", 60), ("2026-03-01", 43_200)],
)
def test_since_is_a_duration_or_a_time(given: str, before_s: int) -> None:
    assert since_ms(given, NOW) == (NOW.timestamp() - before_s) * 1000


@pytest.mark.parametrize("given", ["", "2", "h", "-2h", "yesterday", "99999999999d", "2026-13-01"])
def test_since_refuses_what_is_neither(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 90s"):
        since_ms(given, NOW)


@pytest.fixture
def alerted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five alerts in memory, at 1 to 5 seconds past NOW by the broker's time."""
    times = iter(range(1, 100))
    broker = MemoryBroker({"alerts": 2, "dead-letters": 1}, clock=lambda: int(NOW.timestamp() + next(times)) * 1000)
    publisher = broker.publisher()
    for i in range(5):
        alert = Alert(f"t-{i}", 13.0, 10.0, 1e-5, "v1", None, (), Coordinates("transactions", 0, i), NOW, NOW)
        publisher.send(alert_message("alerts", b"%d" % i, alert))
    monkeypatch.setattr(kafka, "KafkaBroker", lambda _: broker)


@pytest.mark.usefixtures("alerted")
def test_alerts_since_a_time_are_those_alone() -> None:
    shown = CliRunner().invoke(app, ["alerts", "--json", "--since", "2026-03-01T12:00:04"])
    assert shown.exit_code == 0, shown.output
    assert [line.split('"')[3] for line in sorted(shown.output.splitlines())] == ["t-3", "t-4"]
    assert CliRunner().invoke(app, ["alerts", "--since", "soon"]).exit_code == 2


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_many_alerts_come_in_several_tables(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(messages, "TABLE_ROWS", rows)
    shown = CliRunner().invoke(app, ["alerts"]).output
    assert [shown.count(f"t-{i}") for i in range(5)] == [1] * 5
    assert "5 in total" in shown


@pytest.mark.usefixtures("alerted")
def test_no_messages_are_an_empty_table() -> None:
    shown = CliRunner().invoke(app, ["dead-letters"]).output
    assert "category" in shown
    assert "0 in total" in shown

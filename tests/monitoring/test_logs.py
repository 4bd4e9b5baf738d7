import io
import json
import logging

import pytest

from eddy.monitoring import logs
from tests.plugins.logging import logging_put_back as logging_put_back

pytestmark = pytest.mark.usefixtures("logging_put_back")


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_event_fields_level_logger_and_time():
    stream = io.StringIO()
    logs.configure("json", "INFO", stream=stream, fields={"slot": 2})
    logs.get("consumer.loop").info("committed", messages=7)
    (line,) = lines(stream)
    assert line.items() >= {
        "event": "committed", "messages": 7, "slot": 2, "level": "info", "logger": "consumer.loop",
    }.items()  # fmt: skip
    assert line["timestamp"].endswith("Z")


def test_the_standard_librarys_logging_looks_the_same():
    stream = io.StringIO()
    logs.configure("json", "INFO", stream=stream)
    logging.getLogger("gunicorn.error").info("Booting worker with pid: %s", 12)
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("Booting worker with pid: 12", "gunicorn.error", "info")


def test_lines_below_the_level_are_left_out():
    stream = io.StringIO()
    logs.configure("json", "WARNING", stream=stream)
    logs.get("x").info("no")
    logging.getLogger("y").info("no")
    logs.get("x").warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]


def test_the_kafka_client_speaks_up_only_when_something_is_wrong():
    stream = io.StringIO()
    logs.configure("json", "INFO", stream=stream)
    logging.getLogger("kafka.coordinator").info("Revoking previously assigned partitions")
    logging.getLogger("kafka.coordinator").warning("Heartbeat failed")
    assert [line["event"] for line in lines(stream)] == ["Heartbeat failed"]


def test_the_kafka_client_never_prints_what_it_sends_or_receives():
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream=stream)
    for name in ("kafka.net.connection", "kafka.protocol.parser", "kafka.sasl.plain"):
        logging.getLogger(name).debug("Recv: %r", b"a card number, or a password")
    logging.getLogger("kafka.coordinator").debug("Heartbeat success")
    assert [line["event"] for line in lines(stream)] == ["Heartbeat success"]


def test_a_connection_that_the_kafka_client_lost_is_a_line_not_a_traceback():
    stream = io.StringIO()
    logs.configure("json", "INFO", stream=stream)
    closed = ValueError("Invalid file descriptor: -1")
    for error in (ConnectionResetError(104, "Connection reset by peer"), closed, ValueError("a bug")):
        try:
            raise error
        except Exception:
            logging.getLogger("kafka.net.selector").exception("closing %s", "socket")
    lost, gone, bug = lines(stream)
    assert gone["event"].startswith("closing socket: ValueError")
    assert "exception" not in gone
    assert lost["event"] == "closing socket: ConnectionResetError(104, 'Connection reset by peer')"
    assert "exception" not in lost
    assert "Traceback" in bug["exception"]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_local_variables(log_format):
    stream = io.StringIO()
    logs.configure(log_format, "INFO", stream=stream)
    card = "4111" + "111111111111"
    try:
        raise RuntimeError(f"{len(card)} digits")
    except RuntimeError:
        logs.get("x").exception("unexpected")
        logging.getLogger("y").exception("unexpected as well")
    assert stream.getvalue().count("RuntimeError: 16 digits") == 2
    assert card not in stream.getvalue()


def test_setting_up_twice_prints_each_line_once():
    stream = io.StringIO()
    logs.configure("json", "INFO", stream=stream)
    logs.configure("json", "INFO", stream=stream)
    logs.get("x").info("once")
    assert len(lines(stream)) == 1

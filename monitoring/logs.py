"""One way of logging for every process: set up once, by the code that starts the process.

Lines are structured, on standard error (standard output belongs to the commands), and the standard library's logging
runs through the same pipe, so that what gunicorn and the Kafka client say looks and filters like the rest.

What is never logged: message bodies, and local variables of a traceback, which would be the same thing. Tracebacks
are therefore plain text here, although structlog and rich could print them with the values of every frame.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["console", "json"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

# They log at INFO what only matters when debugging them.
_TALKATIVE = ("kafka", "urllib3", "asyncio")
# At DEBUG these print every byte that they send or receive: transactions, and passwords.
_NEVER_DEBUGGED = ("kafka.net", "kafka.protocol", "kafka.sasl")


def configure(
    log_format: Format, level: Level, *, stream: TextIO | None = None, fields: Mapping[str, Any] | None = None
) -> None:
    """Sends every log line of this process to one place, in one form. May be called again, as after a fork.

    Args:
        log_format: "console" to be read by people, "json" by machines (one object a line).
        level: the least severe level that is logged.
        stream: where to; standard error if not given.
        fields: what every line of this process carries, such as the slot of a worker.
    """
    shared = _shared(dict(fields or {}))
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderer(log_format, out)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    handler.addFilter(_brief)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel("DEBUG" if level == "DEBUG" else max(logging.WARNING, root.level))
    for name in _NEVER_DEBUGGED:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = logs.get(__name__)`, then `log.info("what happened", number=3)`."""
    return structlog.stdlib.get_logger(name)


def _brief(record: logging.LogRecord) -> bool:
    """A network that fails is no bug: the Kafka client's tracebacks of it become their last line."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.name.startswith("kafka.") and _of_a_socket(record.name, error):
        record.msg, record.args = f"{record.getMessage()}: {error!r}", ()
        record.exc_info = record.exc_text = None
    return True


def _of_a_socket(name: str, error: BaseException) -> bool:
    """Also a socket that was closed while a thread waits for it, which shows as other errors in two places."""
    closed = isinstance(error, ValueError) and str(error).startswith("Invalid file descriptor")
    return isinstance(error, OSError) or closed or name == "kafka.net.transport"


def _shared(fields: dict[str, Any]) -> list[Processor]:
    def add_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return [
        structlog.contextvars.merge_contextvars,
        add_fields,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderer(log_format: Format, stream: TextIO) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]

"""Every failure that a client sees is an RFC 9457 problem: `application/problem+json` with type, title, status, detail.

Details say what was wrong and what to do, and never quote what was sent: that may be personal data. Nothing that a
client sends makes a 5xx; a 500 is a mistake of ours, and is logged.
"""

import traceback
from dataclasses import dataclass, field

import msgspec
import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:eddy:problem:"

log = structlog.stdlib.get_logger(__name__)


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body. `category` is there when a transaction was refused: the same word as in a dead letter's header."""

    type: str
    title: str
    status: int
    detail: str
    category: str | None = None


@dataclass(eq=False)
class Problem(Exception):
    """Raised anywhere while a request is answered, it becomes the answer."""

    status: int
    kind: str
    title: str
    detail: str
    category: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def document(self) -> bytes:
        return msgspec.json.encode(
            ProblemDocument(TYPE_PREFIX + self.kind, self.title, self.status, self.detail, self.category)
        )

    def response(self) -> Response:
        return Response(self.document(), self.status, self.headers, content_type=CONTENT_TYPE)


def too_large(max_body_bytes: int) -> Problem:
    return Problem(413, "too-large", "Request body too large", f"At most {max_body_bytes} bytes are accepted.")


def malformed(detail: str = "The request is not valid HTTP/1.1.") -> Problem:
    return Problem(400, "malformed-request", "Malformed request", detail)


def internal() -> Problem:
    return Problem(500, "internal", "Internal error", "This is a mistake in Eddy; its log says more.")


def log_mistake(error: BaseException) -> None:
    """Logs what went wrong and where, but not the error's message: it may quote what was sent."""
    log.error("a request failed", error=type(error).__name__, at="".join(traceback.format_tb(error.__traceback__)))


def register(app: Flask) -> None:
    """Turns every exception that may be raised while a request is answered into a problem."""

    @app.errorhandler(Problem)
    def _(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(HTTPException)
    def _(error: HTTPException) -> Response:
        return _of_http(error).response()

    @app.errorhandler(Exception)
    def _(error: Exception) -> Response:
        log_mistake(error)
        return internal().response()


def _of_http(error: HTTPException) -> Problem:
    status = error.code or 500
    if status == 404:
        return Problem(404, "not-found", "Not found", "There is nothing at this address; GET / lists what there is.")
    if status == 405:
        allowed = dict(error.get_headers()).get("Allow", "")
        return Problem(
            405, "method-not-allowed", "Method not allowed", f"Allowed here: {allowed}.", headers={"Allow": allowed}
        )
    if status == 400:
        return malformed()
    return Problem(status, "http", error.name, "The request cannot be answered.")

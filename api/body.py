"""The body of a request, whole and within its limit."""

import contextlib

from flask import request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from eddy.api import problem_types, problems
from eddy.api.problems import Problem

SWALLOWED_MOST_BYTES = 1_048_576


def read(max_bytes: int) -> bytes:
    """The current request's JSON; Flask's own limit would cut a chunked body short in silence.

    Raises:
        Problem: it is not announced as JSON, has no length, is too long, or does not arrive.
    """
    _check_headers()
    announced = request.content_length  # None where the body comes in chunks
    if announced is not None and announced > max_bytes:
        _swallow(announced)
        raise problems.too_large(max_bytes)
    try:
        body: bytes = request.environ["wsgi.input"].read(max_bytes + 1 if announced is None else announced)
    except (ParseException, OSError):  # a broken chunk; the client is gone
        raise problems.malformed("The body could not be read to its end.") from None
    if len(body) > max_bytes:
        _swallow(SWALLOWED_MOST_BYTES)
        raise problems.too_large(max_bytes)
    if len(body) < (announced or 0):
        raise problems.malformed("The body ended, or took too long to arrive, before it was as long as announced.")
    return body


def _check_headers() -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _unsupported("Send the body as it is, without Content-Encoding.")
    if request.mimetype not in ("", "application/json") and not request.mimetype.endswith("+json"):
        raise _unsupported("Send JSON, with `Content-Type: application/json`.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise _unsupported("Send UTF-8.")
    if request.content_length is None and "Transfer-Encoding" not in request.headers:
        raise Problem(problem_types.LENGTH_REQUIRED, "Send the JSON as the body, with `Content-Length` or in chunks.")


def _unsupported(detail: str) -> Problem:
    return Problem(problem_types.UNSUPPORTED_MEDIA_TYPE, detail)


def _swallow(size: int) -> None:
    """Reads what is left, within reason: a connection that is closed on unread bytes takes the answer along with it."""
    with contextlib.suppress(ParseException, OSError):
        request.environ["wsgi.input"].read(min(size, SWALLOWED_MOST_BYTES))

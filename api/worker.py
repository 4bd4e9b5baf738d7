"""gunicorn's threaded worker, hardened: slow clients are cut off, and broken HTTP is answered with a problem document.

A thread that reads a request blocks while its client is slow, and gunicorn has no limit on that. Here a request must
have arrived within `REQUEST_S`; until then it occupies one of many threads, which sleep and cost next to nothing.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any

import msgspec
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from eddy.api import problem_types, problems
from eddy.api.problems import Problem

REQUEST_S = 10.0  # for a request to arrive, head and body
STOPPING_S = 2.0  # the same once the worker is to stop
WATCH_EVERY_S = 0.25

_PROBLEMS = {
    errors.LimitRequestLine: problem_types.ADDRESS_TOO_LONG,
    errors.LimitRequestHeaders: problem_types.HEADER_TOO_LARGE,
    errors.ExpectationFailed: problem_types.EXPECTATION_FAILED,
}


class Worker(ThreadWorker):  # type: ignore[misc]
    """One worker process."""

    def init_process(self) -> None:
        self._since: dict[Any, float] = {}
        threading.Thread(target=self._cut_off_the_slow, name="slow-clients", daemon=True).start()
        super().init_process()

    def handle(self, conn: Any) -> Any:
        self._since[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self._since.pop(conn, None)

    def handle_quit(self, _signal: int, _frame: Any) -> None:
        """Ends immediately, as SIGINT and SIGQUIT ask; two of them in a row would interrupt a tidier end half-way."""
        os._exit(0)

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, exc: BaseException) -> None:
        """Answers what could not even be parsed. Says nothing of what was sent: it may be part of a body."""
        problem = _problem(exc)
        if problem.what.status < 500:
            self.log.info("refused a request that is not valid HTTP: %s", type(exc).__name__)
        else:
            problems.log_mistake(exc)
        with contextlib.suppress(OSError):
            client.sendall(_answer(problem))

    def _cut_off_the_slow(self) -> None:
        while True:
            time.sleep(WATCH_EVERY_S)
            limit_s = REQUEST_S if self.alive else STOPPING_S
            now = time.monotonic()
            for conn, since in self._since.copy().items():
                if now - since > limit_s:
                    # First no more reading, so that an answer can still be given; then nothing at all.
                    how = socket.SHUT_RD if now - since < 2 * limit_s else socket.SHUT_RDWR
                    with contextlib.suppress(OSError):
                        conn.sock.shutdown(how)


def _problem(exc: BaseException) -> Problem:
    for error, what in _PROBLEMS.items():
        if isinstance(exc, error):
            return Problem(what, what.remedy)
    if isinstance(exc, errors.ParseException) and not isinstance(exc, errors.ConfigurationProblem):
        return problems.malformed()
    return problems.internal()


def _answer(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem.document())
    head = (
        f"HTTP/1.1 {problem.what.status} {problem.what.title}\r\nConnection: close\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body

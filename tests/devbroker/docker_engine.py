"""A stand-in for a Docker engine: the part of its HTTP interface that a broker needs, with one container at most."""

import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class DockerEngine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Remembers its container's state, and what it was created with.

    `says` is what the container logs; `starts_as` its state after a start; `pull_error` why the image is missing.
    """

    daemon_threads = True

    def __init__(self, socket: Path) -> None:
        self.state: str | None = None
        self.created: dict[str, Any] = {}
        self.says, self.starts_as = "[main] INFO Kafka Server started", "running"
        self.pull_error: str | None = None
        self.answers_after_s = 0.0
        super().__init__(str(socket), _Handler)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/version":
            time.sleep(self.answers_after_s)
            return 200, {"Version": "28.0", "ApiVersion": "1.45"}
        if path.startswith("/images"):
            return self._image(path)
        if path == "/containers/create":
            self.created, self.state = body | {"Name": query["name"][0]}, "created"
            return 201, {"Id": "c1"}
        if not path.startswith("/containers/") or self.state is None:
            return 404, {"message": "no such container"}
        return self._container(method, path.rpartition("/")[2], query)

    def _image(self, path: str) -> tuple[int, Any]:
        if self.pull_error is None:
            return 200, {"Id": "sha256:1", "RepoTags": []}
        if path == "/images/create":
            return 500, {"message": self.pull_error}
        return 404, {"message": "no such image"}

    def _container(self, method: str, verb: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if method == "DELETE":
            self.state = None
            return 204, None
        if verb == "json":
            running = self.state in ("running", "paused")
            state = {"Status": self.state, "Running": running, "StartedAt": "2026-01-01T00:00:00.123456789Z"}
            return 200, {"Id": "c1", "State": state, "Config": {"Tty": True}}
        if verb == "logs":
            return 200, self.says.encode()
        if verb == "wait":
            return 200, {"StatusCode": 137}
        if not query.get("t", ["0"])[0].isdigit():
            return 500, {"message": "seconds must be whole"}
        changed = {"start": self.starts_as, "restart": self.starts_as, "unpause": "running", "pause": "paused"}
        self.state = changed.get(verb, "exited")
        return 204, None


class _Handler(BaseHTTPRequestHandler):
    server: DockerEngine

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = re.sub(r"^/v[\d.]+", "", url.path)
        status, answer = self.server.answer(self.command, path, parse_qs(url.query), json.loads(body) if body else None)
        content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        with suppress(BrokenPipeError):  # the client did not wait
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def address_string(self) -> str:
        return "unix"


@contextmanager
def serving(socket: Path) -> Iterator[DockerEngine]:
    with DockerEngine(socket) as engine:
        threading.Thread(target=engine.serve_forever, args=(0.05,), daemon=True).start()
        yield engine
        engine.shutdown()

"""A TCP proxy that reads Kafka's requests and does harm exactly where a test wants it.

It stands in front of a broker's second listener, whose advertised port is the proxy's, so that clients stay with it
after the bootstrap. `proxy.on(Api.END_TXN, nth=2).drop_reply()`: each rule picks requests and says what happens to
them; `rule.fired` counts, and `proxy.check()` fails when a rule never fired, for then the test has shown nothing.
"""

import contextlib
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Self

from tests.faults.kit.replies import refusal, with_error
from tests.faults.kit.rules import Api, Callback, Request, Rule, Slowness, written

__all__ = ["Api", "FaultProxy", "Request", "Rule", "Slowness"]


class FaultProxy:
    """Listens on `port`, and passes what it gets to `upstream` ("host:port"), but for the rules."""

    def __init__(self, port: int, upstream: str) -> None:
        host, _, upstream_port = upstream.rpartition(":")
        self.upstream = (host, int(upstream_port))
        self.seen: Counter[int] = Counter()
        self.slowness = Slowness()
        self.flowing = threading.Event()
        self.flowing.set()
        self._rules: list[Rule] = []
        self._all_rules: list[Rule] = []
        self._failures: list[BaseException] = []
        self._metadata: deque[bytes] = deque(maxlen=256)
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._refusing = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="fault-proxy").start()

    @property
    def address(self) -> str:
        """What clients are given as bootstrap server."""
        return f"127.0.0.1:{self.port}"

    def on(
        self,
        api: Api,
        *,
        nth: int = 1,
        every: bool = False,
        topic: str | None = None,
        where: Callable[[Request], bool] | None = None,
    ) -> Rule:
        """A rule for the `nth` such request from now on, over all connections; with `every` also for all after it.

        Args:
            api: Which requests.
            nth: Counts from 1, only requests that `topic` and `where` let through.
            every: Whether to go on after the nth.
            topic: Only requests that name this topic, by name or by id.
            where: Only requests of which this is true.
        """

        def picks(request: Request) -> bool:
            about = topic is None or self._is_about(request, topic)
            return request.api == api and about and (where is None or where(request))

        rule = Rule(picks, nth, every, f"{api.name} no. {nth}{' and all after' if every else ''}")
        with self._lock:
            self._rules.append(rule)
            self._all_rules.append(rule)
        return rule

    def slow(self, slowness: Slowness) -> None:
        """Everything goes slowly from now on, until `heal`."""
        self.slowness = slowness

    def stall(self) -> None:
        """The network holds everything back; `heal` lets it go on where it was, as TCP does."""
        self.flowing.clear()

    def sever(self) -> None:
        """Every connection is reset, and new ones are refused, until `heal`."""
        self._refusing = True
        self._close_connections(lambda _: True)

    def heal(self) -> None:
        """All is well again: no rule acts any more; connections in a black hole are reset."""
        with self._lock:
            self._rules.clear()
        self.slowness, self._refusing = Slowness(), False
        self.flowing.set()
        self._close_connections(lambda connection: connection.silent)

    def check(self) -> None:
        """Fails when a rule never fired, or a callback failed: what the test says was survived did not happen."""
        if self._failures:
            raise AssertionError("a callback of the fault proxy failed, or the proxy itself") from self._failures[0]
        idle = [rule for rule in self._all_rules if not rule.fired]
        if idle:
            raise AssertionError(f"the fault was never there: {idle}; requests seen: {self._census()}")

    def close(self) -> None:
        """Ends all connections and frees the port."""
        self.heal()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_connections(lambda _: True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        if kind is None:
            self.check()

    def rule_for(self, request: Request) -> Rule | None:
        """Counts a request that came in, and finds the rule that fires for it."""
        with self._lock:
            self.seen[request.api] += 1
            return next((rule for rule in list(self._rules) if rule.takes(request)), None)

    def note_metadata(self, reply: bytes) -> None:
        """Keeps what the broker says of its topics: requests may name them by id."""
        self._metadata.append(reply)

    def run(self, callback: Callback | None, request: Request) -> None:
        """Calls back; a failure is kept for `check`, and the request goes its way."""
        try:
            if callback is not None:
                callback(request)
        except BaseException as error:  # noqa: BLE001
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Keeps what went wrong in a thread of the proxy, for `check`."""
        self._failures.append(error)

    def forget(self, connection: "_Connection") -> None:
        with self._lock:
            self._connections.discard(connection)

    def _is_about(self, request: Request, topic: str) -> bool:
        if any(name in request.frame for name in written(topic)):
            return True
        return any(topic_id in request.frame for topic_id in self._topic_ids(topic))

    def _topic_ids(self, topic: str) -> set[bytes]:
        """Every id that the topic has had. In a metadata reply it comes right behind the name (since version 10)."""
        name = written(topic)[1]
        found = ((reply, reply.find(name)) for reply in list(self._metadata))
        return {reply[at + len(name) : at + len(name) + 16] for reply, at in found if at >= 0} - {bytes(16)}

    def _census(self) -> dict[str, int]:
        names = {api.value: api.name for api in Api}
        return {names.get(api, str(api)): count for api, count in self.seen.most_common()}

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
                continue
            try:
                broker = socket.create_connection(self.upstream, timeout=5)
            except OSError:
                _reset(client)
                continue
            broker.settimeout(None)
            connection = _Connection(self, client, broker)
            with self._lock:
                self._connections.add(connection)
            connection.start()

    def _close_connections(self, which: Callable[["_Connection"], bool]) -> None:
        with self._lock:
            doomed = [connection for connection in self._connections if which(connection)]
        for connection in doomed:
            connection.close()


class _Connection:
    """One client's connection, and ours to the broker; a thread for each direction."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._waiting: dict[int, tuple[Request, Rule | None]] = {}
        self.silent = False
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        for source, take in ((self._client, self._take_request), (self._broker, self._take_reply)):
            threading.Thread(target=self._pump, args=(source, take), daemon=True, name="fault-proxy").start()

    def close(self) -> None:
        """Resets both ends."""
        self._proxy.forget(self)
        _reset(self._client)
        _reset(self._broker)

    def _pump(self, source: socket.socket, take: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while frame := _read_frame(stream):
                self._proxy.flowing.wait()
                if not self.silent:
                    self._take(take, frame)
        # A black hole also swallows the news that the other end is gone.
        if not self.silent:
            self.close()

    def _take(self, take: Callable[[bytes], None], frame: bytes) -> None:
        """Nobody sees what fails in this thread, so it is kept for `check`."""
        try:
            take(frame)
        except OSError:
            raise
        except BaseException as error:
            self._proxy.failed(error)
            raise OSError("the proxy gives this connection up") from error

    def _take_request(self, frame: bytes) -> None:
        request = Request.read(frame)
        rule = self._proxy.rule_for(request)
        self._waiting[request.correlation] = request, rule
        if rule is not None:
            self._proxy.run(rule.callback_before, request)
            time.sleep(rule.delay_s)
            if rule.fate == "cut":
                return self.close()
            if rule.fate == "black hole":
                self.silent = True
                return None
            if rule.fate == "refuse":
                self._wait_for_earlier(request)
                return self._pass_on(self._client, refusal(request, rule.error))
        return self._pass_on(self._broker, frame)

    def _take_reply(self, frame: bytes) -> None:
        (correlation,) = struct.unpack_from(">i", frame)
        request, rule = self._waiting.pop(correlation, (None, None))
        if request is not None and request.api == Api.METADATA:
            self._proxy.note_metadata(frame)
        if request is not None and rule is not None:
            self._proxy.run(rule.callback_after, request)
            if rule.fate == "reply error":
                return self._pass_on(self._client, with_error(request, frame, rule.error))
            if rule.fate == "cut after":
                return self.close()
            if rule.fate == "drop reply":
                self.silent = True
                return None
        return self._pass_on(self._client, frame)

    def _wait_for_earlier(self, request: Request) -> None:
        """Replies must come in the order of their requests, so those on their way go first."""
        self._waiting.pop(request.correlation, None)
        deadline = time.monotonic() + 5
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.001)

    def _pass_on(self, to: socket.socket, frame: bytes) -> None:
        self._proxy.slowness.send(to, struct.pack(">i", len(frame)) + frame)


def _read_frame(stream: BinaryIO) -> bytes | None:
    size = stream.read(4)
    if len(size) < 4:
        return None
    (length,) = struct.unpack(">i", size)
    frame = stream.read(length)
    return frame if len(frame) == length else None


def _reset(end: socket.socket) -> None:
    """Closes it so that the other side sees a reset, and wakes a thread that reads from it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    end.close()

"""Which requests the fault proxy disturbs, and how."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self


class Api(IntEnum):
    """Kafka's requests that tests speak of."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. `frame` is all of it but the leading size."""

    api: int
    version: int
    correlation: int
    client: str
    frame: bytes = field(repr=False)

    @classmethod
    def read(cls, frame: bytes) -> Self:
        api, version, correlation, length = struct.unpack_from(">hhih", frame)
        return cls(api, version, correlation, frame[10 : 10 + max(length, 0)].decode(), frame)


Callback = Callable[[Request], object]


class Rule:
    """What happens to some requests. `before` and `after` may be joined with one fate: `.before(kill).cut()`."""

    def __init__(self, picks: Callable[[Request], bool], nth: int, every: bool, name: str) -> None:
        self._picks, self._nth, self._every, self._name = picks, nth, every, name
        self._armed = False
        self._seen = 0
        self._changed = threading.Condition()
        self.fired = 0
        self.fate = "pass"
        self.delay_s = 0.0
        self.callback_before: Callback | None = None
        self.callback_after: Callback | None = None
        self.error = 0

    def __repr__(self) -> str:
        return f"{self._name} ({self.fate}): {self._seen} seen, fired {self.fired} times"

    def black_hole(self) -> Self:
        """The request never arrives, and the connection stays open in silence from then on, both ways."""
        return self._become("black hole")

    def drop_reply(self) -> Self:
        """The request takes effect; its reply, and everything behind it, is lost, and the connection stays open."""
        return self._become("drop reply")

    def cut(self) -> Self:
        """The connection is reset, and the request never arrives."""
        return self._become("cut")

    def cut_after(self) -> Self:
        """The request takes effect; instead of its reply the client sees the connection reset."""
        return self._become("cut after")

    def delay(self, seconds: float) -> Self:
        """The request, and all behind it on its connection, arrives later."""
        self.delay_s = seconds
        return self._become(self.fate)

    def before(self, callback: Callback) -> Self:
        """Calls back when the request has come in, and waits for it; by itself the request is then passed on."""
        self.callback_before = callback
        return self._become(self.fate)

    def after(self, callback: Callback) -> Self:
        """Calls back when the broker has replied, and waits for it; by itself the reply is then passed on."""
        self.callback_after = callback
        return self._become(self.fate)

    def reply_error(self, code: int) -> Self:
        """The request takes effect, and the reply says that it failed with Kafka's error `code`."""
        self.error = code
        return self._become("reply error")

    def refuse(self, code: int) -> Self:
        """The request never arrives, and the reply says that it failed with Kafka's error `code`."""
        self.error = code
        return self._become("refuse")

    def wait(self, timeout_s: float = 30.0, times: int = 1) -> None:
        """Returns when the rule has fired that often, its callbacks included or not."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.fired >= times, timeout_s):
                raise AssertionError(f"waited {timeout_s} s in vain for {times} firings of {self!r}")

    def takes(self, request: Request) -> bool:
        """Counts the request if it is one of ours, and says whether the rule fires."""
        if not self._armed or not self._picks(request):
            return False
        with self._changed:
            self._seen += 1
            fires = self._seen == self._nth or (self._every and self._seen > self._nth)
            self.fired += fires
            self._changed.notify_all()
        return fires

    def _become(self, fate: str) -> Self:
        self.fate = fate
        self._armed = True
        return self


@dataclass(frozen=True, slots=True)
class Slowness:
    """A slow network, each way: every frame takes `delay_s` give or take `jitter_s`, one after the other."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    slice_bytes: int | None = None

    def send(self, to: socket.socket, data: bytes) -> None:
        if self.delay_s or self.jitter_s:
            time.sleep(max(0.0, random.uniform(self.delay_s - self.jitter_s, self.delay_s + self.jitter_s)))
        step = self.slice_bytes or (max(1, int(self.bytes_per_s / 20)) if self.bytes_per_s else len(data))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            to.sendall(piece)
            if self.bytes_per_s:
                time.sleep(len(piece) / self.bytes_per_s)


def written(topic: str) -> tuple[bytes, bytes]:
    """A topic's name as older and as newer requests write it: with two bytes of length, or one plus the length."""
    name = topic.encode()
    length, compact = len(name) + 1, bytearray()
    while length > 127:
        compact.append(length & 127 | 128)
        length >>= 7
    return struct.pack(">h", len(name)) + name, bytes([*compact, length]) + name

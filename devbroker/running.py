"""What callers can do with a broker, and what the throw-away ones have in common, whichever engine runs them."""

import atexit
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Never, Protocol, Self, TypedDict, Unpack

from filelock import BaseFileLock, FileLock, Timeout

from eddy.devbroker.node import BrokerStartError, Guard, OnProgress, choose_ports, silent


class NodeOptions(TypedDict, total=False):
    """How a throw-away broker is started.

    Attributes:
        port: where clients connect; 0, the default, for any free port.
        data: keeps the topics here, also afterwards; by default in a directory that is removed with the broker.
        advertised_port: opens a second listener (`proxied_address`) that sends its clients on to this port of this
            machine: the port of a proxy in front of it.
        extra: Kafka properties that win over ours.
        on_progress: is given a sentence about what takes time.
    """

    port: int
    data: Path | None
    advertised_port: int | None
    extra: Mapping[str, str] | None
    on_progress: OnProgress


class RunningBroker(Protocol):
    """A broker to work with, and, where it is ours, to inject faults into; a context manager that stops it.

    Clients are given `address`, a proxy connects to `proxied_address`. `stop` ends the broker cleanly, removes all that
    was made for it, and may be called again. `kill` is kill -9. `restart` starts it on the same ports and data; one
    that still runs is stopped first. While frozen, it keeps connections open, and answers nothing; it counts as
    `running`.
    """

    address: str

    @property
    def proxied_address(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def running(self) -> bool: ...

    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> Self: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class GivenBroker:
    """Somebody else's broker: it is used, and left as it is."""

    def __init__(self, address: str) -> None:
        self.address, self.running = address, True

    def stop(self) -> None:
        """Does nothing: we did not start it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Does nothing either."""

    def _refuse(self) -> Never:
        raise BrokerStartError(
            f"the broker at {self.address} is not ours to kill, freeze, restart or put a proxy before; "
            "unset EDDY_KAFKA_BOOTSTRAP_SERVERS to get one that is"
        )

    kill = restart = freeze = thaw = _refuse
    proxied_address = log = property(_refuse)


class ThrowAwayBroker(ABC):
    """One Kafka node of our own, which ends with this process."""

    def __init__(self, **options: Unpack[NodeOptions]) -> None:
        """Nothing runs yet: see `start`."""
        self._ports = choose_ports(options.get("port", 0), options.get("advertised_port"))
        self._extra, self._on_progress = dict(options.get("extra") or {}), options.get("on_progress", silent)
        self._data = options.get("data")
        self._own = Path(tempfile.mkdtemp(prefix="eddy-broker-"))
        self.address = f"127.0.0.1:{self._ports.clients}"
        self._guard: Guard | None = None
        self._lock: BaseFileLock | None = None
        self._owner = os.getpid()
        atexit.register(self._at_exit)

    @property
    def proxied_address(self) -> str:
        return f"127.0.0.1:{self._ports.proxied}"

    @abstractmethod
    def start(self) -> Self:
        """Returns when the broker serves.

        Raises:
            BrokerStartError: with the end of the broker's log, or the engine's error.
        """

    @abstractmethod
    def _end(self) -> None:
        """Ends it cleanly."""

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self._own, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _lock_data(self) -> None:
        """Kafka takes a lock of its own, but writes to the directory before that."""
        if self._data is None:
            return
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or FileLock(self._data / "eddy-broker.lock", blocking=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise BrokerStartError(
                f"another broker is using the directory {self._data}: stop it, or choose another directory with --data"
            ) from None

    def _unlock_data(self) -> None:
        if self._lock is not None:
            self._lock.release(force=True)

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def _at_exit(self) -> None:
        """A forked child leaves the broker alone: it is its parent's."""
        if os.getpid() == self._owner:
            self.stop()

"""Several workers, each a process with a slot of its own, started again when they die."""

import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from eddy.consumer import worker
from eddy.monitoring import logs, signals
from eddy.settings import Settings

BACK_OFF_FIRST_S, BACK_OFF_MOST_S = 0.2, 10.0
CRASHES_MOST, CRASHES_WITHIN_S = 6, 60.0
STOP_WITHIN_S = 18.0

log = logs.get(__name__)

Spawn = Callable[[int], BaseProcess]


@dataclass(slots=True)
class Slot:
    """One place in the group, and the process that has it now."""

    number: int
    process: BaseProcess
    crashes: deque[float] = field(default_factory=deque)
    start_at: float | None = None  # when to start it again; None while it runs


class Supervisor:
    """Keeps one process per slot running until `stop` is set, or one of them cannot go on.

    Args:
        spawn: starts the process of a slot.
        slots: their numbers.
        stop: set it to end everything.
    """

    def __init__(self, spawn: Spawn, slots: Iterable[int], stop: threading.Event) -> None:
        self._spawn = spawn
        self._stop = stop
        self._slots = [Slot(number, spawn(number)) for number in slots]

    def run(self) -> int:
        """Watches over the workers. Returns 0 once `stop` is set, or the exit code of one that cannot go on."""
        code = 0
        while not self._stop.wait(0.1):
            code = next((code for slot in self._slots if (code := self._tend(slot, time.monotonic()))), 0)
            if code:
                break
        return self._end() or code

    def _tend(self, slot: Slot, now: float) -> int:
        """Restarts a dead worker after a while. Returns an exit code when a restart would not help."""
        if slot.start_at is not None:
            if now >= slot.start_at:
                slot.process, slot.start_at = self._spawn(slot.number), None
            return 0
        code = slot.process.exitcode
        if code is None:
            return 0
        if code in worker.FINAL:
            return code
        return self._crashed(slot, code, now)

    def _crashed(self, slot: Slot, code: int, now: float) -> int:
        while slot.crashes and now - slot.crashes[0] > CRASHES_WITHIN_S:
            slot.crashes.popleft()
        slot.crashes.append(now)
        if len(slot.crashes) >= CRASHES_MOST:
            log.error("crash loop: giving up", slot=slot.number, crashes=len(slot.crashes), exit_code=code)
            return code if code > 0 else worker.CRASHED
        wait_s = min(BACK_OFF_FIRST_S * 2 ** (len(slot.crashes) - 1), BACK_OFF_MOST_S)
        log.warning("worker died, starting it again", slot=slot.number, exit_code=code, wait_s=wait_s)
        slot.start_at = now + wait_s
        return 0

    def _end(self) -> int:
        """Asks every worker to finish its micro-batch, and kills those that do not in time."""
        running = [slot.process for slot in self._slots if slot.process.is_alive()]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
        late = [process for process in running if process.is_alive()]
        for process in late:
            process.kill()
            process.join()
        return worker.CRASHED if late else 0


def consume(settings: Settings) -> int:
    """Runs `settings.workers` workers until SIGTERM or SIGINT. Returns the exit code for the process."""
    logs.configure(settings.log_format, settings.log_level)
    stop = threading.Event()
    signals.install(lambda *_: stop.set(), signal.SIGTERM, signal.SIGINT)
    context = multiprocessing.get_context("spawn")  # clients and scoring sessions do not survive a fork

    def spawn(slot: int) -> BaseProcess:
        process = context.Process(target=worker.run, args=(settings, slot), name=f"worker-{slot}")
        process.start()
        return process

    slots = range(settings.first_slot, settings.first_slot + settings.workers)
    return Supervisor(spawn, slots, stop).run()

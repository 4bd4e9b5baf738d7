"""Follows the control topic in a thread, and gives what is in force at any moment as one immutable value."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from eddy.control.state import ControlState, Outcome, advance
from eddy.messaging.ports import Broker, BrokerError, Partition, Reader, Record, TopicMissing
from eddy.monitoring import logs

IDLE_S = 0.2  # how often the thread looks whether it is to end
RETRY_FIRST_S, RETRY_MOST_S = 0.1, 2.0
REPEAT_S = 10.0
OUTCOMES_KEPT = 10_000

OnChange = Callable[[ControlState], None]

log = logs.get(__name__)


class Follower:
    """Reads the control topic to its end, then what comes.

    It survives outages: the last state stays, and reading goes on where it was. A topic that does not exist counts as
    empty until it does, and is reported once.
    """

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker, self._topic = broker, topic
        self._on_change: OnChange | None = None
        self._calling, self._called_at = threading.Lock(), time.monotonic()
        self._changed = threading.Condition()
        self._state = ControlState()
        self._outcomes: OrderedDict[int, Outcome] = OrderedDict()
        self._complete_at: float | None = None
        self._problem: BrokerError | None = None
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether the topic was read to its end, or is known not to exist; waits for it up to `timeout_s`."""
        return self._ready.wait(timeout_s)

    def subscribe(self, on_change: OnChange) -> None:
        """Calls `on_change` with the state now, in this thread, and with every later one in the follower's.

        Also every REPEAT_S with the same state: what could not be done the first time, such as loading a model that
        was not there yet, may be possible by then.
        """
        with self._calling:
            on_change(self._state)
            self._on_change = on_change

    @property
    def state(self) -> ControlState:
        return self._state

    @property
    def problem(self) -> BrokerError | None:
        """Why the topic cannot be read right now; None if it can."""
        if self._thread.ident is not None and not self._thread.is_alive():
            return BrokerError(f"{self._topic} is not followed any more, see the log: start this process again")
        return self._problem

    @property
    def age_s(self) -> float:
        """Seconds since the state was known to be complete; infinite before it ever was."""
        return float("inf") if self._complete_at is None else time.monotonic() - self._complete_at

    def outcome(self, offset: int, timeout_s: float) -> Outcome:
        """What became of the record at an offset; waits until the follower has come to it.

        Raises:
            BrokerError: it has not in that time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: offset in self._outcomes, timeout_s):
                raise BrokerError(
                    f"the record at offset {offset} of {self._topic} was stored, but not read back in {timeout_s:g} s: "
                    "see `eddy audit` for whether it was accepted"
                )
            return self._outcomes[offset]

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stop.is_set():
            before = self._state.offset
            reader = self._broker.reader()
            try:
                self._follow(reader)
            except BrokerError as error:
                self._failed(error)
            finally:
                reader.close()
            wait_s = RETRY_FIRST_S if self._state.offset > before else min(2 * wait_s, RETRY_MOST_S)
            self._stop.wait(wait_s)

    def _follow(self, reader: Reader) -> None:
        place = Partition(self._topic, 0)
        start, end = reader.offsets(self._topic)[place]
        if end <= self._state.offset:
            log.error(f"{self._topic} was deleted and made anew: what was in force is not any more", end=end)
            self._reset()
        if end <= self._state.offset + 1:
            self._complete()
        records = reader.follow(
            self._topic, from_start=True, idle_s=IDLE_S, starts={place: max(start, self._state.offset + 1)}
        )
        for record in records:
            if self._stop.is_set():
                return
            if record is not None and record.partition == place.partition:
                self._advance(record)
            if record is None or record.offset + 1 >= end:
                self._complete()
            if record is None and time.monotonic() - self._called_at > REPEAT_S:
                self._call()

    def _reset(self) -> None:
        with self._changed:
            self._state = ControlState()
            self._outcomes.clear()
        self._call()

    def _advance(self, record: Record) -> None:
        missing = self._state.missing
        state, outcome = advance(self._state, record.offset, record.value)
        if outcome is None:
            return
        with self._changed:
            self._state = state
            self._outcomes[record.offset] = outcome
            if len(self._outcomes) > OUTCOMES_KEPT:
                self._outcomes.popitem(last=False)
            self._changed.notify_all()
        if state.missing > missing:
            log.error(
                f"records of {self._topic} are missing, so processes that started earlier may have another threshold "
                "or model in force: see `eddy topics check`, then start all of them again",
                missing=state.missing,
                before=record.offset,
            )
        if outcome in (Outcome.UNREADABLE, Outcome.NOT_UNDERSTOOD):
            log.warning(f"a record of {self._topic} is {outcome}: see `eddy audit`", offset=record.offset)
        self._call()

    def _call(self) -> None:
        self._called_at = time.monotonic()
        with self._calling:  # else a subscriber could get an older state after a newer one
            if self._on_change is not None:
                self._on_change(self._state)

    def _complete(self) -> None:
        self._complete_at = time.monotonic()
        if self._problem is not None:
            log.info(f"following {self._topic}", offset=self._state.offset)
        self._problem = None
        self._ready.set()

    def _consequence(self, error: BrokerError) -> str:
        if self._ready.is_set():
            return f"cannot follow {self._topic}: what was in force stays in force"
        if isinstance(error, TopicMissing):
            return "no changes can be followed: the store's active model runs, under its own threshold"
        return f"waiting for {self._topic}: nothing is done before it was read"

    def _failed(self, error: BrokerError) -> None:
        """Says each kind of problem once, not at every attempt."""
        if type(error) is not type(self._problem):
            log.warning(self._consequence(error), reason=str(error))
        self._problem = error
        if isinstance(error, TopicMissing):
            self._ready.set()

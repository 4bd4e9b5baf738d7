"""The reader: the one process of a host's API that reads Kafka. `eddy serve` starts it and ends it.

It follows the control topic and keeps the state in a file, from which the workers take it (`api.following`). Workers
hold no Kafka client: a hundred of them cost the brokers no more than one.
"""

import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

from eddy import settings
from eddy.api.reader.state_file import source, state_file
from eddy.control.follower import Follower
from eddy.control.saved import Saved, save
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import Broker, BrokerError, Reader, TopicMissing
from eddy.monitoring import logs
from eddy.settings import Settings

SAVE_EVERY_S = 1.0
ANSWER_MS = 2_000  # a broker that takes longer counts as away, until it answers

log = logs.get(__name__)


def read(loaded: Settings, broker: Broker, stop: threading.Event, changed: threading.Event) -> None:
    """Keeps the state file as the control topic says until `stop`; `changed` wakes it early."""
    said: str | None = None
    with (
        closing(Follower(broker, loaded.topic_control)) as follower,
        closing(broker.reader()) as asked,
    ):
        follower.start()
        while not follower.wait_ready(0.1) and not stop.is_set():
            pass
        follower.subscribe(lambda _: changed.set())
        while not stop.is_set():
            changed.wait(SAVE_EVERY_S)
            changed.clear()
            problem = _save(loaded, follower, asked)
            if problem is not None and type(problem).__name__ != said:
                log.error("the workers go on with the last threshold and model that they know", reason=str(problem))
            said = type(problem).__name__ if problem else None


def _save(loaded: Settings, follower: Follower, asked: Reader) -> Exception | None:
    """Saves the state if it is complete now; returns the reason if it was not saved."""
    state, problem = follower.state, follower.problem
    if isinstance(problem, BrokerError) and not isinstance(problem, TopicMissing):
        return problem
    try:
        # A client whose broker is away waits in silence, so the broker is asked.
        if problem is None:
            asked.offsets(loaded.topic_control)
        save(state_file(loaded), Saved(source(loaded), datetime.now(UTC), state))
    except (BrokerError, OSError) as error:
        return error
    return None


def main() -> None:
    """Runs until standard input ends, which it does with the process that started this one."""
    loaded = settings.load()
    logs.configure(loaded.log_format, loaded.log_level)
    stop, changed = threading.Event(), threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()
        changed.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    quick = loaded.model_copy(update={"request_timeout_ms": min(loaded.request_timeout_ms, ANSWER_MS)})
    read(loaded, KafkaBroker(quick), stop, changed)


if __name__ == "__main__":
    main()

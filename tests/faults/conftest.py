"""What tests of faults share: the proxy in front of the session's broker."""

from collections.abc import Iterator

import pytest

from messaging.broker import RunningBroker
from tests.faults.proxy import FaultProxy


@pytest.fixture
def proxy(kafka: RunningBroker, proxy_port: int) -> Iterator[FaultProxy]:
    """A fault proxy in front of the shared broker. A test in which a rule never fired fails."""
    with FaultProxy(proxy_port, kafka.proxied_address) as running:
        yield running
        running.check()

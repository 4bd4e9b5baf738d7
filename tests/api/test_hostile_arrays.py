"""POST /v1/checks under hostile clients, on raw sockets against a real gunicorn."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.api.kit.raw import CARD, post, statuses


def many(body: bytes, *headers: bytes) -> bytes:
    return post(body, *headers).replace(b"/v1/check ", b"/v1/checks ", 1)


HOSTILE_ARRAYS = {
    "half a million numbers": (b"[" + b"1," * 500_000 + b"1]", 422),
    "half a million brackets": (b"[" * 500_000 + b"]" * 500_000, 400),
    "an endless text": (b'["' + b"x" * 1_000_000 + b'"]', 200),
    "an array that never ends": (b"[{},", 400),
    "over a megabyte": (b"[" + b" " * 1_048_576 + b"]", 413),
    "ten megabytes": (b"[" + b" " * 10_000_000 + b"]", 413),
    "a thousand objects of unknown fields": (b"[" + b",".join([b'{"' + CARD + b'": [[]]}'] * 1_000) + b"]", 200),
}


@pytest.mark.parametrize(("body", "status"), HOSTILE_ARRAYS.values(), ids=HOSTILE_ARRAYS)
def test_hostile_arrays_get_an_answer_without_what_was_sent(server, body, status):
    for request in (many(body), many(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b"Transfer-Encoding: chunked")):
        answer = server.raw(request)
        assert statuses(answer)[0] == status
        assert CARD not in answer


def test_memory_stays_flat_under_hostile_arrays(own_server):
    def memory_kb() -> int:
        workers = subprocess.run(["pgrep", "-P", str(own_server.process.pid)], capture_output=True, text=True).stdout
        found = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in workers.split()]
        return max(int(match[1]) for match in found if match)

    requests = [many(body) for body, _ in HOSTILE_ARRAYS.values()]

    def attack() -> None:
        for request in requests * 2:
            own_server.raw(request)

    attack()
    before = memory_kb()
    for _ in range(5):
        attack()
    assert memory_kb() - before < 30_000

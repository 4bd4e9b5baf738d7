"""Requests and answers as bytes, for clients that do not keep to HTTP."""

import json
import re

CARD = b"4111111111111111"
HEAD = b"POST /v1/check HTTP/1.1\r\nHost: eddy\r\nContent-Type: application/json\r\nConnection: close\r\n"


def post(body: bytes, *headers: bytes) -> bytes:
    lines = headers or (b"Content-Length: %d" % len(body),)
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return post(body, b"Transfer-Encoding: chunked")


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def assert_refused(answer: bytes, *allowed: int) -> None:
    """One problem document with one of these statuses and none of what was sent."""
    (status, *_) = statuses(answer)
    assert status in allowed
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == status
    assert CARD not in answer

"""Hostile and unlucky clients against a real gunicorn: no 5xx for anything they send, and nobody else suffers."""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import threading
import time
from http.client import HTTPConnection

import pytest

from tests.api.kit.raw import CARD, HEAD, assert_refused, chunked, post, statuses

MAX_BODY = 4_000


def test_a_check_is_answered(server, transaction):
    answer = server.raw(post(transaction()))
    assert statuses(answer) == [200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["anomalous"] is False


def test_chunked_bodies_are_read(server, transaction):
    body = transaction()
    assert statuses(server.raw(chunked(body[:10], body[10:]))) == [200]


@pytest.mark.parametrize("size", [MAX_BODY - 1, MAX_BODY])
def test_bodies_up_to_the_limit_are_read(server, transaction, size):
    body = transaction() + b" " * (size - len(transaction()))
    assert statuses(server.raw(post(body))) == [200]
    assert statuses(server.raw(chunked(body[:100], body[100:]))) == [200]


@pytest.mark.parametrize("size", [MAX_BODY + 1, 10_000_000])
def test_bodies_beyond_the_limit_are_refused(server, transaction, size):
    body = transaction() + b" " * (size - len(transaction()))
    assert_refused(server.raw(post(body)), 413)
    assert_refused(server.raw(chunked(*(body[i : i + 2_000] for i in range(0, len(body), 2_000)))), 413)


def test_a_client_that_asks_first_may_continue(server, transaction):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head, body = post(transaction(), b"Expect: 100-continue", b"Content-Length: %d" % len(transaction())).split(
            b"\r\n\r\n"
        )
        connection.sendall(head + b"\r\n\r\n")
        assert statuses(connection.recv(65_536)) == [100]
        connection.sendall(body)
        assert statuses(connection.recv(65_536)) == [200]


def test_a_hundred_thousand_brackets_are_too_much(server):
    assert_refused(server.raw(post(b"[" * 100_000)), 413)


def test_a_body_that_is_only_announced_as_too_large_is_refused_at_once(server):
    assert_refused(server.raw(post(b"", b"Content-Length: 100000000000")), 413)


BROKEN_HTTP = {
    "a chunk size that is no number": chunked(b"{", end=b"xyz\r\n\r\n"),
    "a negative chunk size": chunked(b"{", end=b"-5\r\n\r\n"),
    "a chunk longer than its size": post(b"2\r\n" + CARD + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "an endless chunk size": post(b"f" * 20_000, b"Transfer-Encoding: chunked"),
    "length and chunks": post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "two lengths": post(b"{}", b"Content-Length: 2", b"Content-Length: 3"),
    "two equal lengths": post(b"{}", b"Content-Length: 2", b"Content-Length: 2"),
    "a negative length": post(b"{}", b"Content-Length: -2"),
    "a length that is no number": post(b"{}", b"Content-Length: 2x"),
    "an unknown transfer coding": post(b"{}", b"Transfer-Encoding: " + CARD),
    "an unknown expectation": post(b"{}", b"Content-Length: 2", b"Expect: " + CARD),
    "a header of 9 KB": post(b"{}", b"Content-Length: 2", b"X: " + b"y" * 9_000),
    "200 headers": post(b"{}", b"Content-Length: 2", *(b"X-%d: y" % i for i in range(200))),
    "an address of 5 KB": b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: eddy\r\n\r\n",
    "binary garbage": bytes(range(256)) * 4 + b"\r\n\r\n",
    "a transaction without HTTP": b'{"card_id": "' + CARD + b'"}\r\n\r\n',
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version of the future": b"GET / HTTP/9.9\r\nHost: eddy\r\n\r\n",
    "a header without a name": post(b"{}", b"Content-Length: 2", b": " + CARD),
    "a folded header": post(b"{}", b"Content-Length: 2", b"X: y", b"  " + CARD),
    "a NUL in a header": post(b"{}", b"Content-Length: 2", b"X: y\0z"),
}


@pytest.mark.parametrize("request_bytes", BROKEN_HTTP.values(), ids=BROKEN_HTTP)
def test_broken_http_is_a_problem_that_quotes_nothing(server, request_bytes):
    assert_refused(server.raw(request_bytes), 400, 413, 414, 417, 431)


ODD_HTTP = {
    "gzip": (post(b"\x1f\x8b\x08\x00", b"Content-Length: 4", b"Content-Encoding: gzip"), 415),
    "an invalid host": (b"GET /nope HTTP/1.1\r\nHost: [:::\r\nConnection: close\r\n\r\n", 404),
    "no host at all": (b"GET /nope HTTP/1.0\r\n\r\n", 404),
    "an absolute address": (b"GET http://[bad/nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
    "an unknown method": (b"BREW /v1/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
    "not UTF-8 in the address": (b"GET /%ff%fe?%ff=%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    "odd cookies": (b"GET /nope HTTP/1.1\r\nHost: x\r\nCookie: \xff=\xfe;;;==\r\nConnection: close\r\n\r\n", 404),
    "an odd content type": (HEAD.replace(b"application/json", b"\xff;;;charset") + b"Content-Length: 0\r\n\r\n", 415),
}


@pytest.mark.parametrize(("request_bytes", "status"), ODD_HTTP.values(), ids=ODD_HTTP)
def test_odd_but_possible_requests_get_an_answer(server, request_bytes, status):
    assert_refused(server.raw(request_bytes), status)


ODD_JSON = {
    "4,000 open brackets": b"[" * 3_900,
    "deep in an unknown field": b'{"x": ' + b"[" * 1_900 + b"]" * 1_900 + b"}",
    "NaN": b'{"amount": NaN}',
    "1e999": b'{"amount": 1e999}',
    "half a surrogate pair": b'{"card_id": "\\ud800"}',
    "3,900 digits": b'{"amount": ' + b"9" * 3_900 + b"}",
    "duplicate keys": b'{"amount": 1, "amount": 2}',
}


@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON)
def test_odd_json_is_refused(server, body):
    assert_refused(server.raw(post(body)), 400, 422)


def test_a_body_longer_than_announced_is_not_shown_as_a_broken_request(server, transaction):
    """Its rest looks like the next request; telling what is wrong with that would tell what is in it."""
    body = transaction()
    answer = server.raw(post(body, b"Content-Length: 60").replace(b"Connection: close\r\n", b""))
    assert all(400 <= status < 500 for status in statuses(answer))
    assert CARD not in answer


def test_a_client_that_goes_away_in_mid_body_bothers_nobody(server, transaction):
    for part in (0, 1, 50):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(post(transaction())[: len(HEAD) + 30 + part])


def test_a_client_that_resets_the_connection_bothers_nobody(server, transaction):
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.sendall(post(transaction())[:-20])
        connection.close()


def test_a_connection_is_kept_for_many_checks(server, transaction):
    connection = HTTPConnection("127.0.0.1", server.port)
    for status, body in [(200, transaction()), (400, b"{"), (422, b"{}"), (200, transaction())] * 5:
        connection.request("POST", "/v1/check", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            answer.read()
            assert answer.status == status
    connection.close()


def test_slow_clients_are_cut_off_and_do_not_hold_up_others(server, transaction):
    """50 connections at 1 byte per second, half of them in the head and half in the body, again and again."""
    stop, cut_off = threading.Event(), []
    crawlers = [threading.Thread(target=crawl, args=(server.port, i % 2, stop, cut_off)) for i in range(50)]
    for crawler in crawlers:
        crawler.start()
    latencies, ended = [], time.monotonic() + 12
    while time.monotonic() < ended:
        started = time.perf_counter()
        assert statuses(server.raw(post(transaction()))) == [200]
        latencies.append(time.perf_counter() - started)
        time.sleep(0.02)
    stop.set()
    for crawler in crawlers:
        crawler.join()
    assert len(cut_off) >= len(crawlers)
    assert statistics.quantiles(latencies, n=10)[8] < 0.25


def crawl(port: int, in_body: int, stop: threading.Event, cut_off: list[int]) -> None:
    """Sends requests byte by byte, each until the server closes the connection."""
    request = post(b" " * 100)
    while not stop.is_set():
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(0.001)
            sent = request.index(b"\r\n\r\n") + 4 if in_body else 1
            connection.sendall(request[:sent])
            while not _closed(connection, request[sent : sent + 1]) and not stop.wait(1):
                sent += 1
        if not stop.is_set():
            cut_off.append(sent)


def _closed(connection: socket.socket, byte: bytes) -> bool:
    try:
        connection.sendall(byte)
        return connection.recv(65_536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_slow_client_is_answered_with_a_problem(server, transaction):
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
        connection.sendall(post(transaction())[:-5])
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert_refused(answer, 400)


def test_metrics_are_of_all_workers(own_server, transaction):
    for _ in range(60):
        own_server.raw(post(transaction()))
    text = own_server.get("/metrics")
    assert 'eddy_http_requests_total{method="POST",route="/v1/check",status="200"} 60.0' in text
    assert 'eddy_verdicts_total{verdict="normal"} 60.0' in text
    assert "pid=" not in text


def test_a_worker_that_was_killed_is_replaced(own_server, transaction):
    workers = subprocess.run(["pgrep", "-P", str(own_server.process.pid)], capture_output=True, text=True, check=True)
    for pid in workers.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    assert statuses(own_server.raw(post(transaction()))) == [200]
    deadline = time.monotonic() + 10  # the numbers of the dead are gone as soon as both were found dead
    while "eddy_http_requests_in_flight 1.0" not in own_server.get("/metrics"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_sigterm_answers_what_was_asked_and_ends_well(own_server, transaction):
    with socket.create_connection(("127.0.0.1", own_server.port), timeout=10) as connection:
        request = post(transaction())
        connection.sendall(request[:-5])
        time.sleep(0.5)
        own_server.process.terminate()
        time.sleep(0.5)
        connection.sendall(request[-5:])
        assert statuses(connection.recv(65_536)) == [200]
    started = time.monotonic()
    assert own_server.process.wait(20) == 0
    assert time.monotonic() - started < 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own_server.port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_to_all_processes_at_once_end_them_without_a_word_of_complaint(own_server, number):
    """As a terminal sends them."""
    os.killpg(own_server.process.pid, number)
    assert own_server.process.wait(20) == 0
    log = own_server.log.read_text()
    assert "Shutting down" in log
    assert not re.search(r"terminate called|SIG(ABRT|KILL)|Traceback", log)


def test_sigterm_does_not_wait_for_slow_clients(own_server, transaction):
    with socket.create_connection(("127.0.0.1", own_server.port)) as connection:
        connection.sendall(post(transaction())[:-5])
        time.sleep(0.5)
        started = time.monotonic()
        assert own_server.stop() == 0
        assert time.monotonic() - started < 9

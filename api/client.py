"""Asks a running API, as `eddy check` does: transactions as bytes in; verdicts, or the API's problem, out."""

import http.client
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import compress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eddy.api.check import TRANSACTIONS_MOST, CheckedTransaction, Verdict
from eddy.api.problem_types import TOO_LARGE
from eddy.api.problems import ProblemDocument
from eddy.model.errors import EddyError

TIMEOUT_S = 30.0
BYTES_MOST = 1_000_000
"""Of a request: a server reads as much even where it accepts less, so that it can say so."""
_SCHEMES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class ApiUnavailable(EddyError):
    """The API cannot be asked, or what answers is no Eddy; the message says which and what to do."""


class _Batch(msgspec.Struct, frozen=True):
    """What `POST /v1/checks` answers."""

    answers: list[msgspec.Raw]


Answer = CheckedTransaction | ProblemDocument


def check(url: str, transaction: bytes) -> Verdict | ProblemDocument:
    """The verdict on one transaction.

    Raises:
        ApiUnavailable: no Eddy answers at this URL.
    """
    status, body = _post(url, "/v1/check", transaction)
    found: Verdict | ProblemDocument = _read(url, body, Verdict if status == 200 else ProblemDocument)
    return found


def checks(url: str, transactions: Sequence[bytes]) -> Iterator[Answer]:
    """The answers on any number of transactions, in their order, as many at once as the API takes.

    Raises:
        ApiUnavailable: no Eddy answers at this URL, or it can check none of them.
    """
    for some in _requests(transactions):
        sound = [_is_json(transaction) for transaction in some]
        answers = _batch(url, list(compress(some, sound)))
        for transaction, is_sound in zip(some, sound, strict=True):
            yield next(answers) if is_sound else _refusal(check(url, transaction))


def _requests(transactions: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The transactions in portions that a server takes by default."""
    portion: list[bytes] = []
    size = 0
    for transaction in transactions:
        if portion and (len(portion) == TRANSACTIONS_MOST or size + len(transaction) > BYTES_MOST):
            yield portion
            portion, size = [], 0
        portion.append(transaction)
        size += len(transaction) + 1
    if portion:
        yield portion


def _is_json(transaction: bytes) -> bool:
    """What is not would make the whole array unreadable, or look like several transactions in it."""
    try:
        msgspec.json.decode(transaction, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _refusal(found: Verdict | ProblemDocument) -> ProblemDocument:
    if isinstance(found, ProblemDocument):
        return found
    raise ApiUnavailable("the API scored a transaction that is not JSON: use the same version of Eddy on both sides")


def _batch(url: str, transactions: Sequence[bytes]) -> Iterator[Answer]:
    """What is too large for this server is asked in two."""
    if not transactions:
        return
    status, body = _post(url, "/v1/checks", b"[" + b",".join(transactions) + b"]")
    if status == 200:
        yield from map(_answer, _read(url, body, _Batch).answers)
    elif status == TOO_LARGE.status and len(transactions) > 1:
        middle = len(transactions) // 2
        yield from _batch(url, transactions[:middle])
        yield from _batch(url, transactions[middle:])
    else:
        problem = _read(url, body, ProblemDocument)
        if status != TOO_LARGE.status:
            raise ApiUnavailable(f"the API at {url} checked no more transactions: {problem.title}. {problem.detail}")
        yield problem


def _answer(raw: msgspec.Raw) -> Answer:
    try:
        return msgspec.json.decode(raw, type=CheckedTransaction)
    except msgspec.ValidationError:
        return msgspec.json.decode(raw, type=ProblemDocument)


def _post(url: str, path: str, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ApiUnavailable(f"{url!r} is no address of an API: write it as http://127.0.0.1:8080")
    try:
        with closing(_SCHEMES[parts.scheme](parts.hostname, parts.port, timeout=TIMEOUT_S)) as connection:
            connection.request("POST", parts.path.rstrip("/") + path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
    except (BrokenPipeError, ConnectionResetError):
        raise ApiUnavailable(
            f"the API at {url} closed the connection before it had {len(body):,} bytes: send smaller transactions"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ApiUnavailable(
            f"no API answers at {url} ({error}): start it with `eddy serve`, or name another with --api"
        ) from None


def _read(url: str, body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise ApiUnavailable(f"what answers at {url} is no API of Eddy: name another with --api") from None

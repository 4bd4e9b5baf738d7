"""`eddy check`: asks a running API about transactions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import err, fail, say

if TYPE_CHECKING:
    from eddy.api.check import CheckedTransaction, Verdict
    from eddy.api.problems import ProblemDocument


def check(
    transaction: Annotated[str | None, typer.Argument(help="A transaction: one JSON object.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A file of transactions instead: one, an array, or one a line; - reads standard input."),
    ] = None,
    api: Annotated[
        str | None, typer.Option(help="Address of the API (default: from EDDY_API_HOST and EDDY_API_PORT).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON, one a line.")] = False,
) -> None:
    """Ask a running API for its verdict on transactions. Ends with 1 if one of them was refused.

    Examples:

        eddy check '{"transaction_id": "t-1", "amount": 1200.5, "country": "BR"}'

        eddy check --file transactions.jsonl --api http://10.0.0.7:8080
    """
    from eddy import settings

    if (transaction is None) == (file is None):
        fail("give one transaction, or --file with many: eddy check '{...}', or eddy check --file transactions.jsonl")
    url = api or settings.load().api_url
    if file is None:
        refused = _check_one(url, str(transaction).encode(errors="surrogateescape"), as_json)
    else:
        refused = _check_many(url, _transactions(_content(file)), as_json)
    raise typer.Exit(int(refused))


def _check_one(url: str, transaction: bytes, as_json: bool) -> bool:
    from eddy.api import client
    from eddy.api.problems import ProblemDocument

    found = client.check(url, transaction)
    if as_json:
        _print_answer(found)
    elif isinstance(found, ProblemDocument):
        _say_problem("refused", found)
    else:
        _say_verdict(found)
    return isinstance(found, ProblemDocument)


def _say_verdict(verdict: Verdict) -> None:
    from eddy.model.serving.text import one_in, why

    word = "anomalous" if verdict.anomalous else "normal"
    figures = f"score {verdict.score:.4g}, threshold {verdict.threshold:.4g}, model {verdict.model}"
    say(f"{word}: {one_in(verdict.rarity)} ({figures})", style="bold red" if verdict.anomalous else "")
    for part in verdict.contributions:
        say(f"  {why(part)}")


def _say_problem(what: str, problem: ProblemDocument) -> None:
    say(f"{what}: {problem.title}. {problem.detail}", err, "red")
    for error in problem.errors:
        say(f"  {error.pointer}: {error.detail}", err)


def _check_many(url: str, transactions: Sequence[bytes], as_json: bool) -> bool:
    """Prints what is anomalous or refused, with its number in the file, and what became of all."""
    from eddy.api import client
    from eddy.api.problems import ProblemDocument

    anomalous = refused = 0
    for number, found in enumerate(client.checks(url, transactions), 1):
        refused += isinstance(found, ProblemDocument)
        anomalous += not isinstance(found, ProblemDocument) and found.anomalous
        _print_answer(found) if as_json else _say_answer(number, found)
    normal = len(transactions) - anomalous - refused
    say(f"{len(transactions):,} transactions: {normal:,} normal, {anomalous:,} anomalous, {refused:,} refused", err)
    return refused > 0


def _say_answer(number: int, found: CheckedTransaction | ProblemDocument) -> None:
    from eddy.api.problems import ProblemDocument
    from eddy.model.serving.text import contributions_text, one_in

    if isinstance(found, ProblemDocument):
        _say_problem(f"transaction {number:,} refused", found)
    elif found.anomalous:
        name = f" ({found.transaction_id})" if found.transaction_id else ""
        say(f"transaction {number:,}{name}: {one_in(found.rarity)}: {contributions_text(found.contributions)}")


def _print_answer(found: Verdict | CheckedTransaction | ProblemDocument) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(found))


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read ({error.strerror}): name a file of transactions in JSON")


def _transactions(content: bytes) -> list[bytes]:
    """The transactions of a file; what is no JSON goes to the API as it is, which says what is wrong with it."""
    import msgspec

    try:
        if content.lstrip().startswith(b"["):
            return list(map(bytes, msgspec.json.decode(content, type=list[msgspec.Raw])))
        return [bytes(msgspec.json.decode(content, type=msgspec.Raw))]
    except (msgspec.DecodeError, RecursionError):
        return list(_lines(content))


def _lines(content: bytes) -> Iterator[bytes]:
    return (line for line in content.split(b"\n") if line.strip())

"""Output of the commands: results to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from unicodedata import category

from rich.console import Console

out = Console(markup=False, emoji=False)
err = Console(stderr=True, markup=False, emoji=False)

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number, as shells have it."""


def say(sentence: str, console: Console = out, style: str = "") -> None:
    """Prints one line: paths in it can be copied, and nothing in it is taken for markup or obeyed by the terminal."""
    lines = "\n".join(map(plain, sentence.split("\n")))
    console.print(lines, style=style, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """The text, with control characters written out: whoever sends a transaction does not command the terminal."""
    if text.isprintable():
        return text
    return "".join(each if category(each)[0] != "C" else ascii(each)[1:-1] for each in text)


def print_json(value: object) -> None:
    """Dataclasses, paths and NumPy's numbers included; a number that is none becomes null."""
    import msgspec

    out.print_json(msgspec.json.encode(value, enc_hook=_plain).decode())


def _plain(value: Any) -> object:
    return value.item() if hasattr(value, "item") else os.fspath(value)


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Ends the command with an error if a file, such as this one of --out, cannot be written."""
    try:
        yield
    except OSError as error:
        at = error.filename or path
        fail(f"{at} cannot be written ({error.strerror}): free disk space, or choose another path with --out")


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with an error that says what was received and what to do."""
    say(f"error: {message}", err, "red")
    sys.exit(code)

"""Output of the commands: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console

out = Console()
err = Console(stderr=True)

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number, as shells have it."""


def say(sentence: str, console: Console = out, style: str = "") -> None:
    """Prints one line unchanged: paths in it can be copied, and nothing in it is taken for markup."""
    console.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Text from elsewhere, which must not move the cursor or colour the terminal; what cannot be seen becomes `?`."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def print_json(value: object) -> None:
    out.print_json(json.dumps(value))


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

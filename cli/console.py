"""How commands speak: results to standard output, everything else to standard error."""

import sys
from typing import NoReturn

from rich.console import Console

out = Console()
err = Console(stderr=True)

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number, as shells have it."""


def say(sentence: str, console: Console = out, style: str = "") -> None:
    """One line as it is: what it names, such as a path, can be copied, and nothing in it is taken for markup."""
    console.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with an error that says what was received and what to do."""
    say(f"error: {message}", err, "red")
    sys.exit(code)

"""How commands speak: results to standard output, everything else to standard error."""

import sys
from typing import NoReturn

from rich.console import Console

out = Console()
err = Console(stderr=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with an error that says what was received and what to do."""
    err.print("error:", message, style="red", markup=False, highlight=False)
    sys.exit(code)

"""How long work says how far it is."""

from collections.abc import Callable

ProgressCallback = Callable[[str, float], None]
"""Called with what is being done and the share of all work that is done."""

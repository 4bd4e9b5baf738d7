"""What a route is, for those who describe it: the index, the OpenAPI document, the page for people."""

from dataclasses import dataclass
from typing import Any, Literal

from eddy.api.problem_types import ProblemType

Body = Literal["Transaction", "Transactions"]


@dataclass(frozen=True)
class Operation:
    """One method of one route.

    Args:
        method, path: as Flask knows them.
        name: of the operation, for generated clients.
        summary: one line.
        description: all that a client needs to know beyond it.
        answer: the msgspec type of a 200 in JSON; None where it is of another media type.
        media_type: of a 200.
        body: what is sent.
        problems: the kinds that this route in particular may answer with.
        etag: whether `If-None-Match` is heeded.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    description: str = ""
    answer: Any = None
    media_type: str = "application/json"
    body: Body | None = None
    problems: tuple[ProblemType, ...] = ()
    etag: bool = False

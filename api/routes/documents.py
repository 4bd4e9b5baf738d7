"""What the API says about itself, to programs and to people."""

from collections.abc import Sequence
from typing import Any

import msgspec
from flask import Flask, Response

from eddy.api import problem_types
from eddy.api.check import Checker
from eddy.api.context import Context
from eddy.api.detectors import NotReady
from eddy.api.openapi.document import openapi
from eddy.api.openapi.operation import Operation
from eddy.api.openapi.page import api_page, problems_page
from eddy.api.responses import json, json_with_etag


class Index(msgspec.Struct, frozen=True):
    """The routes, each with what it is for."""

    name: str
    routes: dict[str, str]


OPERATIONS = (
    Operation(
        "GET",
        "/openapi.json",
        "openapi",
        "This API as an OpenAPI 3.1 document, with the active model's schema.",
        answer=dict[str, Any],
        etag=True,
    ),
    Operation("GET", "/docs", "docs", "The same as a page for people, which opens offline.", media_type="text/html"),
    Operation("GET", problem_types.PAGE_PATH, "problems", "What each type of problem means.", media_type="text/html"),
    Operation("GET", "/", "index", "This list of routes.", answer=Index),
)


def register(app: Flask, context: Context, operations: Sequence[Operation]) -> None:
    routes = {f"{operation.method} {operation.path}": operation.summary for operation in operations}

    @app.get("/openapi.json")
    def document() -> Response:
        return json_with_etag(openapi(operations, _checker(context), context.settings))

    @app.get("/docs")
    def docs() -> Response:
        return _html(api_page(openapi(operations, _checker(context), context.settings), context.settings.api_url))

    @app.get(problem_types.PAGE_PATH)
    def page_of_problems() -> Response:
        return _html(problems_page())

    @app.get("/")
    def index() -> Response:
        return json(Index("Eddy", routes))


def _checker(context: Context) -> Checker | None:
    try:
        return context.checkers.current()
    except NotReady:
        return None


def _html(page: str) -> Response:
    return Response(page, content_type="text/html; charset=utf-8")

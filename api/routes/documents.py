"""What the API says about itself."""

from collections.abc import Sequence

from flask import Flask, Response

from eddy.api import problem_types
from eddy.api.openapi.operation import Operation
from eddy.api.responses import json

OPERATIONS = (
    Operation(
        "GET", problem_types.PAGE_PATH, "problems", "What each type of problem means.", media_type="text/markdown"
    ),
    Operation("GET", "/", "index", "This list of routes.", answer=dict[str, object]),
)


def register(app: Flask, operations: Sequence[Operation]) -> None:
    routes = {f"{operation.method} {operation.path}": operation.summary for operation in operations}

    @app.get("/")
    def index() -> Response:
        return json({"name": "Eddy", "routes": routes})

    @app.get(problem_types.PAGE_PATH)
    def page_of_problems() -> Response:
        return Response(problem_types.markdown(), content_type="text/markdown; charset=utf-8")

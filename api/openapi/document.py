"""The OpenAPI 3.1 document, made of the operations, of the types that decode and answer, and of the active model."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from eddy.api.check import TRANSACTIONS_MOST, CheckedTransaction, Checker, Verdict
from eddy.api.example import example
from eddy.api.openapi.descriptions import described
from eddy.api.openapi.operation import Operation
from eddy.api.openapi.transaction import of_any_object, transaction_schema
from eddy.api.problem_types import METHOD_NOT_ALLOWED, ProblemType
from eddy.api.problems import CONTENT_TYPE, ProblemDocument
from eddy.settings import Settings

_REF = "#/components/schemas/{name}"
_NO_MODEL = "Its fields are those of the active model; none is loaded, so they are not known here yet."


def openapi(operations: Sequence[Operation], checker: Checker | None, settings: Settings) -> dict[str, Any]:
    """The document.

    Args:
        operations: of the API.
        checker: of the active model; None where there is none.
        settings: `unknown_fields` matters here.
    """
    answers = [operation.answer for operation in operations if operation.answer is not None]
    schemas, components = _schemas([*answers, CheckedTransaction, ProblemDocument], checker, settings)
    of_answer = dict(zip((operation.name for operation in operations if operation.answer), schemas, strict=False))
    examples = _examples(checker)
    paths: dict[str, Any] = {}
    for operation in operations:
        entry = _operation(operation, of_answer.get(operation.name), examples)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Eddy",
            "version": version("eddy-stream"),
            "description": "Detects anomalous transactions and says why.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [],
        "paths": paths,
        "components": {"schemas": components},
    }


def _schemas(
    types: Sequence[Any], checker: Checker | None, settings: Settings
) -> tuple[Sequence[Mapping[str, Any]], dict[str, Any]]:
    """The schemas of the types, and the components that they refer to; the transaction's among these."""
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    found = {name: described(schema) if "description" in schema else schema for name, schema in components.items()}
    return schemas, found | {"Transaction": _transaction(checker, settings)}


def _transaction(checker: Checker | None, settings: Settings) -> dict[str, Any]:
    if checker is None:
        return of_any_object(_NO_MODEL)
    detector = checker.detector
    return transaction_schema(detector.schema, settings.unknown_fields) | {
        "description": f"A transaction of model {detector.version}, as on the topic. Other fields are "
        f"{'refused' if settings.unknown_fields == 'refuse' else 'ignored'}."
    }


def _examples(checker: Checker | None) -> dict[str, Any]:
    """A transaction that could be sent, and what the active model answers."""
    if checker is None:
        return {}
    sent = example(checker.detector.schema, checker.detector.scorer.usual_levels)
    found: dict[str, Any] = {"Transaction": sent, "Transactions": [sent]}
    verdict = checker.check(msgspec.json.encode(sent))
    return found | ({"checkTransaction": msgspec.to_builtins(verdict)} if isinstance(verdict, Verdict) else {})


def _operation(operation: Operation, answer: Mapping[str, Any] | None, examples: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    if operation.description:
        entry["description"] = operation.description
    if operation.etag:
        entry["parameters"] = [_if_none_match()]
    if operation.body:
        content = _content("application/json", _body(operation.body), examples.get(operation.body))
        entry["requestBody"] = {"required": True, "content": content}
    return entry | {"responses": _responses(operation, answer, examples.get(operation.name))}


def _body(name: str) -> dict[str, Any]:
    reference = {"$ref": _REF.format(name="Transaction")}
    if name == "Transaction":
        return reference
    other: dict[str, Any] = {"description": "Anything else is answered with a problem in its place."}
    return {"type": "array", "maxItems": TRANSACTIONS_MOST, "items": {"anyOf": [reference, other]}}


def _responses(operation: Operation, answer: Mapping[str, Any] | None, example_answer: Any) -> dict[str, Any]:
    schema = answer or {"type": "string"}
    found: dict[str, Any] = {
        "200": {"description": operation.summary, "content": _content(operation.media_type, schema, example_answer)}
    }
    if operation.etag:
        found["200"]["headers"] = {"ETag": {"description": "Changes with the content.", "schema": {"type": "string"}}}
        found["304"] = {"description": "Not modified: the content has the entity tag that was sent."}
    by_status = sorted((*operation.problems, METHOD_NOT_ALLOWED), key=attrgetter("status"))
    for status, kinds in groupby(by_status, key=attrgetter("status")):
        found[str(status)] = _problem(tuple(kinds))
    return found | {"default": _problem(())}


def _problem(kinds: Sequence[ProblemType]) -> dict[str, Any]:
    words = " Or: ".join(f"`{known.kind}`: {known.when}" for known in kinds) or "Any other failure."
    response = {
        "description": words,
        "content": _content(CONTENT_TYPE, {"$ref": _REF.format(name="ProblemDocument")}, None),
    }
    if METHOD_NOT_ALLOWED in kinds:
        response["headers"] = {"Allow": {"description": "The methods of the route.", "schema": {"type": "string"}}}
    elif any(known.status == 503 for known in kinds):
        seconds = {"description": "Seconds until it is worth trying again.", "schema": {"type": "string"}}
        response["headers"] = {"Retry-After": seconds}
    return response


def _content(media_type: str, schema: Mapping[str, Any], example_value: Any) -> dict[str, Any]:
    return {media_type: {"schema": schema} | ({} if example_value is None else {"example": example_value})}


def _if_none_match() -> dict[str, Any]:
    return {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of an earlier response: 304 where nothing has changed.",
        "schema": {"type": "string"},
    }

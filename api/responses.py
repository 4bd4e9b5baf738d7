"""Answers of the routes."""

import hashlib

import msgspec
from flask import Response, request

_encode = msgspec.json.Encoder().encode


def json(value: object) -> Response:
    return Response(_encode(value), content_type="application/json")


def json_with_etag(value: object) -> Response:
    """The value with an entity tag; 304 without a body where the client has it already (`If-None-Match`)."""
    response = json(value)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:16])
    response.make_conditional(request)
    return response

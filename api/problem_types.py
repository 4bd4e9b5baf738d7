"""Every kind of problem that the API answers with: its page, `docs/problems.md`, is made of this table (`make docs`).

The kind never changes once it is out: clients compare the `type` that ends in it.
"""

from typing import NamedTuple

PAGE_PATH = "/problems"
"""Where the API itself serves that page; a `type` is a link to a kind's place on it."""


class ProblemType(NamedTuple):
    """One kind: the status that it comes with, what it means, and what a client does about it."""

    kind: str
    status: int
    title: str
    when: str
    remedy: str

    @property
    def uri(self) -> str:
        """The problem's `type`: a reference that leads to the page of whichever server answered."""
        return f"{PAGE_PATH}#{self.kind}"


NOT_JSON = ProblemType(
    "not-json",
    400,
    "Not a JSON document",
    "The body is not one JSON document. `category` says how, in the words of dead letters.",
    "Send one JSON value in UTF-8 without a byte order mark. NaN and Infinity are no JSON numbers: send null.",
)
MALFORMED = ProblemType(
    "malformed-request",
    400,
    "Malformed request",
    "The request is not valid HTTP/1.1, or its body ended, or took too long to arrive, before it was as long as "
    "announced.",
    "Check `Content-Length`, and the proxy between client and server. A request has to arrive within 10 seconds.",
)
NOT_FOUND = ProblemType(
    "not-found",
    404,
    "Not found",
    "There is nothing at this address.",
    "`GET /` lists the routes. An address has no slash at its end.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    "Method not allowed",
    "The route exists, but not with this method.",
    "The header `Allow` lists the methods that it has.",
)
LENGTH_REQUIRED = ProblemType(
    "length-required",
    411,
    "Length required",
    "The request has neither `Content-Length` nor `Transfer-Encoding: chunked`, so it has no body.",
    "Send the transaction as the body; HTTP libraries then set the header by themselves.",
)
TOO_LARGE = ProblemType(
    "too-large",
    413,
    "Request body too large",
    "The body is longer than the route accepts: `EDDY_API_MAX_BODY_BYTES` for one transaction, "
    "`EDDY_API_MAX_BATCH_BYTES` for many. `detail` names the limit.",
    "Send fewer transactions at a time, leave out fields that the schema does not name, or raise the setting.",
)
ADDRESS_TOO_LONG = ProblemType(
    "address-too-long",
    414,
    "Address too long",
    "The request line is longer than 4,094 bytes.",
    "Send transactions in the body, not in the address.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "The body is not announced as JSON in UTF-8, or it is compressed.",
    "Send `Content-Type: application/json`, and no `Content-Encoding`.",
)
EXPECTATION_FAILED = ProblemType(
    "expectation-failed",
    417,
    "Expectation failed",
    "The header `Expect` asks for something else than `100-continue`.",
    "Leave the header out.",
)
REFUSED = ProblemType(
    "refused",
    422,
    "Not a transaction of the schema",
    "The body is JSON, but no transaction that the active model can score. `category` is the word that a dead letter "
    "of the same message would carry; `errors` lists the fields that are wrong, at most 20 of them.",
    "Compare the transaction with the schema in `/openapi.json`, or in words at `/docs`. An array of transactions goes "
    "to `POST /v1/checks`.",
)
NOT_AN_ARRAY = ProblemType(
    "not-an-array",
    422,
    "Not an array of transactions",
    "The body of `POST /v1/checks` is JSON, but not an array.",
    "Send `[{...}, {...}]`; a single transaction goes to `POST /v1/check`.",
)
TOO_MANY = ProblemType(
    "too-many-transactions",
    422,
    "Too many transactions",
    "The array has more than 1,000 transactions. None of them was checked.",
    "Send them in several requests.",
)
HEADER_TOO_LARGE = ProblemType(
    "header-too-large",
    431,
    "Request header too large",
    "A header field is longer than 8,190 bytes, or there are more than 100 of them.",
    "Send fewer or shorter header fields; cookies are not needed.",
)
INTERNAL = ProblemType(
    "internal",
    500,
    "Internal error",
    "A mistake in Eddy. Nothing that a client sends should cause it.",
    "The server's log says where it happened. Please report it.",
)
NOT_READY = ProblemType(
    "not-ready",
    503,
    "Not ready",
    "No transaction can be scored yet. `missing` names what is missing, `detail` says why.",
    "Try again after the seconds in `Retry-After`. `GET /health/ready` gives the same answer.",
)

ALL = (
    NOT_JSON,
    MALFORMED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    LENGTH_REQUIRED,
    TOO_LARGE,
    ADDRESS_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    EXPECTATION_FAILED,
    REFUSED,
    NOT_AN_ARRAY,
    TOO_MANY,
    HEADER_TOO_LARGE,
    INTERNAL,
    NOT_READY,
)
_OF_STATUS = {
    known.status: known
    for known in ALL
    if known not in (NOT_JSON, NOT_AN_ARRAY, TOO_MANY, REFUSED)  # those are found by reading the body
}


def of_status(status: int) -> ProblemType:
    """The kind for a status that the web framework raised."""
    return _OF_STATUS.get(status, MALFORMED if status < 500 else INTERNAL)


_HEAD = """# Problems

Every error response of the [HTTP API](http-api.md) is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem
document, `application/problem+json`. Its `type` is a reference such as `/problems#refused`: it leads to the kind's
place on this page, which every server also serves itself at `/problems`. Compare types as they are; they stay the same.

`make docs` generates this page from `api/problem_types.py`.
"""


def markdown() -> str:
    """docs/problems.md."""
    sections = (
        f"\n## {known.kind}\n\n**{known.status} {known.title}.** {known.when}\n\n{known.remedy}\n" for known in ALL
    )
    return _HEAD + "".join(sections)

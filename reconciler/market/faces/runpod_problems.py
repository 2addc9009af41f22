"""RunPod's error answers: problem documents of REST v2, and errors inside a 200 of GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.exchange import FaceAnswer, as_json, as_text

if TYPE_CHECKING:
    from reconciler.market.faults import ErrorWord

NO_CAPACITY = (
    "There are no longer any instances available with the requested specifications. "
    "Please refresh and try again."
)
_HTML = "<html><head><title>Just a moment...</title></head><body>Checking</body></html>"


class Rejected(Exception):
    """A request that is not carried out: which status, and what people read."""

    def __init__(self, status: int, detail: str, errors: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)


def invalid(*errors: str) -> Rejected:
    """The body or a parameter is not as the document says."""
    return Rejected(422, "Request validation failed.", errors)


def problem(status: int, detail: str, **more: Any) -> FaceAnswer:
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    if status == 422:
        body["title"] = "Unprocessable Entity"
    answer = as_json(status, body)
    return FaceAnswer(status, answer.body, {"Content-Type": "application/problem+json"})


def of_rejected(error: Rejected) -> FaceAnswer:
    more = {"errors": error.errors} if error.errors else {}
    return problem(error.status, error.detail, **more)


def graphql_error(message: str, code: str, field: str | None = None) -> FaceAnswer:
    """200, whatever went wrong."""
    entry: dict[str, Any] = {"message": message, "extensions": {"code": code}}
    if field is None:
        return as_json(200, {"errors": [entry]})
    return as_json(200, {"errors": [{**entry, "path": [field]}], "data": {field: None}})


def unreadable(turn: int, done: FaceAnswer | None) -> FaceAnswer:
    """A page of HTML with 200, or an answer cut in the middle, in turn."""
    if turn % 2 or done is None or not done.body:
        return as_text(200, _HTML, "text/html")
    return FaceAnswer(done.status, done.body[: len(done.body) * 2 // 3], done.headers)


def scripted(word: ErrorWord, pod_id: str | None) -> FaceAnswer:
    """The answer for an error of the market's fault script, with the id of what was made."""
    more = {} if pod_id is None else {"id": pod_id}
    match word:
        case "auth-refused":
            return problem(401, "invalid bearer token", **more)
        case "not-found":
            return problem(404, "pod not found", **more)
        case "offer-gone" | "no-capacity":
            return problem(400, NO_CAPACITY, **more)
        case "refused":
            return problem(422, "Request validation failed.", errors=["$.name: refused"], **more)
    return problem(500, "internal server error", **more)


def scripted_graphql(word: ErrorWord, field: str) -> FaceAnswer:
    """As ``scripted``, for the field of a GraphQL operation."""
    match word:
        case "auth-refused":
            return as_json(401, {"errors": [{"message": "Unauthorized"}]})
        case "not-found":
            return graphql_error("pod not found", "NOT_FOUND", field)
        case "offer-gone" | "no-capacity":
            return graphql_error(NO_CAPACITY, "SUPPLY_CONSTRAINT", field)
        case "refused":
            return graphql_error("bad input", "BAD_USER_INPUT", field)
    return as_json(500, {"errors": [{"message": "Internal server error"}]})

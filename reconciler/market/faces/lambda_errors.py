"""Lambda's error answers: a code that is stable, a message and a suggestion that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.market.faces.exchange import FaceAnswer, as_json, as_text
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import ErrorWord

CAPACITY = "instance-operations/launch/insufficient-capacity"
INVALID = "global/invalid-parameters"
ABSENT = "global/object-does-not-exist"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says."""

    status: int
    code: str
    message: str
    suggestion: str = "Check your request and try again."

    def answer(self, made: tuple[str, ...] = ()) -> FaceAnswer:
        """``made``: as a fault wants it, the ids of what was made all the same."""
        said: dict[str, Any] = {"code": self.code, "message": self.message}
        body: dict[str, Any] = {"error": {**said, "suggestion": self.suggestion}}
        if made:
            body["data"] = {"instance_ids": list(made)}
        return as_json(self.status, body)


class Refused(Exception):
    """Ends a call with this refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


UNAUTHORIZED = Refusal(
    401,
    "global/invalid-api-key",
    "API key was invalid, expired, or deleted.",
    "Check your API key or create a new one, then try again.",
)
NO_SUCH_CALL = Refusal(404, "global/not-found", "The requested resource was not found.")
NO_SUCH_INSTANCE = Refusal(404, ABSENT, "Specified instance does not exist.")
NO_SUCH_KEY = Refusal(404, ABSENT, "SSH key was not found.")
NO_SUCH_FILESYSTEM = Refusal(404, ABSENT, "Filesystem was not found.")
NO_CAPACITY = Refusal(400, CAPACITY, "Not enough capacity to fulfill launch request.")
INTERNAL = Refusal(
    500,
    "global/internal-error",
    "An internal server error occurred.",
    "Try again later. Contact Support if the problem persists.",
)
_SCRIPTED = {
    "auth-refused": UNAUTHORIZED,
    "not-found": NO_SUCH_INSTANCE,
    "offer-gone": NO_CAPACITY,
    "no-capacity": NO_CAPACITY,
    "refused": Refusal(400, INVALID, "Invalid request data."),
}


def invalid(message: str) -> Refused:
    return Refused(Refusal(400, INVALID, message))


def scripted(word: ErrorWord, made: tuple[str, ...]) -> FaceAnswer:
    """The answer for an error of the market's fault script, with the ids of what was made."""
    return _SCRIPTED.get(word, INTERNAL).answer(made)


def too_often(turn: int, asked_seconds: int | None) -> FaceAnswer:
    """Their documents say nothing about it: text of whatever stands in front, or an envelope."""
    if turn % 2:
        answer = as_text(429, "Too Many Requests")
    else:
        code = "global/too-many-requests"
        answer = Refusal(429, code, "Too many requests.").answer()
    if asked_seconds is None:
        return answer
    return FaceAnswer(429, answer.body, {**answer.headers, "Retry-After": str(asked_seconds)})

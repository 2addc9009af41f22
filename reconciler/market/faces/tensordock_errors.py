"""TensorDock's error answers: texts without codes, some of them in a 200; and its one limit."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.exchange import FaceAnswer, as_json
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import ErrorWord

CALLS = 100
WINDOW = timedelta(minutes=1)
NO_NODES = "No available nodes found"
NO_ADDRESS = "No available public IPs on hostnode"


@dataclass(frozen=True, slots=True)
class Refusal:
    """``inside``: the answer is a 200, and only its body says that it is none."""

    status: int
    text: str
    inside: bool = False

    def answer(self, made: str | None = None) -> FaceAnswer:
        """``made``: as a fault wants it, the id of what was made all the same."""
        body: dict[str, Any] = {"error": self.text}
        if made is not None:
            body["data"] = {"id": made}
        if self.inside:
            return as_json(200, {"status": self.status, **body})
        return as_json(self.status, body)


class Refused(Exception):
    """Ends a call with this answer."""

    def __init__(self, answer: FaceAnswer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


UNAUTHORIZED = Refusal(401, "Invalid API credentials")
NO_SUCH_INSTANCE = Refusal(404, "Instance not found")
NO_SUCH_CALL = Refusal(404, "Not found")
INTERNAL = Refusal(500, "Internal server error")
TOO_OFTEN = Refusal(429, "Rate limit exceeded. Please try again later.")
NO_CAPACITY = Refusal(400, NO_NODES, inside=True)
_SCRIPTED = {
    "auth-refused": UNAUTHORIZED,
    "not-found": NO_SUCH_INSTANCE,
    "offer-gone": NO_CAPACITY,
    "no-capacity": NO_CAPACITY,
    "rate-limited": TOO_OFTEN,
    "refused": Refusal(400, "SSH port (22) must be forwarded for Ubuntu VMs", inside=True),
}


def inside(text: str) -> Refused:
    """200, with an error in the body."""
    return Refused(Refusal(400, text, inside=True).answer())


def invalid(message: str, *path: str) -> Refused:
    """What their validation says: a list."""
    problem = {"code": "invalid_type", "message": message, "path": ["data", "attributes", *path]}
    return Refused(as_json(400, [problem]))


def scripted(word: ErrorWord, made: str | None) -> FaceAnswer:
    """The answer for an error of the market's fault script, with the id of what was made."""
    return _SCRIPTED.get(word, INTERNAL).answer(made)


def with_delay(answer: FaceAnswer, delay: timedelta | None) -> FaceAnswer:
    if delay is None:
        return answer
    named = {**answer.headers, "Retry-After": str(int(delay.total_seconds()))}
    return FaceAnswer(answer.status, answer.body, named)


class Limits:
    """A hundred calls in any minute, of one token."""

    def __init__(self) -> None:
        self._calls: deque[datetime] = deque()

    def allow(self, now: datetime) -> bool:
        while self._calls and self._calls[0] <= now - WINDOW:
            self._calls.popleft()
        if len(self._calls) >= CALLS:
            return False
        self._calls.append(now)
        return True

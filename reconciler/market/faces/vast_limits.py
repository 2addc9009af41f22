"""How often Vast.ai may be called: the least time between two calls of one endpoint by one key.

The published thresholds are seconds between calls, not calls in a second. A create that comes too
early is punished: the next one has to wait longer.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from reconciler.market.faces.exchange import FaceAnswer, as_json, as_text

SECONDS = {
    "PUT asks": 4.5,
    "GET instances": 1.0,
    "GET instance": 2.0,
    "DELETE instance": 3.0,
    "PUT instance": 1.0,
    "GET volumes": 5.5,
}
CREATE_PENALTY = timedelta(seconds=12)
SEARCHES = 10
SEARCH_WINDOW = timedelta(minutes=1)


class Limits:
    """Of one key. A call that is refused does not count, but for the penalty."""

    def __init__(self) -> None:
        self._allowed_from: dict[str, datetime] = {}
        self._searches: deque[datetime] = deque()
        self._refused = 0

    def refusal(self, endpoint: str, now: datetime) -> FaceAnswer | None:
        """None when the call may go on; else the 429, in one of the five shapes in turn."""
        if endpoint == "POST bundles":
            return self._search(now)
        if endpoint not in SECONDS:
            return None
        wait = timedelta(seconds=SECONDS[endpoint])
        if now < self._allowed_from.get(endpoint, now):
            if endpoint == "PUT asks":
                self._allowed_from[endpoint] = now + CREATE_PENALTY
            return self.too_often(SECONDS[endpoint])
        self._allowed_from[endpoint] = now + wait
        return None

    def _search(self, now: datetime) -> FaceAnswer | None:
        while self._searches and self._searches[0] <= now - SEARCH_WINDOW:
            self._searches.popleft()
        if len(self._searches) >= SEARCHES:
            return self.too_often(6.0)
        self._searches.append(now)
        return None

    def too_often(self, seconds: float, retry_after: timedelta | None = None) -> FaceAnswer:
        """A 429; only where a fault names a delay does it carry ``Retry-After``."""
        said = f"API requests too frequent endpoint threshold={seconds:.1f}"
        long = (
            "The action could not be performed because there were too many requests by the "
            f"client.\n\nAPI requests too frequent: endpoint threshold={seconds:.1f}*1.0\n\n"
        )
        shapes = (
            as_text(429, f"API requests too frequent: endpoint threshold={seconds:.1f}"),
            as_json(429, {"detail": said}),
            as_json(429, {"success": False, "error": "rate_limit_exceeded", "msg": said}),
            as_json(429, {"message": long, "code": "429 Too Many Requests"}),
            as_text(429, "API requests too frequent"),
        )
        answer = shapes[self._refused % len(shapes)]
        self._refused += 1
        if retry_after is None:
            return answer
        named = {**answer.headers, "Retry-After": str(int(retry_after.total_seconds()))}
        return FaceAnswer(answer.status, answer.body, named)

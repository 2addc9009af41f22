"""How often RunPod's REST v2 may be called: so often in a minute, an hour and a day by one key.

The figures are the examples of the published document. Every answer to a known key counts down.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from reconciler.market.faces.exchange import FaceAnswer
from reconciler.market.faces.runpod_problems import problem

WINDOWS = {"minute": (60, 60), "hour": (3_000, 3_600), "day": (50_000, 86_400)}
"""Calls and seconds."""
_POLICY = ", ".join(f'"{name}";q={calls};w={span}' for name, (calls, span) in WINDOWS.items())


class Limits:
    """Of one key. A call that is refused does not count."""

    def __init__(self) -> None:
        self._calls: deque[datetime] = deque()

    def refusal(self, now: datetime) -> FaceAnswer | None:
        """None when the call may go on, which counts it."""
        while self._calls and self._calls[0] <= now - timedelta(days=1):
            self._calls.popleft()
        for name, (calls, span) in WINDOWS.items():
            recent = self._within(now, span)
            if len(recent) >= calls:
                return self.too_often(name, recent[0] + timedelta(seconds=span) - now)
        self._calls.append(now)
        return None

    def too_often(self, window: str, wait: timedelta) -> FaceAnswer:
        answer = problem(429, f"rate limit exceeded for the {window} window")
        seconds = max(1, -(-wait // timedelta(seconds=1)))
        return FaceAnswer(429, answer.body, {**answer.headers, "Retry-After": str(seconds)})

    def counted(self, answer: FaceAnswer, now: datetime) -> FaceAnswer:
        """``answer`` with what is left of each window."""
        left = []
        for name, (calls, span) in WINDOWS.items():
            recent = self._within(now, span)
            resets = recent[0] + timedelta(seconds=span) - now if recent else timedelta(0)
            left.append(f'"{name}";r={calls - len(recent)};t={int(resets.total_seconds())}')
        headers = {**answer.headers, "RateLimit": ", ".join(left), "RateLimit-Policy": _POLICY}
        return FaceAnswer(answer.status, answer.body, headers, answer.after)

    def _within(self, now: datetime, span: int) -> list[datetime]:
        begin = now - timedelta(seconds=span)
        return [moment for moment in self._calls if moment > begin]

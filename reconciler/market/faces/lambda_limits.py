"""How often Lambda may be called: once a second in all, and one launch in twelve seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

BETWEEN_CALLS = timedelta(seconds=1)
BETWEEN_LAUNCHES = timedelta(seconds=12)


class Limits:
    """Of one key. A call that is refused does not count."""

    def __init__(self) -> None:
        self._calls_from: datetime | None = None
        self._launches_from: datetime | None = None

    def allow(self, now: datetime, *, launch: bool) -> bool:
        if self._calls_from is not None and now < self._calls_from:
            return False
        if launch and self._launches_from is not None and now < self._launches_from:
            return False
        self._calls_from = now + BETWEEN_CALLS
        if launch:
            self._launches_from = now + BETWEEN_LAUNCHES
        return True

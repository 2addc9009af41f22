"""How often one endpoint may be called: at most so many calls in so many seconds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.clock import Clock


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``calls`` begin in any ``seconds``. One call in 3 seconds is ``Pace(1, 3)``."""

    calls: int
    seconds: float


class Pacer:
    """Gives every call its turn. Tasks that share one share its paces, in order of asking."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, deque[float]] = {}

    async def turn(self, name: str, pace: Pace) -> None:
        """Wait until ``name`` may be called. A place given up by cancelling stays unused."""
        now = self._clock.elapsed_seconds()
        begun = self._begun.setdefault(name, deque(maxlen=pace.calls))
        begins_at = max(now, begun[0] + pace.seconds) if len(begun) == pace.calls else now
        begun.append(begins_at)
        await self._clock.sleep(begins_at - now)

"""How often something may happen."""

from __future__ import annotations

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``calls`` begin in any ``seconds``. One call in 3 seconds is ``Pace(1, 3)``."""

    calls: int
    seconds: float

"""How long machines lived on that had ended: from the begin of the first pass that could see it to
the call that ended them (RELIABILITY.md I9).
"""

from __future__ import annotations

from reconciler.model.value import dataclass

ALONE_SECONDS = 15.0
QUEUE_SECONDS = 3.0
"""For each destroy that was sent to the same provider before it in that pass."""


@dataclass(slots=True)
class Kills:
    """``alone``: those for whom nobody stood in the provider's queue of destroys."""

    judged: int = 0
    slowest: float = 0.0
    alone: int = 0
    slowest_alone: float = 0.0

    def add(self, seconds: float, before: int) -> bool:
        """``before``: how many destroys stood before it. False where it took too long."""
        self.judged += 1
        self.slowest = max(self.slowest, seconds)
        if not before:
            self.alone += 1
            self.slowest_alone = max(self.slowest_alone, seconds)
        return seconds <= ALONE_SECONDS + QUEUE_SECONDS * before

    def join(self, other: Kills) -> None:
        self.judged += other.judged
        self.slowest = max(self.slowest, other.slowest)
        self.alone += other.alone
        self.slowest_alone = max(self.slowest_alone, other.slowest_alone)

    def __str__(self) -> str:
        return (
            f"{self.judged} of machines that had ended, the slowest {self.slowest:.1f} s after the "
            "begin of the first pass that could see it; with an empty queue of destroys "
            f"{self.alone}, the slowest {self.slowest_alone:.1f} s"
        )

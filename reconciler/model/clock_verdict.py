"""What the clocks say, and what a pass goes by (SPEC.md section 5, "Clock"; RELIABILITY.md I31)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far clocks may disagree (SPEC.md section 5)."""


@dataclass(frozen=True, slots=True)
class ClockReadings:
    """One reading of everything that tells the time.

    ``wall``: this machine's wall clock. ``boot_seconds``: its boot clock, which counts suspend and
    never jumps. ``said``: by host, what providers said in their answers, carried on to this moment.
    """

    wall: datetime
    boot_seconds: float
    said: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class ClockVerdict:
    """``now`` is what the pass goes by. ``remark`` says which clocks disagree; "" when none does.

    ``off``: the wall clock is not what it goes by, so nothing is bought. ``sure``: more than half
    of the clocks say so, or nothing speaks against it, so that it may be remembered as the time.
    ``confirmed``: somebody beside this machine's own wall clock vouches for it, now or earlier in
    this boot. ``far``: a clock that was outvoted is so far away that somebody has to look.
    """

    now: datetime
    wall: datetime
    remark: str = ""
    off: bool = False
    sure: bool = True
    confirmed: bool = False
    far: bool = False

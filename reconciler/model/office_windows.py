"""Windows of office hours as they open and close, and what they are reckoned to cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from decimal import Decimal

    from reconciler.model.office_hours import ZoneClock

LaterRate = Literal["cap", "today"]
"""What the cost of windows to come is reckoned with: a cap that holds, or what runs today."""


@dataclass(frozen=True, slots=True)
class Window:
    """One opening: what runs in it is given back at ``closes_at``. Both in UTC."""

    opens_at: datetime
    closes_at: datetime

    @property
    def length(self) -> timedelta:
        """In real time: an hour that the clocks repeat or leave out is counted as it passes."""
        return self.closes_at - self.opens_at


@dataclass(frozen=True, slots=True)
class HoursSummary:
    """Where a fleet with office hours stands. Moments are shown with its own zone's offset.

    ``opens_at`` and ``closes_at``: the window at hand; None outside of hours. ``next_opens_at``:
    None where no other window begins before ``until``. ``windows_left`` are those after the one
    at hand, ``seconds_left`` their real length together, and ``later_usd`` what they can cost at
    most: at the price cap of the documents (``cap``), else at today's rate (``today``); None where
    neither is known.
    """

    hours: str
    time_zone: str
    until: datetime
    opens_at: datetime | None
    closes_at: datetime | None
    next_opens_at: datetime | None
    windows_left: int
    seconds_left: int
    later_usd: Decimal | None
    later_rate: LaterRate | None
    armed: bool
    """Whether they were applied, so that ``reconcile --schedule`` opens the windows."""


def shown_in(zone: ZoneClock, moment: datetime) -> datetime:
    """``moment`` as the clocks of ``zone`` show it."""
    from bisect import bisect_right
    from datetime import timezone

    moment = moment.astimezone(UTC)
    place = bisect_right([change for change, _ in zone.changes], moment)
    offset = zone.changes[place - 1][1] if place else zone.first
    return moment.astimezone(timezone(offset))


@dataclass(frozen=True, slots=True)
class FleetInHours:
    """A fleet whose windows a forecast counts, and what all its nodes cost an hour then; None
    where nobody can say.
    """

    fleet: str
    hours: str
    time_zone: str
    usd_per_hour: Decimal | None


@dataclass(frozen=True, slots=True)
class HoursRunway:
    """How long a budget lasts under the declared office hours: until ``empty_at``, or, where that
    is None, until ``until``, by when ``projected_usd`` will be spent in its period.
    """

    name: str
    time_zone: str
    limit_usd: Decimal
    empty_at: datetime | None
    until: datetime
    projected_usd: Decimal


@dataclass(frozen=True, slots=True)
class HoursForecast:
    """What is to come when every window opens as declared. ``week_usd``: the windows that open
    within seven days, alone.
    """

    fleets: tuple[FleetInHours, ...]
    runways: tuple[HoursRunway, ...]
    week_usd: Decimal

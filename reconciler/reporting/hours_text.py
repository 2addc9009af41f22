"""Office hours in words: what is open, until when, and what the windows to come can cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_usd
from reconciler.reporting.columns import cell, wrap
from reconciler.reporting.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.office_hours import HoursSummary
    from reconciler.model.plan import FleetSummary


def clock_text(moment: datetime) -> str:
    """``Tue 2026-07-07 08:00 +02:00``: as the clocks there show it."""
    offset = f"{moment:%z}"
    return f"{moment:%a %Y-%m-%d %H:%M} {offset[:3]}:{offset[3:5]}"


def hours_note(hours: HoursSummary) -> str:
    """``open until ...`` or ``closed, opens ...``, and who opens it."""
    named = f"{cell(hours.hours, 120)} {cell(hours.time_zone, 60)}"
    if hours.closes_at is not None:
        return f"{named}: open until {clock_text(hours.closes_at)}"
    if hours.next_opens_at is None:
        return f"{named}: closed, no window opens before {clock_text(hours.until)}"
    return f"{named}: closed, opens {clock_text(hours.next_opens_at)}"


def later_lines(fleets: Sequence[FleetSummary]) -> Iterator[str]:
    """What a loop that opens windows can spend beside the plan's worst case; nothing where no
    window is left.
    """
    known = [(one.fleet, one.hours) for one in fleets if one.hours and one.hours.windows_left]
    if not known:
        return
    priced = [hours for _, hours in known if hours.later_usd is not None]
    number = sum(hours.windows_left for _, hours in known)
    last = max(hours.until for _, hours in known)
    text = f"With reconcile --schedule {counted(number, 'more window')} until {clock_text(last)}"
    if priced:
        usd = sum((one.later_usd for one in priced if one.later_usd is not None), ZERO)
        text += f": at most {format_usd(usd)} more"
        if any(one.later_rate == "today" for one in priced):
            text += " at today's rates"
    unpriced = [name for name, hours in known if hours.later_usd is None]
    if unpriced:
        names = ", ".join(f"fleet.{cell(name, 40)}" for name in unpriced[:5])
        text += f"; unknown for {names}: write max_gpu_hour_usd"
    yield from wrap(f"{text}.", hang=2)
    unarmed = [name for name, hours in known if not hours.armed]
    if unarmed:
        names = ", ".join(f"fleet.{cell(name, 40)}" for name in unarmed[:5])
        yield from wrap(f"No loop opens {names} before these hours are applied.", hang=2)

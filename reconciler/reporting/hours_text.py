"""Office hours in words: what is open, until when, and what the windows to come can cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.cost import ZERO, format_rate, format_usd
from reconciler.model.text import printable
from reconciler.reporting.columns import cell, wrap
from reconciler.reporting.wording import counted, iso, local_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.office_windows import HoursForecast, HoursSummary
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


def later_lines(fleets: Sequence[FleetSummary], *, limited: bool) -> Iterator[str]:
    """What a loop that opens windows can spend beside the plan's worst case; nothing where no
    window is left. ``limited``: there are budgets, which may refuse some.
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
        text += ", less where a budget is short" if limited else ""
    unpriced = [name for name, hours in known if hours.later_usd is None]
    if unpriced:
        names = ", ".join(f"fleet.{cell(name, 40)}" for name in unpriced[:5])
        text += f"; unknown for {names}: write max_gpu_hour_usd"
    yield from wrap(f"{text}.", hang=2)
    unarmed = [name for name, hours in known if not hours.armed]
    if unarmed:
        names = ", ".join(f"fleet.{cell(name, 40)}" for name in unarmed[:5])
        yield from wrap(f"No loop opens {names} before these hours are applied.", hang=2)


def hours_forecast_text(found: HoursForecast) -> str:
    """A line for each fleet and each budget, within 80 columns."""
    lines = ["Under the declared office hours, every window opened and used to its end:"]
    for one in found.fleets:
        rate = "at no known price" if one.usd_per_hour is None else format_rate(one.usd_per_hour)
        text = f"fleet.{cell(one.fleet, 40)}: {cell(one.hours, 120)} {cell(one.time_zone)}, {rate}"
        lines += wrap(text, indent=2, hang=2)
    for runway in found.runways:
        name, limit = cell(runway.name, 40), format_usd(runway.limit_usd)
        if runway.empty_at is not None:
            told = f"empty on {local_text(runway.empty_at, runway.time_zone)}"
        else:
            spent = f"{format_usd(runway.projected_usd)} of {limit}"
            told = f"lasts; {spent} by {local_text(runway.until, runway.time_zone)}"
        lines += wrap(f"budget {name}: {told}", indent=2, hang=2)
    lines += wrap(f"Windows of the next week: {format_usd(found.week_usd)}.", hang=2)
    return "\n".join(lines)


def hours_forecast_json(found: HoursForecast | None) -> dict[str, Any] | None:
    """Every figure, dollars as text, moments in UTC."""
    if found is None:
        return None
    return {
        "fleets": [
            {
                "fleet": printable(one.fleet),
                "hours": printable(one.hours),
                "time_zone": printable(one.time_zone),
                "usd_per_hour": None if one.usd_per_hour is None else f"{one.usd_per_hour:f}",
            }
            for one in found.fleets
        ],
        "budgets": [
            {
                "name": printable(one.name),
                "limit_usd": f"{one.limit_usd:f}",
                "empty_at": None if one.empty_at is None else iso(one.empty_at),
                "until": iso(one.until),
                "projected_usd": f"{one.projected_usd:f}",
            }
            for one in found.runways
        ],
        "week_usd": f"{found.week_usd:f}",
    }


def hours_json(hours: HoursSummary) -> dict[str, Any]:
    """As in a plan's document: moments with the offset of the clocks there."""
    return {
        "hours": printable(hours.hours),
        "time_zone": printable(hours.time_zone),
        "until": hours.until.isoformat(),
        "opens_at": None if hours.opens_at is None else hours.opens_at.isoformat(),
        "closes_at": None if hours.closes_at is None else hours.closes_at.isoformat(),
        "next_opens_at": None if hours.next_opens_at is None else hours.next_opens_at.isoformat(),
        "windows_left": hours.windows_left,
        "armed": hours.armed,
    }

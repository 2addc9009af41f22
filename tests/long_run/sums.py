"""What the pieces of a long run come to together: the rows for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.simulation.simulator.campaign import never_met

_SCHEDULES = ("schedules", "schedules-on-files")


def summed(pieces: Iterable[dict[str, Any]]) -> str:
    """A table: one row for each kind, then what schedules met and what was broken."""
    known = list(pieces)
    lines = ["| | runs | broken | CPU hours | |", "|--|--|--|--|--|"]
    for kind in sorted({one["kind"] for one in known}):
        mine = [one for one in known if one["kind"] == kind]
        lines.append(
            f"| {kind} | {sum(one['runs'] for one in mine)} | "
            f"{sum(len(one['broken']) for one in mine)} | "
            f"{sum(one['cpu_seconds'] for one in mine) / 3600:.2f} | {_counted(kind, mine)} |"
        )
    schedules = [one for one in known if one["kind"] in _SCHEDULES]
    if schedules:
        met = {number for one in schedules for number in one["met"]}
        lines.append(f"faults that no command met: {', '.join(never_met(met)) or 'none'}")
        lines.append(f"checks: {_checks(schedules)}")
    lines += [
        f"broken: {one['kind']}, seed {broken['seed']}: {broken['said']}"
        for one in known
        for broken in one["broken"]
    ]
    return "\n".join(lines)


def _counted(kind: str, mine: list[dict[str, Any]]) -> str:
    if kind in _SCHEDULES:
        slowest = max(one["slowest_kill_seconds"] for one in mine)
        commands = sum(one["commands"] for one in mine)
        return f"{commands} commands; slowest destroy of what had ended {slowest} s"
    if kind == "fuzz":
        return f"inputs for each of {len(mine[0]['inputs'])} targets"
    of_them = sum(one["of_them"] for one in mine)
    return f"{of_them} amid their changes" if kind == "kills" else f"{of_them} commands"


def _checks(pieces: list[dict[str, Any]]) -> str:
    total: Counter[str] = Counter()
    for one in pieces:
        total.update(one["checked"])
    return ", ".join(f"{name} {count}" for name, count in sorted(total.items()))

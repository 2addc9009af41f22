"""``state history`` and the questions and answers of the commands that mend a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate, format_usd, projected_cost
from reconciler.model.quantity import NEVER
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.address import Address
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.model.state_change import (
        Backup,
        LettingGo,
        Moved,
        Recovered,
        Resolution,
        Restoring,
    )
    from reconciler.reporting.palette import Palette

_NAMED_MAX = 8
_COLUMNS = (
    Column("SERIAL", right=True),
    Column("SAVED (UTC)"),
    Column("BY", shrink_to=10),
    Column("MACHINES", right=True),
    Column("UNRESOLVED", right=True),
    Column("NOTE", shrink_to=12),
)


def history_table(
    current: RecordedState | None, backups: Sequence[Backup], palette: Palette = PLAIN
) -> str:
    """The state that is there and every backup, the newest first; what cannot be used says why."""
    rows = [] if current is None else [_row(current, "the state as it is now")]
    for one in backups:
        if one.state is None:
            rows.append(["?", "", "", "", "", f"{one.location}: {one.problem}"])
        else:
            same = current is None or one.state.lineage == current.lineage
            rows.append(_row(one.state, "" if same else f"of another state: {one.location}"))
    lines = table(_COLUMNS, rows)
    if not lines:
        return "There is no state and no backup of one."
    return "\n".join([palette.strong(lines[0]), *lines[1:]])


def _row(state: RecordedState, note: str) -> list[str]:
    return [
        str(state.serial),
        f"{state.saved_at:%Y-%m-%d %H:%M:%S}" if state.saved_at else "?",
        state.saved_by or "?",
        str(len(state.instances)),
        str(sum(1 for one in state.intents.values() if one.blocks_slot)),
        note,
    ]


def moved_text(moved: Moved, source: Address, target: Address) -> str:
    """What ``state mv`` did, and what the documents have to say now."""
    lines = [f"{source} is {target} now: {counted(moved.count, 'record')}; no machine was touched."]
    if moved.ends_at is not None:
        lines.append(f"Its lease ends {_utc(moved.ends_at)}.")
    if moved.declared is False:
        lines.append(
            f"The documents do not declare {target}: rename it there before the loop takes it for "
            "undeclared."
        )
    return _lines(lines)


def letting_go_text(letting: LettingGo) -> str:
    """What ``state rm`` would do."""
    lines = [
        f"{one.slot} ({cell(one.provider, 24)} {cell(one.instance_id, 40)}) goes on being billed "
        f"{format_rate(one.usd_per_hour)} until {_utc(end)} at the latest"
        for one, end in letting.machines
    ]
    total = format_rate(letting.usd_per_hour)
    lines.append(
        f"{counted(len(letting.machines), 'machine')}, {total}: forgotten here, not destroyed. "
        "Each is destroyed at its end; before that only you can end it, at its provider."
    )
    return _lines(lines)


def resolution_text(resolution: Resolution, now: datetime) -> str:
    """What ``state resolve -absent`` would do, and the money at risk."""
    risk = format_usd(projected_cost(resolution.usd_per_hour, resolution.until - now))
    most = f"at most {risk} until {_utc(resolution.until)}"
    if resolution.until == NEVER:
        most = "without an end"
    what = "a create whose outcome is not known"
    if resolution.kind == "machine":
        what = "a machine that was not seen"
    lines = [f"{resolution.slot}: {what}, on {cell(resolution.provider, 24)}."]
    if resolution.unasked:
        lines.append(f"{cell(resolution.provider, 24)} could not be asked: {resolution.unasked}")
    lines.append(f"If it runs after all, it costs {format_rate(resolution.usd_per_hour)}, {most}.")
    lines.append("Its slot is free then; should its mark appear within a day, it is destroyed.")
    return _lines(lines)


def found_text(resolution: Resolution) -> str:
    """What ``state resolve -found`` did."""
    return _lines(
        [
            f"{resolution.slot} is {cell(resolution.provider, 24)} "
            f"{cell(resolution.instance_id or '', 40)}, {format_rate(resolution.usd_per_hour)}; "
            f"it ends {_utc(resolution.until)}."
        ]
    )


def restoring_text(restoring: Restoring) -> str:
    """What ``state restore`` would do."""
    chosen, state = restoring.chosen, restoring.restoration.state
    lines = []
    if restoring.problem:
        lines.append(f"The state that is there cannot be used: {restoring.problem}")
    saved = f", saved {_utc(chosen.saved_at)}" if chosen.saved_at else ""
    by = f" by {cell(chosen.saved_by, 40)}" if chosen.saved_by else ""
    lines.append(
        f"Serial {chosen.serial}{saved}{by}, comes back as serial {state.serial} with "
        f"{counted(len(state.instances), 'machine')}."
    )
    if restoring.restoration.kept:
        lines.append(f"Recorded since and kept: {_named(restoring.restoration.kept)}.")
    if restoring.restoration.beside:
        lines.append(
            "Its slot has another machine now, so it is enforced at its end only: "
            f"{_named(restoring.restoration.beside)}."
        )
    lines.append(
        "No machine is touched. One that the state does not know is reported as billed, and not "
        "destroyed before somebody agrees; one that is gone is proven gone."
    )
    return _lines(lines)


def recovered_text(recovered: Recovered) -> str:
    """What ``state rebuild`` would do, or that there is nothing to do."""
    return _lines(list(_recovered_lines(recovered)))


def _recovered_lines(recovered: Recovered) -> Iterator[str]:
    found = recovered.rebuilding
    for record in found.records:
        yield (
            f"{record.slot}: {cell(record.provider, 24)} {cell(record.instance_id, 40)}, "
            f"{format_rate(record.usd_per_hour)}"
        )
    for lease in found.leases:
        yield f"fleet.{lease.fleet}: lease until {_utc(lease.extended_to)}"
    for one in found.left_out:
        place = f"{cell(one.stranger.instance.provider, 24)} {cell(one.stranger.instance.id, 40)}"
        yield f"left out: {place}: {one.why}"
    if not found.records:
        yield "No machine carries this workspace's name without being recorded."
        if recovered.rolled_back and not found.left_out:
            yield "So nothing is unknown to the state that was brought back."
        if recovered.problem:
            yield f"The state that is there cannot be used: {recovered.problem}"
            yield "It is kept aside, and an empty one takes its place."
        yield from _better(recovered)
        return
    rate = format_rate(sum((one.usd_per_hour for one in found.records), ZERO))
    where = "a new state" if recovered.fresh else "the state"
    yield f"{counted(len(found.records), 'machine')}, {rate}: recorded in {where}. None is touched."
    yield from _better(recovered)


def _better(recovered: Recovered) -> Iterator[str]:
    if recovered.backup is not None:
        yield (
            f"A good backup with serial {recovered.backup.serial} is there and may know more: "
            f"gpu-shopper state restore {recovered.backup.serial}"
        )


def _named(records: Sequence[InstanceRecord]) -> str:
    names = [f"{one.slot} ({cell(one.instance_id, 40)})" for one in records[:_NAMED_MAX]]
    more = len(records) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _utc(moment: datetime | None) -> str:
    if moment == NEVER:
        return "never"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(part for line in lines for part in wrap(line, hang=2))

"""Entries of the audit trail, and the verdict on it, for people. Safe to print (I22)."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd
from reconciler.model.published import ascii_json
from reconciler.model.quantity import NEVER
from reconciler.reporting.columns import cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.audit import TrailVerdict
    from reconciler.model.audit_entry import AuditEntry
    from reconciler.reporting.palette import Palette

_DETAIL_LENGTH = 240
_FINDINGS_SHOWN = 100
_WHAT_WIDTH = 18
_SLOT_WIDTH = 14
_LOUD = {"failed", "lost", "unwritten", "torn", "older-state"}


def entry_line(entry: AuditEntry, palette: Palette) -> str:
    """One line: when, what, where, why, the money, on whose behalf."""
    what = f"{entry.action} {entry.outcome}"
    what = f"{what:<{_WHAT_WIDTH}}"
    if entry.outcome in _LOUD or entry.action in ("alert", "lose"):
        what = palette.alarm(what)
    elif entry.action == "destroy":
        what = palette.destroy(what)
    elif entry.action == "create":
        what = palette.create(what)
    at = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    slot = f"{cell(entry.slot or '-'):<{_SLOT_WIDTH}}"
    told = "  ".join(part for part in (_machine(entry), _why(entry), _money(entry)) if part)
    run = f", {cell(entry.run)}" if entry.run else ""
    by = palette.quiet(f"[{cell(entry.operation)} by {cell(entry.who)}{run}]")
    return "  ".join(part for part in (at, what, slot, told, by) if part)


def entry_json(entry: AuditEntry) -> str:
    """The entry as stored: one line of ASCII in which every control character is escaped."""
    return ascii_json(entry.model_dump(mode="json", exclude_none=True))


def _machine(entry: AuditEntry) -> str:
    if entry.provider is None:
        return ""
    return f"{cell(entry.provider)} {cell(entry.instance_id or entry.mark or '')}".strip()


def _why(entry: AuditEntry) -> str:
    reason = f"({cell(entry.reason)})" if entry.reason else ""
    detail = cell(entry.detail, _DETAIL_LENGTH) if entry.detail else ""
    if entry.ends_at is not None:
        ends = f"ends {entry.ends_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        ends = "no end" if entry.ends_at == NEVER else ends
        detail = f"{ends}, {detail}" if detail else ends
    return " ".join(part for part in (reason, detail) if part)


def _money(entry: AuditEntry) -> str:
    rate = format_rate(entry.usd_per_hour) if entry.usd_per_hour is not None else ""
    spent = f"{format_usd(entry.usd)} so far" if entry.usd is not None else ""
    return ", ".join(part for part in (rate, spent) if part)


def verdict_lines(verdict: TrailVerdict) -> Iterator[str]:
    """Each finding with its place, then what the trail is worth."""
    for one in verdict.findings[:_FINDINGS_SHOWN]:
        word = "damaged" if one.kind == "damage" else "gap"
        yield f"{cell(one.where, _DETAIL_LENGTH)}: {word}: {cell(one.what, _DETAIL_LENGTH)}"
    left_out = len(verdict.findings) - _FINDINGS_SHOWN
    if left_out > 0:
        yield f"... and {left_out} more"
    if not verdict.files and not verdict.damaged:
        yield "There is no audit trail yet: nothing was ever written."
        return
    held = f"{verdict.entries} entries in {verdict.files} file(s)"
    damaged = sum(1 for one in verdict.findings if one.kind == "damage")
    if damaged:
        yield f"DAMAGED: {held}, {damaged} place(s). Keep a copy of the files and find out who."
    elif verdict.findings:
        yield f"Whole, with {len(verdict.findings)} gap(s) that it tells itself: {held}."
    else:
        yield f"Whole: {held}, each hangs on the one before."

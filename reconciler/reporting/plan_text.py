"""A plan for a terminal: fleets first, then actions, then what to know; money on the last lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd
from reconciler.model.plan import Mode
from reconciler.reporting.action_lines import action_lines, more_lines, see_one
from reconciler.reporting.balance_text import plan_balance_lines
from reconciler.reporting.budget_text import plan_budget_lines
from reconciler.reporting.columns import WIDTH, Column, cell, display_width, table, wrap
from reconciler.reporting.hours_text import hours_note, later_lines
from reconciler.reporting.plan_entries import SIGNS, Entry, plan_entries, sign_counts
from reconciler.reporting.proposal_text import proposal_lines
from reconciler.reporting.wording import counted, minute, rate_change, utc, whole_usd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from reconciler.model.plan import Finding, FleetSummary, Plan
    from reconciler.reporting.palette import Palette

FLEETS_SHOWN = 40
ACTION_LINES = 60
FINDINGS_SHOWN = 12
_COLUMNS = (
    Column("FLEET", shrink_to=14),
    Column("CHANGES", shrink_to=20),
    Column("NODES", right=True),
    Column("RATE", right=True),
    Column("AT MOST", right=True),
    Column("ENDS (UTC)", optional=1),
)
_TITLES = {
    Mode.APPLY: "Plan",
    Mode.LOOP: "Plan of a loop",
    Mode.DESTROY: "Plan to destroy",
}
_COMMANDS = {
    Mode.APPLY: "gpu-shopper apply",
    Mode.LOOP: "gpu-shopper reconcile --once",
    Mode.DESTROY: "gpu-shopper destroy",
}


def plan_text(plan: Plan, palette: Palette, *, next_step: str | None = None) -> str:
    """The whole plan, at most 80 columns wide and some 200 lines long however large it is.

    Its last three lines are counts, money and the next step (SPEC.md section 10). ``next_step``
    replaces the last one, where the caller knows better what follows.
    """
    entries = plan_entries(plan)
    counts = sign_counts(entries)
    title = f"{_TITLES[plan.request.mode]} for workspace {cell(plan.workspace)}, {utc(plan.now)}"
    blocks = [
        [palette.strong(line) for line in wrap(title)],
        list(_fleet_lines(plan, counts, palette)),
        action_lines(plan, entries, palette, ACTION_LINES),
        list(finding_lines(plan.findings, palette)),
        [*plan_budget_lines(plan.budgets, palette), *plan_balance_lines(plan.balances, palette)],
        list(proposal_lines(plan.proposals, palette)) if plan.proposals else [],
        [*aside_lines(plan, counts, palette), *_closing_lines(plan, entries, palette, next_step)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _fleet_lines(
    plan: Plan, counts: Mapping[str, Mapping[str, int]], palette: Palette
) -> Iterator[str]:
    if not plan.fleets:
        return
    busy = [one for one in plan.fleets if one.note or is_busy(counts.get(one.fleet, {}))]
    busy_names = {one.fleet for one in busy}
    quiet = [one for one in plan.fleets if one.fleet not in busy_names]
    names = {one.fleet for one in (*busy, *quiet)[:FLEETS_SHOWN]}
    shown = [one for one in plan.fleets if one.fleet in names]
    heading, *rows = table(
        _COLUMNS, [fleet_row(one, counts.get(one.fleet, {})) for one in shown], width=WIDTH
    )
    yield palette.strong(heading)
    for entry, row in zip(shown, rows, strict=True):
        yield row
        yield from _note_lines(entry, palette)
    hidden = len(plan.fleets) - len(shown)
    if hidden:
        changing = sum(1 for name in busy_names if name not in names)
        more = f"... and {counted(hidden, 'more fleet')}, {changing} of them changing"
        yield from map(palette.quiet, more_lines(more, see_one(plan, "NAME")))


def is_busy(signs: Mapping[str, int]) -> bool:
    """True when anything but keeping is done in a fleet."""
    return len(signs) > ("." in signs)


def fleet_row(entry: FleetSummary, signs: Mapping[str, int]) -> list[str]:
    """Name, changes, nodes, rate, worst case, end: the cells of a fleet."""
    changes = " ".join(f"{sign}{signs[sign]}" for sign in SIGNS if signs.get(sign))
    rate = rate_change(entry.rate_before, entry.rate_after).replace("/h ->", " ->")
    return [
        f"fleet.{entry.fleet}",
        changes or "none",
        f"{entry.live}/{entry.target}",
        rate,
        _sum(entry.worst_case_usd),
        _end(entry),
    ]


def _sum(amount: Decimal | None) -> str:
    if amount is None:
        return "no end"
    return format_usd(amount) if amount < 100_000 else whole_usd(amount)


def _end(entry: FleetSummary) -> str:
    if entry.worst_case_usd is None:
        return "never"
    return minute(entry.ends_at)[5:] if entry.ends_at else ""


def _note_lines(entry: FleetSummary, palette: Palette) -> Iterator[str]:
    if entry.hours is not None:
        yield from map(palette.quiet, wrap(hours_note(entry.hours), indent=2, hang=2))
    notes = [cell(entry.note)] if entry.note else []
    if entry.unfilled:
        notes.append(f"{entry.unfilled} unfilled")
    if notes or entry.command:
        text = "  ".join([", ".join(notes), cell(entry.command, 120)]).strip()
        yield from (palette.change(line) for line in wrap(text, indent=2, hang=2))


def finding_lines(findings: Sequence[Finding], palette: Palette) -> Iterator[str]:
    """Warnings first, what blocks last; of many the blocking ones are kept."""
    warnings = [one for one in findings if not one.blocks]
    blocking = [one for one in findings if one.blocks]
    room = max(0, FINDINGS_SHOWN - len(blocking))
    for some, limit, what in (
        (warnings, room, "more warning"),
        (blocking, FINDINGS_SHOWN, "more reason to refuse"),
    ):
        for finding in some[:limit]:
            yield from _finding(finding, palette)
        if len(some) > limit:
            yield palette.quiet(f"... and {counted(len(some) - limit, what)}")


def _finding(finding: Finding, palette: Palette) -> Iterator[str]:
    label, paint = ("REFUSED", palette.alarm) if finding.blocks else ("Warning", palette.change)
    first, *rest = wrap(f"{label}: {cell(finding.message, 400)}", hang=2)
    yield paint(first[: len(label)]) + first[len(label) :]
    yield from rest
    if finding.fix:
        yield from wrap(f"fix: {cell(finding.fix, 200)}", indent=2, hang=2)


def aside_lines(
    plan: Plan, counts: Mapping[str, Mapping[str, int]], palette: Palette
) -> Iterator[str]:
    """What the three last lines have no room for."""
    others = Counter(one.kind for one in plan.strangers if one.kind != "orphaned")
    if others:
        seen = ", ".join(f"{number} {cell(kind)}" for kind, number in sorted(others.items()))
        yield from wrap(f"Not ours, never touched: {seen} (gpu-shopper orphans)", hang=2)
    also = [
        f"{number} {what}"
        for number, what in (
            (_total(counts, "<="), "to adopt"),
            (_total(counts, "x"), "to forget"),
            (_total(counts, "!"), "announced"),
        )
        if number
    ]
    if also:
        yield f"Also: {', '.join(also)}."
    yield from map(palette.quiet, later_lines(plan.fleets, limited=bool(plan.budgets)))
    if plan.worst_case_until is not None:
        yield from _enforcement_lines(plan, palette)


def _enforcement_lines(plan: Plan, palette: Palette) -> Iterator[str]:
    unwatched = plan.enforced_by.startswith("NOTHING")
    condition = "only if a loop destroys them" if unwatched else "if nobody ever looks again"
    yield palette.quiet(f"At most: {condition}; disks included, bandwidth excluded;")
    paint = palette.alarm if unwatched else palette.quiet
    yield from (paint(line) for line in wrap(f"enforced by: {plan.enforced_by}", hang=2))


def _total(counts: Mapping[str, Mapping[str, int]], *signs: str) -> int:
    return sum(fleet.get(sign, 0) for fleet in counts.values() for sign in signs)


def counts_line(plan: Plan, entries: Sequence[Entry]) -> str:
    """How many machines are created, destroyed, changed, kept and in doubt."""
    signs = Counter(entry.sign for entry in entries)
    return (
        f"Plan: {len(plan.creates)} to create, {len(plan.destroys)} to destroy, "
        f"{signs['~']} to change, {signs['.']} kept, {signs['?']} unknown."
    )


def _closing_lines(
    plan: Plan, entries: Sequence[Entry], palette: Palette, next_step: str | None
) -> list[str]:
    counts = counts_line(plan, entries)
    step = next_step if next_step is not None else closing_step(plan)
    paint = palette.alarm if plan.blocked else palette.strong
    return [palette.strong(counts), palette.strong(money_line(plan)), paint(_one_line(step))]


def _one_line(text: str) -> str:
    first, *rest = wrap(text)
    return first if not rest else first[: WIDTH - 4].rstrip() + " ..."


def money_line(plan: Plan) -> str:
    """Rates before and after, and the most it can cost, on one line of 80 columns."""
    rates = f"{format_rate(plan.rate_before)} -> {format_rate(plan.rate_after)}"
    if plan.worst_case_usd is None:
        return f"{rates}, NO worst case: a lease has no end"
    if plan.worst_case_until is None:
        return f"{rates}, nothing left to pay for"
    worst, until = plan.worst_case_usd, plan.worst_case_until
    for line in (
        f"{rates}, at most {format_usd(worst)} until {utc(until)}",
        f"{rates}, at most {whole_usd(worst)} until {utc(until)}",
    ):
        if display_width(line) <= WIDTH:
            return line
    short = " -> ".join(f"{whole_usd(rate)}/h" for rate in (plan.rate_before, plan.rate_after))
    return f"{short}, at most {whole_usd(worst)} until {utc(until)}"


def closing_step(plan: Plan) -> str:
    """What the reader may do now, in one sentence."""
    if plan.blocked:
        reasons = sum(1 for finding in plan.findings if finding.blocks)
        return f"Refused for {counted(reasons, 'reason')} above: nothing of it is carried out."
    if plan.request.from_state:
        return "Nobody was asked: gpu-shopper plan tells what runs, and what it would cost."
    if plan.has_changes:
        return f"Run {_command(plan)} to carry it out."
    open_ends = [
        f"{number} {what}"
        for number, what in (
            (sum(fleet.unfilled for fleet in plan.fleets), "unfilled"),
            (len(plan.doubts), "unknown"),
            (_pairs(plan), "being replaced"),
        )
        if number
    ]
    if open_ends:
        return f"No changes now: {', '.join(open_ends)}; run it again later."
    if plan.request.only_record:
        return "No changes: what is observed is what is recorded."
    if any(finding.code is not None for finding in plan.findings):
        return "No changes now: the warnings above say what stands in the way."
    if any(fleet.note == "outside hours" for fleet in plan.fleets):
        return "No changes: what is outside of its office hours waits for its next window."
    if any(fleet.note == "lease ended" for fleet in plan.fleets):
        return "No changes: an ended lease creates nothing until it is renewed."
    if not plan.fleets:
        return "No changes: nothing is declared and nothing of this workspace runs."
    return "No changes: what runs is what is declared."


def _pairs(plan: Plan) -> int:
    """Slots that hold two machines until the new one is ready."""
    heirs = [entry.record.succeeds for entry in plan.keeps if entry.record.succeeds is not None]
    kept = {entry.record.mark for entry in plan.keeps} if heirs else set()
    return sum(1 for heir in heirs if heir.mark in kept)


def _command(plan: Plan) -> str:
    """The command that carries the plan out, with its choices where they fit on the line."""
    base = _COMMANDS[plan.request.mode]
    options = [f"-renew fleet.{name}" for name in sorted(plan.request.renew)]
    options += [f"-target {target}" for target in plan.request.targets]
    options += [f"-exclude {address}" for address in plan.request.excludes]
    options += [f"-replace {slot}" for slot in plan.request.replace]
    if plan.request.only_record:
        options.append("-refresh-only")
    if plan.request.allow_unbounded:
        options.append("-allow-unbounded")
    if plan.request.heal:
        options.append("--heal")
    if plan.request.schedule:
        options.append("--schedule")
    if plan.request.max_destroy is not None:
        options.append(f"-max-destroy={plan.request.max_destroy}")
    whole = " ".join([base, *options])
    return whole if len(whole) <= WIDTH - 22 else f"{base} with the same options"

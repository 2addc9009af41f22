"""A plan as Markdown for a pull request (GitHub's and GitLab's dialect).

Whatever may come from outside stands in code, where neither Markdown nor HTML, no mention and no
link is read (C13.4). The first line is a comment that a robot finds its own message by.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.plan import Mode
from reconciler.reporting.action_lines import action_lines, see_one
from reconciler.reporting.balance_text import plan_balance_lines
from reconciler.reporting.budget_text import plan_budget_lines
from reconciler.reporting.columns import cell
from reconciler.reporting.hours_text import hours_note
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_entries import SIGNS, plan_entries, sign_counts
from reconciler.reporting.plan_text import (
    adding_up,
    aside_lines,
    closing_step,
    counts_line,
    finding_lines,
    fleet_row,
    is_busy,
    money_line,
)
from reconciler.reporting.proposal_text import proposal_lines
from reconciler.reporting.wording import counted, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.plan import FleetSummary, Plan
    from reconciler.reporting.plan_entries import Entry

    Counts = Mapping[str, Mapping[str, int]]

BYTES_MAX = 65_536
"""What GitHub takes in one comment, counted in bytes of UTF-8 to be on the safe side."""
_FLEETS_SHOWN = 200
_ACTION_LINES = 600
_HEAD = "| fleet | changes | nodes | rate | at most | ends (UTC) |\n|--|--|--:|--:|--:|--|"
_BACKTICKS = re.compile("`+")
_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)
_UNUSUAL = re.compile(r"[^\w.,:$ \[\]>/<=!~?+x-]", re.ASCII)


def plan_markdown(plan: Plan, *, next_step: str | None = None) -> str:
    """The whole plan, at most 65,536 bytes: the table of fleets, then the actions, folded up.

    What does not fit is counted, and the command that shows it is named. ``next_step`` is said
    instead of the usual one.
    """
    entries = plan_entries(plan)
    counts = sign_counts(entries)
    step = closing_step(plan) if next_step is None else next_step
    fleets, lines = _FLEETS_SHOWN, _ACTION_LINES
    while True:
        text = "\n\n".join(_blocks(plan, entries, counts, fleets, lines)) + f"\n\n{_code(step)}\n"
        if len(text.encode()) <= BYTES_MAX:
            return text
        fleets, lines = fleets * 3 // 4, lines * 3 // 4


def _blocks(
    plan: Plan, entries: Sequence[Entry], counts: Counts, fleets: int, lines: int
) -> Iterator[str]:
    yield f"<!-- gpu-shopper plan {_name(plan.workspace)} -->"
    what = "Plan to destroy" if plan.request.mode is Mode.DESTROY else "Plan"
    yield f"### {what} for workspace {_code(cell(plan.workspace))}, {utc(plan.now)}"
    told = counts_line(plan, entries).removeprefix("Plan: ")
    yield f"**{told}** {_code(money_line(plan))}"
    if plan.findings:
        yield _fence(finding_lines(plan.findings, PLAIN))
    if plan.budgets:
        yield _fence(plan_budget_lines(plan.budgets, PLAIN))
    if plan.balances:
        yield _fence(plan_balance_lines(plan.balances, PLAIN))
    if plan.proposals:
        yield _fence(proposal_lines(plan.proposals, PLAIN))
    yield from _fleets(plan, counts, fleets)
    yield from _actions(plan, entries, lines)
    aside = list(aside_lines(plan, counts, PLAIN))
    if aside:
        yield _fence(aside)


def _fleets(plan: Plan, counts: Counts, limit: int) -> Iterator[str]:
    """Those with something to say first to be shown; all in order of their names."""
    if not plan.fleets:
        return
    busy = {one.fleet for one in plan.fleets if one.note or is_busy(counts.get(one.fleet, {}))}
    ranked = sorted(plan.fleets, key=lambda one: one.fleet not in busy)[:limit]
    names = {one.fleet for one in ranked}
    shown = [one for one in plan.fleets if one.fleet in names]
    rows = [_row(fleet_row(one, counts.get(one.fleet, {}))) for one in adding_up(shown, plan)]
    yield "\n".join([_HEAD, *rows])
    notes = [note for one in shown for note in _note(one)]
    if notes:
        yield "\n".join(notes)
    hidden = len(plan.fleets) - len(shown)
    if hidden:
        changing = len(busy - names)
        text = f"{counted(hidden, 'more fleet')} left out, {changing} of them changing"
        yield _with_command(text, see_one(plan, "NAME"))


def _row(cells: Sequence[str]) -> str:
    """Names, counts and money only; a letter that has no business there becomes a question mark."""
    return f"| {' | '.join(_cell(text) for text in cells)} |"


def _cell(text: str) -> str:
    return f"`{_UNUSUAL.sub('?', cell(text))}`" if text else ""


def _note(entry: FleetSummary) -> Iterator[str]:
    notes = [hours_note(entry.hours)] if entry.hours is not None else []
    notes += [cell(entry.note)] if entry.note else []
    notes += [f"{entry.unfilled} unfilled"] if entry.unfilled else []
    if notes or entry.command:
        text = _code(", ".join(notes)) if notes else ""
        command = _code(cell(entry.command, 120)) if entry.command else ""
        yield f"- `fleet.{_name(entry.fleet)}`: {' '.join(one for one in (text, command) if one)}"


def _actions(plan: Plan, entries: Sequence[Entry], limit: int) -> Iterator[str]:
    """Folded up; coloured as a difference: what begins with + or - is green or red."""
    lines = [_difference_line(line) for line in action_lines(plan, entries, PLAIN, limit)]
    if lines:
        number = sum(1 for entry in entries if entry.sign != ".")
        yield f"<details><summary>{counted(number, 'action')}</summary>"
        yield _fence(lines, "diff")
        yield "</details>"


def _difference_line(line: str) -> str:
    """The sign at the very left."""
    sign = line[:3].strip()
    return f"{sign:<3}{line[3:]}" if sign in SIGNS else line


def _fence(lines: Iterable[str], language: str = "text") -> str:
    text = "\n".join(lines)
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str) -> str:
    """``text`` in a code span, whatever backticks it holds."""
    if not text:
        return ""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def _name(text: str) -> str:
    """For a comment, where no quoting is safe."""
    return _NO_NAME.sub("?", cell(text)).replace("--", "-?")


def _with_command(text: str, command: str) -> str:
    return f"{text}: {_code(command)}" if command else f"{text}."

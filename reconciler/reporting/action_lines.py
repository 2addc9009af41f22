"""The actions of a plan as lines: one an action, or one for many that are alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate
from reconciler.model.plan import Mode
from reconciler.reporting.columns import WIDTH, cell, display_width, wrap
from reconciler.reporting.plan_entries import SIGNS
from reconciler.reporting.wording import counted, per_gpu_hour, rate_span, slots_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.model.plan import Plan
    from reconciler.reporting.palette import Palette
    from reconciler.reporting.plan_entries import Entry

_URGENCY = {sign: place for place, sign in enumerate("- -/+ +/- ? ! + ~ <= x .".split())}
_SAID = {
    "+": "to create",
    "-": "to destroy",
    "-/+": "to replace",
    "+/-": "to replace, new first",
    "~": "to change",
    "?": "unknown",
    "!": "announced",
    "<=": "to adopt",
    "x": "to forget",
    ".": "kept",
}
_SHOWN_ONE_BY_ONE = 10
_DIFFERENCES_SHOWN = 6


def action_lines(plan: Plan, entries: Sequence[Entry], palette: Palette, limit: int) -> list[str]:
    """At most ``limit`` lines about ``entries``, by fleet and slot. Where that is not enough, all
    of them are counted by reason first, and what is left out is counted last.

    Destroys are the last to be left out. Kept machines are listed only where something is said
    about them, and then together.
    """
    groups = _grouped(entries)
    chosen: dict[int, list[str]] = {}
    room = limit
    for at in sorted(range(len(groups)), key=lambda at: (_URGENCY[groups[at][0].sign], at)):
        text = _group_text(groups[at], palette)
        room -= len(text)
        if room < 0:
            break
        chosen[at] = text
    lines = [line for at in sorted(chosen) for line in chosen[at]]
    hidden = [group for at, group in enumerate(groups) if at not in chosen]
    if not hidden:
        return lines
    number, fleets = sum(len(group) for group in hidden), len({one[0].fleet for one in hidden})
    more = f"... and {number} more in {counted(fleets, 'fleet')}"
    below = more_lines(more, see_one(plan, hidden[0][0].fleet), indent=6)
    return [*_reason_lines(entries, palette), "", *lines, *map(palette.quiet, below)]


def more_lines(text: str, command: str, *, indent: int = 0) -> list[str]:
    """How much is left out, and how to see it: a command is never broken over two lines."""
    lead = " " * indent
    if not command:
        return [lead + text]
    one = f"{lead}{text}: {command}"
    return [one] if display_width(one) <= WIDTH else [f"{lead}{text}:", f"{lead}  {command}"]


def see_one(plan: Plan, fleet: str) -> str:
    """The command that shows one fleet of ``plan`` alone; empty where there is none."""
    if plan.request.mode is Mode.LOOP or plan.request.targets:
        return ""
    destroy = " -destroy" if plan.request.mode is Mode.DESTROY else ""
    return f"gpu-shopper plan{destroy} -target fleet.{fleet}"


def _reason_lines(entries: Sequence[Entry], palette: Palette) -> Iterator[str]:
    """Every action, counted by sign and reason, in the order of a summary."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        counts[entry.sign][entry.reason] += 1
    size = max(len(str(sum(one.values()))) for one in counts.values())
    for sign in SIGNS:
        total = sum(counts[sign].values())
        reasons = sorted(counts[sign].items(), key=lambda one: (-one[1], one[0]))
        told = ", ".join(f"{number} {reason}" for reason, number in reasons if reason)
        if total:
            text = f"{total:>{size}} {_SAID[sign]}" + (f": {told}" if told else "")
            indent = 3 - len(sign)
            headline, *rest = wrap(f"{sign} {text}", indent=indent, hang=6 - indent)
            yield _painter(sign, palette)(headline[:3]) + headline[3:]
            yield from rest


def _grouped(entries: Sequence[Entry]) -> list[list[Entry]]:
    """By fleet and slot; where a fleet has many, those alike together."""
    told = [one for one in entries if one.sign != "." or one.detail]
    sizes: dict[str, int] = defaultdict(int)
    for entry in told:
        sizes[entry.fleet] += 1
    groups: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for entry in sorted(told, key=lambda one: (one.fleet, -1 if one.index is None else one.index)):
        together = entry.index is not None and (
            entry.sign == "." or sizes[entry.fleet] > _SHOWN_ONE_BY_ONE
        )
        key = (entry.fleet, *entry.alike) if together else (entry.fleet, id(entry))
        groups[key].append(entry)
    return list(groups.values())


def _painter(sign: str, palette: Palette) -> Callable[[str], str]:
    return {
        "+": palette.create,
        "-": palette.destroy,
        "-/+": palette.destroy,
        "+/-": palette.change,
        ".": palette.quiet,
    }.get(sign, palette.change)


def _group_text(group: Sequence[Entry], palette: Palette) -> list[str]:
    first = group[0]
    paint = _painter(first.sign, palette)
    indent = 3 - len(first.sign)
    headline, *rest = wrap(f"{first.sign} {_headline(group)}", indent=indent, hang=6 - indent)
    lines = [paint(headline[:3]) + headline[3:], *rest]
    below = list(_below(group))
    if rest and len(below) == 1 and display_width(f"{rest[-1]}  {below[0]}") <= WIDTH:
        lines[-1] += "  " + palette.quiet(below.pop())
    for text in below:
        lines += [palette.quiet(line) for line in wrap(text, indent=6, hang=2)]
    return lines


def _headline(group: Sequence[Entry]) -> str:
    first = group[0]
    if first.index is None:
        return f"fleet.{first.fleet}  {first.detail}"
    parts = [slots_text(first.fleet, (one.index for one in group if one.index is not None))]
    if first.reason:
        parts[0] += f" ({first.reason})"
    if len(group) > 1:
        parts.append(f"{len(group)} alike")
    places = {one.place for one in group if one.place}
    place = places.pop() if len(places) == 1 else counted(len(places), "place") if places else ""
    parts += [first.gpu, f"{first.provider} {place}".strip()]
    if len(group) == 1:
        parts.append(first.thing)
    return "  ".join(part for part in parts if part)


def _below(group: Sequence[Entry]) -> Iterator[str]:
    first = group[0]
    for difference in first.differences[:_DIFFERENCES_SHOWN]:
        actual, wanted = cell(difference.actual), cell(difference.wanted)
        yield f"{cell(difference.attribute)}: {actual} -> {wanted}  # forces replacement"
    if len(first.differences) > _DIFFERENCES_SHOWN:
        yield f"... and {len(first.differences) - _DIFFERENCES_SHOWN} more differences"
    parts = [*_money(group)]
    if first.index is not None and first.detail:
        parts.insert(0, cell(first.detail, 120))
    if parts:
        yield "  ".join(parts)


def _money(group: Sequence[Entry]) -> Iterator[str]:
    rates = [one.rate for one in group if one.rate is not None]
    if not rates:
        return
    first = group[0]
    before = [one.rate_before for one in group if one.rate_before is not None]
    span = rate_span(rates)
    yield f"{rate_span(before)} -> {span}" if before else span
    if first.ceiling is not None and len(group) == 1:
        yield per_gpu_hour(rates[0], first.gpu_count)
    if len(group) > 1:
        yield f"together {format_rate(sum(rates, ZERO))}"
    ceilings = [one.ceiling for one in group if one.ceiling is not None]
    if ceilings:
        yield f"ceiling {format_rate(max(ceilings))}"

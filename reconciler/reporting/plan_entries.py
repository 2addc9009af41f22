"""The actions of a plan as lines: one entry an action, or one for many that are alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate
from reconciler.model.plan import Mode
from reconciler.model.value import dataclass
from reconciler.reporting.columns import WIDTH, cell, display_width, wrap
from reconciler.reporting.wording import (
    counted,
    gpu_text,
    per_gpu_hour,
    place_text,
    rate_span,
    slots_text,
    utc,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from decimal import Decimal

    from reconciler.model.plan import Create, Destroy, Difference, Keep, Plan, RateChange
    from reconciler.model.record import InstanceRecord
    from reconciler.reporting.palette import Palette

SIGNS = {
    "+": "create",
    "-": "destroy",
    "-/+": "replace: the old machine goes first",
    "+/-": "replace: the old machine goes when the new one is ready, both are billed until then",
    "~": "what is recorded changes, no machine is touched",
    "?": "unknown, and counted as billed",
    "!": "announced: a later pass destroys it",
    "<=": "a machine is found by its mark and becomes a record",
    "x": "dropped from the record: proven gone",
    ".": "keep",
}
"""Their meaning, in the order in which a summary counts them."""
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
_UNTOLD = frozenset({"", "not targeted"})
_DIFFERENCES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One action, ready for the page. ``index`` None: it is about the whole fleet.

    ``thing`` is the offer or the machine; ``rate`` what it costs, or will cost, an hour;
    ``rate_before`` what the machine it replaces costs.
    """

    sign: str
    fleet: str
    index: int | None
    reason: str = ""
    gpu: str = ""
    gpu_count: int = 1
    provider: str = ""
    place: str = ""
    thing: str = ""
    rate: Decimal | None = None
    rate_before: Decimal | None = None
    ceiling: Decimal | None = None
    disk: str = ""
    detail: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def alike(self) -> tuple[object, ...]:
        """Entries that may share one line differ only in slot, place, thing and money."""
        return (self.sign, self.reason, self.gpu, self.provider, self.detail, self.differences)


def plan_entries(plan: Plan) -> list[Entry]:
    """One for each action, kept machines included; a replacement is one entry."""
    gone = {entry.record.mark: entry for entry in plan.destroys}
    replaced = {create.predecessor for create in plan.creates} & set(gone)
    adopted = {entry.record.mark for entry in plan.adopts}
    kept = [one for one in plan.keeps if one.record.mark not in adopted] if adopted else plan.keeps
    entries = [_created(create, gone.get(create.predecessor)) for create in plan.creates]
    entries += [_destroyed(one) for one in plan.destroys if one.record.mark not in replaced]
    entries += [_on_record("<=", one.record, detail="found by its mark") for one in plan.adopts]
    entries += _kept(kept)
    entries += [
        _on_record(
            "!", one.record, one.reason, f"ends {utc(one.due_at)}: {one.detail}".rstrip(": ")
        )
        for one in plan.announces
    ]
    entries += _about_marks(plan)
    entries += [
        Entry("~", change.fleet, None, detail=what)
        for change in plan.lease_changes
        for what in change.what
    ]
    if plan.request.only_record:
        entries += [_rate_changed(one) for one in plan.rate_changes]
    return entries


def _rate_changed(change: RateChange) -> Entry:
    entry = _on_record("~", change.record, detail="billed rate")
    return replace(entry, rate=change.usd_per_hour, rate_before=change.record.usd_per_hour)


def _created(create: Create, replaced: Destroy | None) -> Entry:
    offer = create.offer
    entry = Entry(
        "+",
        create.slot.fleet,
        create.slot.index,
        create.reason,
        gpu_text(offer.gpu, offer.gpu_count) + (" spot" if offer.spot else ""),
        offer.gpu_count,
        cell(offer.provider, 24),
        place_text(offer.region, offer.country),
        f"offer {cell(offer.id, 32)}",
        create.usd_per_hour,
        ceiling=create.ceiling_usd_per_hour,
    )
    if replaced is None:
        return entry
    return replace(
        entry,
        sign="+/-" if create.succeeds else "-/+",
        reason=replaced.reason,
        thing=f"{cell(replaced.record.instance_id, 32)} -> {entry.thing}",
        rate_before=replaced.record.usd_per_hour,
        detail="" if replaced.differences else replaced.detail,
        differences=replaced.differences,
    )


def _destroyed(destroy: Destroy) -> Entry:
    entry = _on_record("-", destroy.record, destroy.reason, destroy.detail)
    return replace(entry, differences=destroy.differences)


def _kept(keeps: Iterable[Keep]) -> Iterator[Entry]:
    """Machines that are only counted share one entry of their fleet."""
    counted_only: dict[str, Entry] = {}
    for keep in keeps:
        if keep.detail not in _UNTOLD:
            yield _on_record(".", keep.record, detail=keep.detail)
            continue
        fleet = keep.record.fleet
        if fleet not in counted_only:
            counted_only[fleet] = Entry(".", fleet, None)
        yield counted_only[fleet]


def _on_record(sign: str, record: InstanceRecord, reason: str = "", detail: str = "") -> Entry:
    bought = record.specification
    return Entry(
        sign,
        record.fleet,
        record.index,
        reason,
        gpu_text(bought.gpu, bought.gpu_count) if bought else "",
        bought.gpu_count if bought else 1,
        cell(record.provider, 24),
        place_text(bought.region, bought.country) if bought else "",
        cell(record.instance_id, 32),
        record.usd_per_hour,
        detail=detail,
    )


def _about_marks(plan: Plan) -> Iterator[Entry]:
    """Doubts and what is forgotten: no machine to describe."""
    for doubt in plan.doubts:
        slot, provider = doubt.slot, cell(doubt.provider, 24)
        yield Entry(
            "?",
            slot.fleet,
            slot.index,
            provider=provider,
            rate=doubt.usd_per_hour,
            detail=doubt.detail,
        )
    for gone in plan.forgets:
        slot, provider = gone.slot, cell(gone.provider, 24)
        yield Entry("x", slot.fleet, slot.index, provider=provider, detail=gone.detail)


def sign_counts(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """Fleet to sign to number of actions."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in entries:
        counts[entry.fleet][entry.sign] += 1
    return counts


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

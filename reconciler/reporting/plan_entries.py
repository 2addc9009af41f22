"""The actions of a plan as rows for the page: what was bought, ends, changes or is in doubt."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.reporting.columns import cell
from reconciler.reporting.wording import gpu_text, place_text, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from reconciler.model.plan import Create, Destroy, Difference, Keep, Plan, RateChange
    from reconciler.model.record import InstanceRecord

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
_UNTOLD = frozenset({"", "not targeted"})


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

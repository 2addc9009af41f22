"""The plan added up: one line per fleet, and every billed machine before and after."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.mark import parse_mark
from reconciler.model.plan import FleetSummary
from reconciler.model.quantity import NEVER
from reconciler.model.value import dataclass
from reconciler.planning.leases import planned_end
from reconciler.planning.purchases import slots_by_fleet
from reconciler.planning.spending import (
    Running,
    hourly_burn_rate,
    live_rate,
    loop_is_expected,
    worst_case,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.office_windows import HoursSummary
    from reconciler.model.plan import Create
    from reconciler.model.record import LeaseRecord
    from reconciler.planning.node_timers import TimedEnds
    from reconciler.planning.purchase_terms import FleetNeed
    from reconciler.planning.scene import Decisions, Scene


def _machines_kept(decisions: Decisions, scene: Scene) -> list[Running]:
    return [
        Running(kept.record.fleet, live_rate(kept.record, kept.instance), scene.end_of(kept.record))
        for kept in decisions.keeps
    ]


def _others_before(decisions: Decisions) -> list[Running]:
    """Everything else that is billed now; doubts count (I13)."""
    ending = [entry.record for entry in decisions.destroys]
    ending += [entry.record for entry in decisions.announces]
    billed = [Running(one.fleet, one.usd_per_hour, one.created_at) for one in ending]
    billed += [
        Running(doubt.slot.fleet, doubt.usd_per_hour, _mark_end(doubt.mark))
        for doubt in decisions.doubts
    ]
    return billed


def _others_after(
    decisions: Decisions, creates: Sequence[Create], scene: Scene, timed: TimedEnds | None
) -> list[Running]:
    """Everything else that is billed once the plan is carried out, with the end of each.

    A machine that goes after its successor counts beside it: should that one never be ready, both
    are billed (SPEC.md section 12, 9).
    """
    billed: list[Running] = []
    for announced in decisions.announces:
        record = announced.record
        billed.append(Running(record.fleet, record.usd_per_hour, scene.end_of(record)))
    for destroy in decisions.destroys:
        if destroy.after_successor:
            record = destroy.record
            billed.append(Running(record.fleet, record.usd_per_hour, scene.end_of(record)))
    for doubt in decisions.doubts:
        end = _mark_end(doubt.mark) if doubt.worrying else scene.now
        billed.append(Running(doubt.slot.fleet, doubt.usd_per_hour, end))
    for create in creates:
        end = planned_end(scene.leases[create.slot.fleet], scene.now)
        end = end if timed is None else timed.of_new(create, end)
        billed.append(Running(create.slot.fleet, create.usd_per_hour, end))
    return billed


@dataclass(frozen=True, slots=True)
class Billed:
    """Every billed machine by fleet, ``before`` and ``after`` the plan is carried out."""

    before: Mapping[str, Sequence[Running]]
    after: Mapping[str, Sequence[Running]]
    worst_case_usd: Mapping[str, Decimal | None]
    """Of each fleet in ``after``; None for one that has no end."""

    @property
    def endless(self) -> list[str]:
        """Fleets without a worst case, by name."""
        return sorted(name for name, usd in self.worst_case_usd.items() if usd is None)

    @property
    def worst_case(self) -> Decimal | None:
        """Of all fleets together."""
        known = [usd for usd in self.worst_case_usd.values() if usd is not None]
        return sum(known, ZERO) if len(known) == len(self.worst_case_usd) else None

    @property
    def last_end(self) -> datetime | None:
        """Of all machines; None where there are none, or one has no end."""
        if self.endless:
            return None
        ends = {one.ends_at for machines in self.after.values() for one in machines}
        return max(ends, default=None)


def billed_machines(
    decisions: Decisions, creates: Sequence[Create], scene: Scene, tick: timedelta
) -> Billed:
    """``tick``: how often a loop is expected to pass."""
    timed = _timed_ends(scene, tick)
    kept = _machines_kept(decisions, scene)
    if timed is not None:
        kept = [
            one._replace(ends_at=timed.of(entry.record.mark, one.ends_at))
            for one, entry in zip(kept, decisions.keeps, strict=True)
        ]
    others_before = _others_before(decisions)
    others_after = _others_after(decisions, creates, scene, timed)
    before = _by_fleet([*kept, *others_before])
    unmoved = not others_before and not others_after
    after = before if unmoved else _by_fleet([*kept, *others_after])
    worst = {name: worst_case(machines, scene.now, tick) for name, machines in after.items()}
    return Billed(before, after, worst)


def _timed_ends(scene: Scene, tick: timedelta) -> TimedEnds | None:
    """None where no machine ends itself, or a loop ends it before that."""
    margin = scene.desired.safety.node_timer if scene.desired else None
    if not scene.recorded.node_timers and margin is None:
        return None
    if loop_is_expected(scene.recorded, scene.now, tick):
        return None
    from reconciler.planning.node_timers import TimedEnds  # few machines have timers

    return TimedEnds(scene.recorded.node_timers, margin, tick)


def fleet_summaries(
    needs: Sequence[FleetNeed],
    decisions: Decisions,
    creates: Sequence[Create],
    scene: Scene,
    billed: Billed,
) -> Iterator[FleetSummary]:
    """One for each fleet that is declared or has machines, in order of the names."""
    before, after = billed.before, billed.after
    need_of = {need.fleet.name: need for need in needs}
    declared = set(scene.desired.fleets) if scene.desired else set()
    buying = slots_by_fleet(creates)
    ending = Counter(entry.slot.fleet for entry in decisions.destroys)
    for name in sorted(declared | set(before) | set(after)):
        if not scene.request.covers_fleet(name):
            continue
        fleet = scene.fleet(name)
        lease = scene.leases.get(name)
        need = need_of.get(name)
        bought = buying.get(name, ())
        live, living = before.get(name, ()), after.get(name, ())
        rate = hourly_burn_rate(live)
        yield FleetSummary(
            fleet=name,
            target=fleet.nodes.target if fleet else 0,
            live=len(live),
            creates=len(bought),
            destroys=ending[name],
            unfilled=len(need.slots) - len(bought) - need.held(bought) if need else 0,
            rate_before=rate,
            rate_after=rate if living is live else hourly_burn_rate(living),
            worst_case_usd=billed.worst_case_usd.get(name, ZERO),
            ends_at=_shown_end(lease, scene.now),
            note=_note(need, declared=name in declared, documents=scene.desired is not None),
            command=_command(need),
            hours=_hours(fleet, lease, living, scene) if fleet else None,
        )


def _hours(
    fleet: Fleet, lease: LeaseRecord | None, machines: Sequence[Running], scene: Scene
) -> HoursSummary | None:
    if fleet.active is None:
        return None
    from reconciler.planning.hours_summary import hours_summary  # most fleets have no hours

    return hours_summary(fleet, fleet.active, lease, machines, scene.now, scene.tick)


def _command(need: FleetNeed | None) -> str:
    """Nothing renews what is closed: its next window has a lease of its own."""
    if need is None or not need.lease_ended or need.closed:
        return ""
    return f"gpu-shopper apply -renew {need.fleet.address}"


def _note(need: FleetNeed | None, *, declared: bool, documents: bool) -> str:
    if need is not None and need.lease_ended:
        return "outside hours" if need.closed else "lease ended"
    return "undeclared" if documents and not declared else ""


def _shown_end(lease: LeaseRecord | None, now: datetime) -> datetime | None:
    if lease is not None and lease.hours is not None and lease.started_at is None:
        end = lease.hours.closes_at
        return end if end is not None and end > now else None
    end = planned_end(lease, now) if lease is not None else None
    return None if end == NEVER else end


def _by_fleet(machines: Sequence[Running]) -> dict[str, list[Running]]:
    fleets: dict[str, list[Running]] = defaultdict(list)
    for machine in machines:
        fleets[machine.fleet].append(machine)
    return fleets


def _mark_end(mark_text: str) -> datetime:
    mark = parse_mark(mark_text)
    assert mark is not None, f"{mark_text} is not a mark"
    return mark.end

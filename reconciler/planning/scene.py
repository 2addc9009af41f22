"""What one decision is made from, and what it has come to so far."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.fleet import DEFAULT_TICK
from reconciler.model.mark import parse_mark
from reconciler.model.observation import Complete, Unknown
from reconciler.model.value import dataclass
from reconciler.planning.enforcement_rule import Circumstances
from reconciler.planning.leases import is_of_earlier_window, machine_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from reconciler.model.fleet import DesiredState, Fleet
    from reconciler.model.observation import ObservedState
    from reconciler.model.plan import (
        Adopt,
        Announce,
        Destroy,
        Doubt,
        Finding,
        Forget,
        Keep,
        PlanRequest,
        RateChange,
    )
    from reconciler.model.record import InstanceRecord, LeaseRecord, RecordedState
    from reconciler.planning.budgets import BudgetView
    from reconciler.planning.enforcement_rule import Verdict
    from reconciler.planning.mass_loss import MassLoss


@dataclass(frozen=True, slots=True)
class Scene:
    """The inputs of one decision, the leases already moved to where this plan puts them.

    ``losses``: providers whose listing is not believed, because it lacks too many at once (I33).
    """

    desired: DesiredState | None
    recorded: RecordedState
    observed: ObservedState
    leases: Mapping[str, LeaseRecord]
    now: datetime
    request: PlanRequest
    losses: Mapping[str, MassLoss] = field(default_factory=dict)
    budgets: Sequence[BudgetView] = ()
    """As they are once the plan is carried out."""
    over_budget: Mapping[str, str] = field(default_factory=dict)
    """Marks of machines that a budget ends, and why."""
    over_new_budget: Mapping[str, str] = field(default_factory=dict)
    """The same by budgets that stand in the documents alone, not applied yet."""
    new_budgets: Sequence[BudgetView] = ()
    """Those: nothing ends for them without a warning, and a loop buys nothing beyond them."""
    frozen: Sequence[Finding] = ()
    """Why leases keep the ends that they had: a budget that freezes cannot pay for later ones."""
    _circumstances: dict[str, Circumstances] = field(default_factory=dict)
    """Under started leases, by fleet: most fleets have many machines."""
    _fitting: dict[object, set[object]] = field(default_factory=dict)
    """Of fleets that ask for the same: the kinds of machine that are so."""

    @property
    def tick(self) -> timedelta:
        """How often a loop is expected to pass."""
        return self.desired.safety.tick if self.desired else DEFAULT_TICK

    def fleet(self, name: str) -> Fleet | None:
        return self.desired.fleets.get(name) if self.desired else None

    def circumstances_of(self, record: InstanceRecord) -> Circumstances:
        """What the rules are told of its fleet; one value for all machines of a started lease."""
        known = self._circumstances.get(record.fleet)
        if known is not None:
            return known
        lease = self.leases.get(record.fleet)
        fleet = record.fleet
        if lease is not None and lease.hours is not None:
            # No fleet has such a name: two kinds of machine may stand under one window's lease.
            fleet += " earlier" if is_of_earlier_window(lease, record.created_at) else " now"
            known = self._circumstances.get(fleet)
            if known is not None:
                return known
        end = lease.ends_at if lease is not None else None
        in_hours = lease is not None and lease.hours is not None
        declared = self.fleet(record.fleet)
        made = Circumstances(
            fleet=declared,
            documents=self.desired is not None,
            lease=lease,
            ends_at=_end_of(record, lease) if end is None or in_hours else end,
            request=self.request,
            now=self.now,
            fitting=self._fitting.setdefault(_what_fits(declared), set()),
            budgeted=bool(self.over_budget or self.over_new_budget),
        )
        if end is not None:
            self._circumstances[fleet] = made
        return made

    def end_of(self, record: InstanceRecord) -> datetime:
        """When its lease ends, or would if it had started with it."""
        return self.circumstances_of(record).ends_at

    def may_act(self, record: InstanceRecord) -> bool:
        """False for machines that are not targeted, or whose provider shows another account."""
        inventory = self.observed.inventories.get(record.provider)
        if isinstance(inventory, Unknown) and inventory.wrong_account:
            return False
        return self.request.covers(record.fleet, record.index)

    def put_off(self, record: InstanceRecord) -> bool:
        """There was no time to ask for it in this look."""
        read = self.observed.reads.get((record.provider, record.instance_id))
        return read is not None and read.put_off

    @property
    def may_act_on_all(self) -> bool:
        """True where ``may_act`` is true of every machine."""
        if self.request.targets or self.request.excludes:
            return False
        inventories = self.observed.inventories.values()
        return not any(isinstance(one, Unknown) and one.wrong_account for one in inventories)

    @property
    def unreadable(self) -> frozenset[str]:
        """Providers whose machines cannot be seen."""
        inventories = self.observed.inventories.items()
        return frozenset(name for name, one in inventories if isinstance(one, Unknown))

    def loss_of(self, record: InstanceRecord) -> MassLoss | None:
        """The mass loss that ``record`` is part of, if any."""
        loss = self.losses.get(record.provider)
        return loss if loss is not None and record.mark in loss.missing else None

    def has_complete_listing(self, provider: str) -> bool:
        return isinstance(self.observed.inventories.get(provider), Complete)


def _what_fits(fleet: Fleet | None) -> object:
    """Equal for fleets of this scene whose machines are compared with the same: those that are
    written alike share these values, and they live as long as the scene.
    """
    if fleet is None:
        return None
    return id(fleet.resources), id(fleet.where), id(fleet.buying), fleet.spot, fleet.image


def _end_of(record: InstanceRecord, lease: LeaseRecord | None) -> datetime:
    """Without a lease the mark's own end holds: it was the lease end when it was made."""
    if lease is None:
        mark = parse_mark(record.mark)
        return mark.end if mark else record.created_at
    return machine_end(lease, record.created_at)


@dataclass(slots=True)
class Decisions:
    """The plan while it is being made."""

    adopts: list[Adopt] = field(default_factory=list)
    destroys: list[Destroy] = field(default_factory=list)
    forgets: list[Forget] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    announces: list[Announce] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)
    protected: list[tuple[InstanceRecord, Verdict]] = field(default_factory=list)
    reported: list[tuple[InstanceRecord, Verdict]] = field(default_factory=list)
    sighted: list[str] = field(default_factory=list)
    became_ready: list[str] = field(default_factory=list)
    rate_changes: list[RateChange] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def staying(self) -> list[InstanceRecord]:
        """Machines that this plan leaves alone."""
        return [entry.record for entry in self.keeps] + [entry.record for entry in self.announces]

"""The plan: a decision as a value. Every action has one sign, one slot and one reason."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from reconciler.model.address import Address, Slot
from reconciler.model.cost import ZERO
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.balance import BalanceSummary
    from reconciler.model.budget import BudgetSummary
    from reconciler.model.exit_code import ExitCode
    from reconciler.model.instance import Instance
    from reconciler.model.offer import Offer
    from reconciler.model.office_windows import HoursSummary
    from reconciler.model.proposal import SwapProposal
    from reconciler.model.reason import CreateReason, DestroyReason
    from reconciler.model.record import (
        AbsenceEvidence,
        InstanceRecord,
        LeaseRecord,
        Specification,
        Succession,
    )


class Mode(StrEnum):
    """Who is asking. APPLY: documents approved by a person or a pipeline, so soft destroys have
    no grace. LOOP: hard only on what was recorded at the last apply. DESTROY: everything targeted.
    """

    APPLY = "apply"
    LOOP = "loop"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What was asked for, beside the documents.

    ``targets`` empty means everything. ``renew`` names fleets whose ended lease reopens.
    ``heal``: the loop may refill lost slots. ``max_destroy`` replaces the fuse by a number.
    ``fused``: False when a person approves the shown plan. ``excludes`` are left alone.
    ``replace`` are slots whose machine is replaced although nothing about it differs.
    ``only_record``: what was observed is recorded, nothing is bought or destroyed.
    ``from_state``: nobody was asked, so every machine is in doubt and no offer is known.
    ``allow_unbounded``: a plan without a worst case may be carried out.
    ``schedule``: the loop opens the windows of office hours that have begun.
    """

    mode: Mode
    targets: tuple[Address, ...] = ()
    renew: frozenset[str] = frozenset()
    heal: bool = False
    max_destroy: int | None = None
    fused: bool = True
    excludes: tuple[Address, ...] = ()
    replace: tuple[Slot, ...] = ()
    only_record: bool = False
    from_state: bool = False
    allow_unbounded: bool = False
    schedule: bool = False

    def covers(self, fleet: str, index: int) -> bool:
        """True when a slot is among the targets and not excluded."""
        if self.excludes and any(address.covers(fleet, index) for address in self.excludes):
            return False
        return not self.targets or any(target.covers(fleet, index) for target in self.targets)

    def covers_fleet(self, fleet: str) -> bool:
        """True when a fleet, or any slot of it, is targeted, and it is not excluded whole."""
        if self.excludes and Address(fleet) in self.excludes:
            return False
        return not self.targets or any(target.fleet == fleet for target in self.targets)


@dataclass(frozen=True, slots=True)
class Create:
    """``+`` buy one machine. ``ranked`` are the offers that satisfy the same requirement within
    ``ceiling``, cheapest first, the chosen one first: a vanished offer is replaced from there.
    """

    slot: Slot
    reason: CreateReason
    offer: Offer
    specification: Specification
    usd_per_hour: Decimal
    ceiling_usd_per_hour: Decimal
    ranked: tuple[Offer, ...] = ()
    replaces: str | None = None
    """Mark of the machine that must be gone first (a replacement)."""
    succeeds: Succession | None = None
    """The machine that goes once this one is ready (``create_before_destroy``)."""
    gang: int = 0
    """How many creates of its fleet must succeed, or all are given back; 0: no such bond."""
    spread: bool = False
    """No other machine of its fleet may stand on its host, whichever offer is taken."""
    after: tuple[str, ...] = ()
    """Marks of more machines that must be gone first: others of its slot, and those beside which
    its provider's cap leaves no room."""

    @property
    def predecessor(self) -> str:
        """The mark of the machine whose place it takes, in whichever order; empty for none."""
        return self.succeeds.mark if self.succeeds else self.replaces or ""


@dataclass(frozen=True, slots=True)
class Destroy:
    """``-`` give back one machine; also the next attempt at a doomed one (``again``).

    ``after_successor``: only once the create that succeeds it is ready. ``succeeded``: its
    successor is ready; the fuse counted it when that one was bought.
    """

    record: InstanceRecord
    reason: DestroyReason
    detail: str = ""
    soft: bool = False
    again: bool = False
    after_successor: bool = False
    succeeded: bool = False
    differences: tuple[Difference, ...] = ()

    @property
    def slot(self) -> Slot:
        return self.record.slot


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute of a machine that the documents no longer allow."""

    attribute: str
    actual: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """``<=`` a machine found under the mark of an intent becomes a record."""

    record: InstanceRecord
    instance: Instance

    @property
    def slot(self) -> Slot:
        return self.record.slot


@dataclass(frozen=True, slots=True)
class Forget:
    """``x`` something is dropped from the state, on proof or because its watch is over (I12).

    ``record``: the machine is proven gone. ``intent``: the unknown create is proven absent, its
    slot is free and its mark watched from now on. ``watch``: nothing appeared within the watch.
    """

    slot: Slot
    mark: str
    provider: str
    what: Literal["record", "intent", "watch"]
    detail: str
    unexpected: bool = False
    """A live machine has gone at its provider, and not by us."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """``?`` unknown: the slot is blocked and billed until it is known. ``evidence`` is what this
    observation added; None when it adds nothing.
    """

    slot: Slot
    mark: str
    provider: str
    detail: str
    usd_per_hour: Decimal
    evidence: AbsenceEvidence | None = None
    worrying: bool = True
    """False while it is only waiting its turn (a listing lags by design)."""
    recycled: bool = False
    """Its id stands for somebody else's machine now, or stood for one when it was last seen."""


@dataclass(frozen=True, slots=True)
class Keep:
    """``.`` nothing to do. ``instance`` is None where it was not read this time."""

    record: InstanceRecord
    instance: Instance | None
    detail: str = ""

    @property
    def slot(self) -> Slot:
        return self.record.slot


@dataclass(frozen=True, slots=True)
class Announce:
    """``!`` a soft destroy is announced now and carried out by a later pass."""

    record: InstanceRecord
    reason: DestroyReason
    due_at: datetime
    detail: str = ""

    @property
    def slot(self) -> Slot:
        return self.record.slot


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """``~`` what the state holds about a fleet changes; no machine is touched."""

    fleet: str
    before: LeaseRecord | None
    after: LeaseRecord | None
    what: tuple[str, ...]
    """One line for each thing that changes, for the reader; empty when not worth a line."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """``~`` what a machine was seen to be billed differs from what was recorded. ``since``: when
    it changed, where the provider says.
    """

    record: InstanceRecord
    usd_per_hour: Decimal
    since: datetime | None = None

    @property
    def slot(self) -> Slot:
        return self.record.slot


@dataclass(frozen=True, slots=True)
class Stranger:
    """A machine in the account that no record of ours covers."""

    kind: str
    """``orphaned``, ``other-lineage``, ``other-id``, ``duplicate``, ``let-go``, ``neighbour`` or
    ``foreign``.
    """
    instance: Instance
    end: datetime | None


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """One line per fleet. Counts are nodes; ``note`` says what stands in the way, if anything."""

    fleet: str
    target: int
    live: int
    creates: int
    destroys: int
    unfilled: int
    rate_before: Decimal
    rate_after: Decimal
    worst_case_usd: Decimal | None
    """None: it has no end, nor a worst case."""
    ends_at: datetime | None
    note: str = ""
    command: str = ""
    """The command that would change what ``note`` says."""
    hours: HoursSummary | None = None
    """None for a fleet without office hours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the reader must know. ``code`` is the exit code it asks for, if any.

    ``blocks`` means that nothing of the plan may be carried out.
    """

    message: str
    code: ExitCode | None = None
    blocks: bool = False
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would be done, and what it costs. Same inputs, same plan (I21).

    ``worst_case_usd`` is what the whole workspace can still cost after this plan if nobody ever
    looks again, up to ``worst_case_until``; None when a lease has no end.
    """

    workspace: str
    now: datetime
    request: PlanRequest
    creates: tuple[Create, ...] = ()
    destroys: tuple[Destroy, ...] = ()
    adopts: tuple[Adopt, ...] = ()
    forgets: tuple[Forget, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    announces: tuple[Announce, ...] = ()
    keeps: tuple[Keep, ...] = ()
    sighted: tuple[str, ...] = ()
    """Marks whose absence evidence or notice no longer holds: they were seen, or are wanted."""
    became_ready: tuple[str, ...] = ()
    """Marks of machines that were seen ready for the first time."""
    rate_changes: tuple[RateChange, ...] = ()
    lease_changes: tuple[LeaseChange, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    fleets: tuple[FleetSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    rate_before: Decimal = ZERO
    rate_after: Decimal = ZERO
    worst_case_usd: Decimal | None = None
    worst_case_until: datetime | None = None
    enforced_by: str = ""
    budgets: tuple[BudgetSummary, ...] = ()
    balances: tuple[BalanceSummary, ...] = ()
    proposals: tuple[SwapProposal, ...] = ()

    @property
    def changes_machines(self) -> bool:
        return bool(self.creates or self.destroys)

    @property
    def has_changes(self) -> bool:
        """True when carrying it out would do or record anything a reader would call a change."""
        return bool(
            self.changes_machines
            or self.adopts
            or self.forgets
            or self.announces
            or any(change.what for change in self.lease_changes)
            or any(budget.changes for budget in self.budgets)
            or (self.request.only_record and self.rate_changes)
            or (self.request.from_state and any(fleet.unfilled for fleet in self.fleets))
        )

    @property
    def blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)

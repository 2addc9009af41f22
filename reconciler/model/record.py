"""What we recorded: the state of one workspace (SPEC.md sections 4 and 7).

Stored as JSON by ``reconciler.statefile``; frozen, unknown fields refused. Records are keyed by
mark, because a mark exists before the provider's id does.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from reconciler.model.address import Slot
from reconciler.model.budget import DEFAULT_WEIGHT, BudgetRecord
from reconciler.model.host_memory import HostRecord
from reconciler.model.ledger import EMPTY_LEDGER, Ledger
from reconciler.model.pins import ClockMark, HostPin, ProviderPin, RolledBack, TrailAnchor
from reconciler.model.quantity import NEVER
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.stored import Seconds, Stored


class Specification(Stored):
    """What was asked of the provider, and what drift is measured against."""

    offer_id: str
    capacity_key: str
    host: str | None
    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes: int
    cuda: Decimal | None
    region: str
    country: str | None
    spot: bool
    image: str | None
    env: dict[str, str]
    """Environment as declared: references, never resolved values."""


class AbsenceEvidence(Stored):
    """Progress towards proof that a machine is gone (I12).

    ``last_seen_at``: the last positive sighting; for an unknown create its deadline; for a machine
    that went missing with many others the end of the extra window, still to come (I33).
    ``first_absent_at``: start of the first complete listing, at least V_p later, that lacked it.
    ``billed_at``: the last look at which it was surely billed: what is counted after it is marked.
    ``ended_at``: when its provider says that it was gone. It proves nothing and ends its bill.
    """

    last_seen_at: AwareDatetime
    first_absent_at: AwareDatetime | None = None
    billed_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Doom(Stored):
    """A destroy that is decided and not yet proven. Attempts never end."""

    reason: DestroyReason
    since: AwareDatetime
    attempts: int = 0
    failures: int = 0
    last_attempt_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    last_error: str = ""
    alerted_at: AwareDatetime | None = None
    """When people were last told that it is overdue."""


class Succession(Stored):
    """Whose place a machine takes with ``create_before_destroy``: the one under ``mark`` goes, for
    ``reason``, once this one is ready (SPEC.md section 12, 7).
    """

    mark: str
    reason: DestroyReason
    looked_into_until: AwareDatetime | None = None
    """Until then the run that buys it looks whether it can be handed over, and says so: its
    provider's word that it runs is not enough. None where no run waits for it.
    """


class InstanceRecord(Stored):
    """A machine that is ours: live, or doomed when ``doom`` is set. Dropped only on proof."""

    fleet: str
    index: int
    provider: str
    instance_id: str
    mark: str
    specification: Specification | None
    """None for a machine that was found by its mark and never bought by this state."""
    ceiling_usd_per_hour: Decimal | None
    usd_per_hour: Decimal
    created_at: AwareDatetime
    ready_at: AwareDatetime | None = None
    doom: Doom | None = None
    absence: AbsenceEvidence | None = None
    succeeds: Succession | None = None
    recycled: bool = False
    """Its id was seen to stand for somebody else's machine, and not for this one since: unseen, it
    is not asked to end (I4)."""

    @property
    def slot(self) -> Slot:
        return Slot(self.fleet, self.index)


class PendingCreate(Stored):
    """The intent: durable before the create call, kept until the outcome is known (I2, I11).

    ``watched_until`` is set once absence was proven: the slot is free again, and should the mark
    still appear before that time, the machine is doomed at once (SPEC.md section 12, 6).
    """

    fleet: str
    index: int
    provider: str
    mark: str
    specification: Specification
    ceiling_usd_per_hour: Decimal
    usd_per_hour: Decimal
    disk_usd_per_hour: Decimal = Decimal(0)
    """The part of it that the disk costs."""
    begun_at: AwareDatetime
    deadline_at: AwareDatetime
    absence: AbsenceEvidence | None = None
    watched_until: AwareDatetime | None = None
    succeeds: Succession | None = None
    reason: CreateReason | None = None

    @property
    def slot(self) -> Slot:
        return Slot(self.fleet, self.index)

    @property
    def blocks_slot(self) -> bool:
        return self.watched_until is None


class LeaseEnding(StrEnum):
    """Why a lease ended before its time, where it did."""

    RELEASED = "released"
    DESTROYED = "destroyed"


class HoursRecord(Stored):
    """The office hours of a fleet as last applied, and the window that its lease is for.

    ``opens_at`` is None where no window was opened under them yet. ``opened``: the slots that held
    a machine in this window; each is filled once by its schedule, and by ``--heal`` after that.
    """

    text: str
    time_zone: str
    until: AwareDatetime
    opens_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    opened: list[int] = []
    terms: str = ""
    """``OfficeHours.terms`` as applied."""


class LeaseRecord(Stored):
    """The lease of a fleet as last applied; the loop is hard only on this (section 12, 1).

    ``started_at`` is None until the first machine's id is durable. ``extended_to`` is an absolute
    end set by ``extend``. ``ended_by`` is set when a person ended it before its time.
    """

    fleet: str
    ttl: Seconds
    expires_at: AwareDatetime | None
    grace: Seconds
    target: int
    maximum: int
    prevent_destroy: bool = False
    team: str | None = None
    owner: str | None = None
    labels: dict[str, str] = {}
    weight: int = DEFAULT_WEIGHT
    started_at: AwareDatetime | None = None
    extended_to: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    ended_by: LeaseEnding | None = None
    hours: HoursRecord | None = None
    """None for a fleet without office hours."""

    @property
    def begins_at(self) -> datetime | None:
        """Machines made before are of an earlier window; None where there are no windows."""
        opens_at = self.hours.opens_at if self.hours is not None else None
        if opens_at is None or self.started_at is None:
            return opens_at
        return min(opens_at, self.started_at)

    @property
    def ends_at(self) -> datetime | None:
        """When the lease ends or ended, ``NEVER`` for no end; None while it has not started."""
        if self.ended_at is not None:
            return self.ended_at
        if self.extended_to is not None:
            return self.extended_to
        if self.started_at is None:
            return None
        if self.expires_at == NEVER:
            return NEVER
        end = self.started_at + self.ttl
        return end if self.expires_at is None else min(end, self.expires_at)


class SoftNotice(Stored):
    """A soft destroy that was announced: it is carried out no earlier than ``due_at``."""

    reason: DestroyReason
    noticed_at: AwareDatetime
    due_at: AwareDatetime


def duplicate_key(provider: str, instance_id: str) -> str:
    """The key of a machine in ``RecordedState.duplicates``; names of providers have no space."""
    return f"{provider} {instance_id}"


class LetGo(Stored):
    """A machine that a person told us to forget: enforced at its end only (section 12, 12)."""

    record: InstanceRecord
    since: AwareDatetime
    ends_at: AwareDatetime


class SpotLosses(Stored):
    """How often the spot machine of a slot was taken away, by the slot's number, under the lease
    that began at ``since``; a later lease begins with none.
    """

    since: AwareDatetime | None
    slots: dict[str, int] = {}


class NodeTimer(Stored):
    """A machine of which we know that it was told to destroy itself at ``ends_at``, ``margin``
    after the end that its lease had then. A machine may lack it all the same; none has one that is
    later than ``at_latest``.
    """

    ends_at: AwareDatetime
    margin: Seconds
    asked: AwareDatetime | None = None
    """A later time that it was, or was to be, told: nobody heard whether it took it."""
    told_at: AwareDatetime | None = None
    """When it last said that it goes by ``ends_at``; None for what it was ordered with."""
    runs: bool = True
    """False once the machine has said that there is no such timer on it."""

    @property
    def at_latest(self) -> datetime:
        return self.ends_at if self.asked is None else max(self.ends_at, self.asked)


_BY_THE_LOOP = frozenset(
    {
        "serial",
        "decided_serial",
        "saved_at",
        "saved_by",
        "loop_last_seen",
        "loop_due_at",
        "clock",
        "trail",
        "ledger",
    }
)


class RecordedState(Stored):
    """Everything we know about one workspace, as of ``serial``."""

    workspace: str
    lineage: str
    serial: int = 0
    decided_serial: int = 0
    """The last write that changed more than when a loop passed: saved plans are held against it."""
    saved_at: AwareDatetime | None = None
    saved_by: str = ""
    """The operation that wrote it, as its lock named it."""
    host: HostPin | None = None
    leases: dict[str, LeaseRecord] = {}
    instances: dict[str, InstanceRecord] = {}
    intents: dict[str, PendingCreate] = {}
    notices: dict[str, SoftNotice] = {}
    soft_destroys: list[AwareDatetime] = []
    """When machines were doomed for reasons that may be a slip, within the last hour."""
    providers: dict[str, ProviderPin] = {}
    duplicates: dict[str, str] = {}
    """By ``duplicate_key``: machines once seen under the mark of another one, and that mark. Kept
    for good: a copy that a person made stays theirs when our own machine is gone.
    """
    other_ids: dict[str, str] = {}
    """By mark of a machine on record that no look ever had: the id of one that stands under it."""
    let_go: dict[str, LetGo] = {}
    hosts: dict[str, HostRecord] = {}
    """What we learnt of hosts, by ``host_key``; at most ``HOSTS_MAX``."""
    spot_losses: dict[str, SpotLosses] = {}
    """By fleet."""
    spot_shunned: dict[str, AwareDatetime] = {}
    """Where a spot machine was taken away (``spot_losses.place_key``), and until when none is
    bought there again.
    """
    rolled_back: RolledBack | None = None
    loop_last_seen: AwareDatetime | None = None
    loop_due_at: AwareDatetime | None = None
    """When that loop meant to pass again at the latest."""
    clock: ClockMark | None = None
    """None until a pass with clocks that can be wrong has been made."""
    trail: TrailAnchor | None = None
    """None where nothing was ever written to an audit trail."""
    ledger: Ledger = EMPTY_LEDGER
    """What the machines have cost (SPEC.md section 6)."""
    budgets: dict[str, BudgetRecord] = {}
    """As last applied, by name."""
    node_timers: dict[str, NodeTimer] = {}
    """By mark, for machines that are not proven gone."""

    def decided_since(self, older: RecordedState) -> list[str]:
        """The fields that really changed: all but what every pass of a loop writes."""
        mine, theirs = self.__dict__, older.__dict__
        names = [name for name in mine if name not in _BY_THE_LOOP]
        return [
            name for name in names if mine[name] is not theirs[name] and mine[name] != theirs[name]
        ]

    def records_of(self, fleet: str) -> list[InstanceRecord]:
        """In slot order, newest last within a slot."""
        mine = [record for record in self.instances.values() if record.fleet == fleet]
        return sorted(mine, key=lambda record: (record.index, record.created_at, record.mark))

"""A plan as a document for other programs (``schemas/plan.schema.json``).

It holds everything that the text of the plan shows, and for a saved plan what it was made from.
Of an environment it holds the names alone: a value may be a secret.
"""

from __future__ import annotations

from typing import Literal

from reconciler.model.action_document import Action, InstanceDocument
from reconciler.model.budget import BudgetPeriod
from reconciler.model.office_windows import LaterRate
from reconciler.model.plan import Mode
from reconciler.model.published import DecimalText, LocalMoment, Moment, Published

FORMAT_VERSION: Literal["1.0"] = "1.0"
"""The first number moves when an old reader would misunderstand, the second when it would not."""


class RequestDocument(Published):
    """What was asked for beside the documents: the fields of ``PlanRequest``, each of them."""

    mode: Mode
    targets: tuple[str, ...]
    renew: tuple[str, ...]
    heal: bool
    max_destroy: int | None
    fused: bool
    excludes: tuple[str, ...]
    replace: tuple[str, ...]
    """Slots whose machine is replaced although nothing about it differs."""
    only_record: bool
    from_state: bool
    allow_unbounded: bool
    schedule: bool


class OriginDocument(Published):
    """What a saved plan was made from. ``lineage`` and ``serial`` null: there was no state yet.

    ``accounts``: by provider, for those whose listing could be read.
    """

    lineage: str | None
    serial: int | None
    documents_digest: str
    accounts: dict[str, str]


class StrangerDocument(Published):
    """A machine in the account that no record covers; ``end`` is what its mark says."""

    kind: str
    instance: InstanceDocument
    end: Moment | None


class HoursRow(Published):
    """Office hours. ``opens_at`` and ``closes_at`` are those of the window at hand, null outside of
    hours; ``windows_left`` are the windows after it. ``later_usd`` is the most that those can cost
    beside the plan's worst case, if ``reconcile --schedule`` opens each: by the price cap of the
    documents (``cap``) or at the rate of now (``today``); null where neither is known. ``armed``:
    these hours are applied, so that a loop opens them.
    """

    hours: str
    time_zone: str
    until: LocalMoment
    opens_at: LocalMoment | None
    closes_at: LocalMoment | None
    next_opens_at: LocalMoment | None
    windows_left: int
    seconds_left: int
    later_usd: DecimalText | None
    later_rate: LaterRate | None
    armed: bool


class FleetRow(Published):
    """One fleet; counts are nodes. ``worst_case_usd`` null: its lease has no end."""

    fleet: str
    target: int
    live: int
    creates: int
    destroys: int
    unfilled: int
    rate_before: DecimalText
    rate_after: DecimalText
    worst_case_usd: DecimalText | None
    ends_at: Moment | None
    note: str
    command: str
    hours: HoursRow | None


class FindingDocument(Published):
    """Something the reader must know. ``blocks``: nothing of the plan may be carried out.

    ``exit_word`` is the name of ``exit_code``; both are null where it asks for none.
    """

    message: str
    exit_code: int | None
    exit_word: str | None
    blocks: bool
    fix: str


class CountsDocument(Published):
    """How many actions of each sign; a replacement is one create and one destroy."""

    create: int
    destroy: int
    update: int
    keep: int
    unknown: int
    adopt: int
    forget: int
    announce: int


class MoneyDocument(Published):
    """Dollars an hour before and after, and the most that it can still cost (SPEC.md section 1).

    ``worst_case_usd`` null: a lease has no end.
    """

    rate_before: DecimalText
    rate_after: DecimalText
    worst_case_usd: DecimalText | None
    worst_case_until: Moment | None
    enforced_by: str
    disks_included: Literal[True] = True
    bandwidth_included: Literal[False] = False


class BudgetRow(Published):
    """A budget once the plan is carried out. ``since`` and ``until`` are null where its period has
    no beginning or end; ``left_usd`` is null where it limits the rate alone.
    """

    name: str
    period: BudgetPeriod
    since: Moment | None
    until: Moment | None
    limit_usd: DecimalText | None
    max_hourly_usd: DecimalText | None
    spent_usd: DecimalText
    committed_usd: DecimalText
    left_usd: DecimalText | None
    usd_per_hour: DecimalText
    is_wall: bool
    changes: tuple[str, ...]
    unproven_usd: DecimalText
    """How much of ``spent_usd`` was counted since destroys that wait for their proof."""


class BalanceRow(Published):
    """A provider's account once the plan is carried out. ``balance_usd`` null: not known, ``why``
    tells; ``left_usd`` is what is surely left when the last lease there ends.
    """

    provider: str
    balance_usd: DecimalText | None
    min_balance_usd: DecimalText | None
    committed_usd: DecimalText
    left_usd: DecimalText | None
    short_usd: DecimalText
    usd_per_hour: DecimalText
    empty_at: Moment | None
    why: str


class ProposalRow(Published):
    """A like machine is cheaper: ``command`` would swap it, and nothing does so unasked. What is
    saved until ``until`` is ``saving_usd``, ``setup_cost_usd`` already taken off.
    """

    address: str
    mark: str
    provider: str
    instance_id: str
    usd_per_hour: DecimalText
    to_provider: str
    to_region: str
    to_offer: str
    to_usd_per_hour: DecimalText
    setup_cost_usd: DecimalText
    saving_usd: DecimalText
    until: Moment
    command: str


class PlanDocument(Published):
    """The whole plan. ``origin`` is null for one that was not saved.

    ``applicable`` false: a rule blocks it, so that it can be read and never applied.
    """

    format_version: Literal["1.0"] = FORMAT_VERSION
    tool_version: str
    workspace: str
    made_at: Moment
    applicable: bool
    has_changes: bool
    request: RequestDocument
    origin: OriginDocument | None
    fleets: tuple[FleetRow, ...]
    actions: tuple[Action, ...]
    strangers: tuple[StrangerDocument, ...]
    sighted: tuple[str, ...]
    became_ready: tuple[str, ...]
    """Marks of machines that were seen ready for the first time."""
    findings: tuple[FindingDocument, ...]
    counts: CountsDocument
    money: MoneyDocument
    budgets: tuple[BudgetRow, ...]
    balances: tuple[BalanceRow, ...] = ()
    proposals: tuple[ProposalRow, ...] = ()
    next_step: str

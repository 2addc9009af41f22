"""What of a saved plan still holds, and what is carried out of it: nothing that it did not show.

The file only selects (SPEC.md section 12, 14): every order is derived anew from documents, state
and offers, for exactly the actions that were saved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.address import Slot
from reconciler.model.cost import format_rate
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Keep
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.planning.fingerprint import capped, lease_decisions
from reconciler.planning.plan_safety import held_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.plan import Create, Plan
    from reconciler.model.record import RecordedState
    from reconciler.model.saved_plan import SavedPlan
    from reconciler.planning.planner import Assessment
    from reconciler.planning.purchase_terms import FleetNeed
    from reconciler.planning.scene import Decisions

_DIGITS_SHOWN = 12
_LEFT = "not in the saved plan"


@dataclass(frozen=True, slots=True)
class Present:
    """What a saved plan is held against. ``recorded`` is None where there is no state."""

    workspace: str
    recorded: RecordedState | None
    documents_digest: str


def what_moved(saved: SavedPlan, present: Present) -> str:
    """The first thing that is not as it was, with what it was and is; empty when nothing moved."""
    origin, recorded = saved.origin, present.recorded
    if saved.plan.workspace != present.workspace:
        return (
            f"it is of workspace {printable(saved.plan.workspace)}, "
            f"the documents here are of {present.workspace}"
        )
    lineage = recorded.lineage if recorded else None
    if origin.lineage is not None and lineage is not None and origin.lineage != lineage:
        return (
            f"it was made from a state of lineage {printable(origin.lineage, 40)}, "
            f"the state here has lineage {printable(lineage, 40)}"
        )
    serial = recorded.serial if recorded else None
    if (origin.lineage is None) != (recorded is None) or _decided_since(recorded, origin.serial):
        return f"it was made {_at(origin.serial)}, and now there is {_there(serial)}"
    if origin.documents_digest != present.documents_digest:
        before, now = origin.documents_digest[:_DIGITS_SHOWN], present.documents_digest
        return f"the documents changed: digest {printable(before)} then, {now[:_DIGITS_SHOWN]} now"
    return ""


def _decided_since(recorded: RecordedState | None, serial: int | None) -> bool:
    """Whether more happened than a loop's visit, or an older state was put back."""
    if recorded is None or serial is None:
        return False
    return recorded.decided_serial > serial or recorded.serial < serial


def _at(serial: int | None) -> str:
    return "before there was a state" if serial is None else f"at state serial {serial}"


def _there(serial: int | None) -> str:
    return "no state" if serial is None else f"state serial {serial}"


def other_account(saved: SavedPlan, accounts: Mapping[str, str]) -> str:
    """The first provider that shows another account than when the plan was made; or empty."""
    for provider, account in sorted(saved.origin.accounts.items()):
        if accounts.get(provider, account) != account:
            return (
                f"it was made for account {printable(account)} of {printable(provider)}, "
                f"the key belongs to account {printable(accounts[provider])}"
            )
    return ""


def only_saved(assessment: Assessment, approved: Plan) -> Assessment:
    """``assessment`` without what ``approved`` does not hold: neither destroyed nor bought for.

    A machine that should go and was not shown is kept; the next plan, or the loop, sees to it.
    """
    scene, decisions = assessment.scene, assessment.decisions
    shown = {(one.record.mark, one.reason) for one in approved.destroys}
    excess = [one for one in decisions.destroys if (one.record.mark, one.reason) not in shown]
    held_back(decisions, scene, excess, _LEFT)
    _drop_unshown_records(decisions, approved)
    bought = {create.slot for create in approved.creates}
    needs = tuple(_only_slots(need, bought) for need in assessment.needs)
    return replace(assessment, needs=needs, watched=())


def _only_slots(need: FleetNeed, bought: set[Slot]) -> FleetNeed:
    slots = tuple(at for at in need.slots if Slot(need.fleet.name, at) in bought)
    heirs = {at: heir for at, heir in need.succeeds.items() if at in slots}
    return replace(need, slots=slots, succeeds=heirs)


def _drop_unshown_records(decisions: Decisions, approved: Plan) -> None:
    """Adoptions, proofs and announcements that were not shown: the next plan finds them again."""
    adopted = {one.record.mark for one in approved.adopts}
    forgotten = {(one.mark, one.what) for one in approved.forgets}
    announced = {(one.record.mark, one.reason) for one in approved.announces}
    decisions.adopts = [one for one in decisions.adopts if one.record.mark in adopted]
    decisions.forgets = [one for one in decisions.forgets if (one.mark, one.what) in forgotten]
    late = [one for one in decisions.announces if (one.record.mark, one.reason) not in announced]
    decisions.announces = [one for one in decisions.announces if one not in late]
    decisions.keeps += [Keep(one.record, None, f"{one.reason}, {_LEFT}") for one in late]


@dataclass(frozen=True, slots=True)
class Agreement:
    """``plan``: what is carried out; None when the saved one is not possible any more, for
    ``reasons``. ``remarks``: where another offer than the shown one is taken.
    """

    plan: Plan | None
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def agreement(approved: Plan, fresh: Plan) -> Agreement:
    """Whether ``fresh`` is every action of ``approved``, each create below its approved ceiling.

    Expects a ``fresh`` that ``only_saved`` has narrowed, so that it holds nothing else.
    """
    found = {create.slot: create for create in fresh.creates}
    creates: list[Create] = []
    reasons = list(_missing_destroys(approved, fresh))
    remarks: list[str] = []
    if lease_decisions(approved) != lease_decisions(fresh):
        reasons.append("what it changes about the leases is not what would change now")
    for shown in approved.creates:
        create = found.get(shown.slot)
        within = create and capped(create, shown.ceiling_usd_per_hour)
        if create is None or within is None:
            reasons.append(_cannot_buy(shown, create, fresh))
        elif _purpose(create) != _purpose(shown):
            reasons.append(f"{shown.slot} was to be bought as {shown.reason}, not {create.reason}")
        else:
            creates.append(within)
            remarks += _repicked(shown, within)
    if reasons:
        return Agreement(None, tuple(reasons))
    agreed = replace(_with_shortfalls(approved, fresh), creates=tuple(creates))
    return Agreement(agreed, remarks=tuple(remarks))


def _purpose(create: Create) -> tuple[object, ...]:
    return (create.reason, create.replaces, create.succeeds)


def _with_shortfalls(approved: Plan, fresh: Plan) -> Plan:
    """Slots that the saved plan could not fill are not asked for again, and still told of."""
    unfilled = {one.fleet: one.unfilled for one in approved.fleets}
    short = [one for one in approved.findings if one.code is ExitCode.NO_OFFER]
    return replace(
        fresh,
        fleets=tuple(
            replace(one, unfilled=unfilled.get(one.fleet, one.unfilled)) for one in fresh.fleets
        ),
        findings=(*fresh.findings, *(one for one in short if one not in fresh.findings)),
    )


def _missing_destroys(approved: Plan, fresh: Plan) -> Iterator[str]:
    there = {(one.record.mark, one.reason, one.after_successor) for one in fresh.destroys}
    for shown in approved.destroys:
        if (shown.record.mark, shown.reason, shown.after_successor) not in there:
            yield f"{shown.slot} would not be destroyed as {shown.reason} now"


def _cannot_buy(shown: Create, create: Create | None, fresh: Plan) -> str:
    ceiling = format_rate(shown.ceiling_usd_per_hour)
    if create is not None:
        now = format_rate(create.usd_per_hour)
        return f"{shown.slot} was approved up to {ceiling}, and the cheapest is {now} now"
    told = [one.message for one in fresh.findings if one.code is not None]
    why = f" ({told[0]})" if told else ""
    return f"{shown.slot} cannot be bought now{why}"


def _repicked(shown: Create, create: Create) -> Iterator[str]:
    before, offer = shown.offer, create.offer
    if (offer.provider, offer.id) != (before.provider, before.id):
        yield (
            f"{shown.slot}: offer {printable(before.id, 40)} is not the cheapest or has gone; "
            f"{printable(offer.provider, 24)} {printable(offer.id, 40)} instead, "
            f"{format_rate(create.usd_per_hour)}, approved up to "
            f"{format_rate(shown.ceiling_usd_per_hour)}"
        )

"""``compute_plan``: documents, state, inventories, offers and a moment in; a ``Plan`` out.

Pure: no clock, no network, no randomness, no environment. In two steps, so that a plan which buys
nothing never asks for offers: ``assess`` finds what has to go and which slots lack a machine,
``complete_plan`` fills the slots.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from reconciler.model.fleet import Safety
from reconciler.model.offer import EMPTY_OFFER_BOOK
from reconciler.model.plan import LeaseChange, Mode, Plan
from reconciler.model.value import dataclass
from reconciler.planning.classification import classify_instances
from reconciler.planning.clock_rule import clock_findings, is_off
from reconciler.planning.leases import describe_change, lease_after_apply, without_schedule
from reconciler.planning.machines import decide_machines
from reconciler.planning.mass_loss import disbelieving, find_mass_losses
from reconciler.planning.plan_findings import (
    lease_findings,
    observation_findings,
    offer_findings,
    unapplied_hours,
    unbounded_findings,
)
from reconciler.planning.plan_safety import check_plan_safety
from reconciler.planning.plan_summary import billed_machines, fleet_summaries
from reconciler.planning.provider_caps import provider_caps
from reconciler.planning.purchases import buy, fleet_needs, without_vacant_successions
from reconciler.planning.refresh import recording_only, unread
from reconciler.planning.rollback import blind_findings
from reconciler.planning.scene import Decisions, Scene
from reconciler.planning.spending import DESTROY_TIME, enforced_by, hourly_burn_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from reconciler.model.address import Slot
    from reconciler.model.balance import Balance
    from reconciler.model.fleet import DesiredState, Fleet
    from reconciler.model.observation import ObservedState
    from reconciler.model.offer import OfferBook
    from reconciler.model.plan import Create, PlanRequest
    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.budget_admission import Admission
    from reconciler.planning.classification import Classified
    from reconciler.planning.purchase_terms import FleetNeed


_by_slot = attrgetter("record.fleet", "record.index", "record.mark")


@dataclass(frozen=True, slots=True)
class Assessment:
    """A plan before shopping. ``needs`` are the fleets whose slots may be filled."""

    scene: Scene
    classified: Classified
    decisions: Decisions
    needs: tuple[FleetNeed, ...]
    lease_changes: tuple[LeaseChange, ...]
    watched: tuple[Fleet, ...] = ()
    """The fleets whose running machines are held against the offers of now."""

    @property
    def buying(self) -> list[Fleet]:
        """The fleets that need offers."""
        return [need.fleet for need in self.needs if need.slots]

    def with_balances(self, balances: Mapping[str, Balance]) -> Assessment:
        """The same, once it is known what accounts have left."""
        observed = replace(self.scene.observed, balances=balances)
        return replace(self, scene=replace(self.scene, observed=observed))


def compute_plan(
    desired: DesiredState | None,
    recorded: RecordedState,
    observed: ObservedState,
    offers: OfferBook,
    now: datetime,
    request: PlanRequest,
) -> Plan:
    """The whole decision. ``desired`` None: the documents could not be read.

    Equal inputs give equal plans, whatever the order of their parts (I21). Never raises for what
    it finds; what stands in the way is in ``Plan.findings``.
    """
    return complete_plan(assess(desired, recorded, observed, now, request), offers)


def assess(
    desired: DesiredState | None,
    recorded: RecordedState,
    observed: ObservedState,
    now: datetime,
    request: PlanRequest,
) -> Assessment:
    """Everything that can be decided without offers."""
    renewed = request.mode is Mode.APPLY and desired is not None and not request.only_record
    desired = _at_this_hour(desired, now)
    leases = _leases_after(desired, recorded, now, request) if renewed else dict(recorded.leases)
    if request.schedule and desired is not None and not is_off(observed.clock):
        leases.update(_opened_windows(desired, recorded, now, request))
    losses = find_mass_losses(recorded, observed)
    observed = disbelieving(observed, losses)
    scene = Scene(desired, recorded, observed, leases, now, request, losses)
    if recorded.budgets or (desired is not None and desired.budgets):
        from reconciler.planning.budget_scene import with_budgets  # many workspaces have none

        scene = with_budgets(scene, renewed=renewed)
    classified = classify_instances(recorded, observed)
    decisions = decide_machines(classified, scene)
    if request.only_record:
        decisions = recording_only(decisions, scene)
    if request.from_state:
        decisions = unread(decisions)
    check_plan_safety(decisions, scene, _safety(desired))
    changes = tuple(_lease_changes(scene)) if renewed or request.schedule else ()
    needs = tuple(fleet_needs(scene, decisions))
    return Assessment(scene, classified, decisions, needs, changes, _watched(scene, decisions))


def _watched(scene: Scene, decisions: Decisions) -> tuple[Fleet, ...]:
    fleets = scene.desired.fleets.values() if scene.desired else ()
    if not any(fleet.price_watch for fleet in fleets):
        return ()
    from reconciler.planning.price_watch import watched_fleets  # most watch no prices

    return tuple(watched_fleets(scene, decisions))


def complete_plan(assessment: Assessment, offers: OfferBook = EMPTY_OFFER_BOOK) -> Plan:
    """Fill the slots from ``offers`` and add up the money."""
    plan = _completed(assessment, offers if assessment.buying else EMPTY_OFFER_BOOK)
    if not assessment.watched:
        return plan
    from reconciler.planning.price_watch import proposals

    scene, decisions = assessment.scene, assessment.decisions

    def creates_with(slots: tuple[Slot, ...]) -> tuple[Create, ...]:
        asked = replace(scene.request, replace=slots)
        other = assess(scene.desired, scene.recorded, scene.observed, scene.now, asked)
        return _completed(other, offers).creates

    found = proposals(assessment.watched, offers, scene, decisions, creates_with)
    return replace(plan, proposals=found)


def _completed(assessment: Assessment, offers: OfferBook) -> Plan:
    scene = assessment.scene
    caps = provider_caps(scene, assessment.decisions)
    purchases = buy(assessment.needs, offers.offers, scene, caps)
    tick = scene.tick
    admission = _admitted(purchases.creates, assessment)
    creates = purchases.creates if admission is None else admission.creates
    decisions = without_vacant_successions(assessment.decisions, assessment.needs, creates)
    billed = billed_machines(decisions, creates, scene, tick)
    until = billed.last_end
    changes = bool(assessment.buying or any(one.what for one in assessment.lease_changes))
    findings = (
        *clock_findings(scene, decisions, changes=changes),
        *decisions.findings,
        *observation_findings(assessment.classified, scene, decisions),
        *blind_findings(scene, buys=bool(creates)),
        *lease_findings(assessment.needs, scene),
        *unbounded_findings(billed.endless, scene),
        *unapplied_hours(scene),
        *caps.findings(),
        *(admission.findings if admission else ()),
        *offer_findings(assessment.needs, purchases, offers, scene),
    )
    return Plan(
        workspace=scene.recorded.workspace,
        now=scene.now,
        request=scene.request,
        creates=tuple(sorted(creates, key=lambda create: create.slot)),
        destroys=tuple(sorted(decisions.destroys, key=_by_slot)),
        adopts=tuple(sorted(decisions.adopts, key=_by_slot)),
        forgets=tuple(sorted(decisions.forgets, key=lambda entry: (entry.slot, entry.mark))),
        doubts=tuple(sorted(decisions.doubts, key=lambda entry: (entry.slot, entry.mark))),
        announces=tuple(sorted(decisions.announces, key=_by_slot)),
        keeps=tuple(sorted(decisions.keeps, key=_by_slot)),
        sighted=tuple(sorted(set(decisions.sighted))),
        became_ready=tuple(sorted(decisions.became_ready)),
        rate_changes=tuple(sorted(decisions.rate_changes, key=_by_slot)),
        lease_changes=assessment.lease_changes,
        strangers=tuple(assessment.classified.strangers),
        fleets=tuple(fleet_summaries(assessment.needs, decisions, creates, scene, billed)),
        findings=tuple(findings),
        rate_before=hourly_burn_rate(chain.from_iterable(billed.before.values())),
        rate_after=hourly_burn_rate(chain.from_iterable(billed.after.values())),
        worst_case_usd=billed.worst_case,
        worst_case_until=None if until is None else until + tick + DESTROY_TIME,
        enforced_by=enforced_by(
            scene.recorded, scene.now, tick, creates, _safety(scene.desired).node_timer
        ),
        budgets=admission.budgets if admission else (),
        balances=admission.balances if admission else (),
    )


def _admitted(creates: tuple[Create, ...], assessment: Assessment) -> Admission | None:
    """What the budgets and the accounts can carry; None where there are none to ask."""
    scene = assessment.scene
    settings = scene.desired.providers.values() if scene.desired else ()
    guarded = scene.observed.balances or any(one.min_balance_usd is not None for one in settings)
    budgets = scene.budgets or scene.new_budgets or scene.recorded.budgets
    if not budgets and not guarded:
        return None
    from reconciler.planning.budget_admission import admit

    return admit(creates, scene.budgets, scene, assessment.decisions, scene.tick)


def _safety(desired: DesiredState | None) -> Safety:
    return desired.safety if desired is not None else Safety()


def _leases_after(
    desired: DesiredState | None, recorded: RecordedState, now: datetime, request: PlanRequest
) -> dict[str, LeaseRecord]:
    """Every lease as it stands once the plan is applied; untargeted and undeclared ones as is."""
    leases = dict(recorded.leases)
    occupied = {record.fleet for record in recorded.instances.values() if record.doom is None}
    for name, fleet in (desired.fleets if desired else {}).items():
        if not request.covers_fleet(name):
            continue
        before, renew = recorded.leases.get(name), name in request.renew
        if fleet.active is not None:
            from reconciler.planning.window_leases import lease_in_hours  # most have no hours

            mine = recorded.records_of(name)
            leases[name] = lease_in_hours(
                fleet,
                fleet.active,
                before,
                now,
                renew=renew,
                held=[one.index for one in mine if one.doom is None],
                max_ttl=_safety(desired).max_ttl,
            )
        else:
            leases[name] = lease_after_apply(
                fleet, before, now, renew=renew, occupied=name in occupied
            )
    return {**leases, **dict(_left_out(desired, leases, request))}


def _left_out(
    desired: DesiredState | None, leases: Mapping[str, LeaseRecord], request: PlanRequest
) -> Iterator[tuple[str, LeaseRecord]]:
    """What the leases of office hours become whose fleets the documents do not declare any more."""
    for name, lease in leases.items():
        declared = desired is None or name in desired.fleets
        if lease.hours is not None and not declared and request.covers_fleet(name):
            yield name, without_schedule(lease)


def _at_this_hour(desired: DesiredState | None, now: datetime) -> DesiredState | None:
    if desired is None or all(fleet.active is None for fleet in desired.fleets.values()):
        return desired
    from reconciler.planning.window_leases import at_this_hour  # most fleets have no hours

    return at_this_hour(desired, now)


def _opened_windows(
    desired: DesiredState, recorded: RecordedState, now: datetime, request: PlanRequest
) -> Iterator[tuple[str, LeaseRecord]]:
    """The windows that a loop opens now (``reconcile --schedule``)."""
    for name, fleet in desired.fleets.items():
        if fleet.active is not None and request.covers_fleet(name):
            from reconciler.planning.window_leases import opened_by_schedule

            lease = opened_by_schedule(fleet, recorded.leases.get(name), now)
            if lease is not None:
                yield name, lease


def _lease_changes(scene: Scene) -> list[LeaseChange]:
    before = scene.recorded.leases
    changes = [
        describe_change(before.get(name), lease) for name, lease in sorted(scene.leases.items())
    ]
    return [change for change in changes if change is not None]

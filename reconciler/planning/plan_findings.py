"""What the reader of a plan must be told, and which exit code it asks for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate
from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import Partial, Unknown
from reconciler.model.plan import Finding, Mode
from reconciler.model.quantity import about
from reconciler.planning.fleet_diff import machine_differences
from reconciler.planning.inability import Inabilities
from reconciler.planning.leases import has_ended, same_hours, same_terms
from reconciler.planning.purchases import slots_by_fleet
from reconciler.planning.rollback import ADOPT_THEM, UNKNOWN_SINCE, rollback_findings
from reconciler.planning.succession import find_successions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.fleet import DesiredState
    from reconciler.model.offer import OfferBook
    from reconciler.model.record import InstanceRecord
    from reconciler.planning.classification import Classified
    from reconciler.planning.purchase_terms import FleetNeed
    from reconciler.planning.purchases import Purchases
    from reconciler.planning.scene import Decisions, Scene


_OLD_OFFERS = timedelta(minutes=2)
"""Older than what is kept as a matter of course."""


def observation_findings(
    classified: Classified, scene: Scene, decisions: Decisions
) -> Iterator[Finding]:
    """Unreadable providers, missing machines, strangers under our name."""
    if scene.request.from_state:
        yield Finding(
            "planned from the state alone: nobody was asked what runs, or what it costs",
            fix="gpu-shopper plan without -refresh=false",
        )
        return
    yield from _listing_findings(scene)
    yield from _shared_slot_findings(classified, scene, decisions)
    worrying = Counter(
        (doubt.provider, doubt.detail) for doubt in decisions.doubts if doubt.worrying
    )
    for (provider, detail), count in sorted(worrying.items()):
        again = "run it again in a minute; nothing was given up and nothing is bought twice"
        yield Finding(
            f"{count} machine(s) on {provider}: {detail}; counted as billed",
            ExitCode.PROVIDER_FAILURE,
            fix=ADOPT_THEM if detail == UNKNOWN_SINCE else again,
        )
    yield from rollback_findings(decisions, scene)
    kinds = Counter(stranger.kind for stranger in classified.strangers)
    if kinds["other-lineage"]:
        yield Finding(
            f"{kinds['other-lineage']} machine(s) carry this workspace's name and another state's "
            "mark; they are billed",
            ExitCode.PROVIDER_FAILURE,
            fix="gpu-shopper orphans",
        )
    if kinds["duplicate"]:
        yield Finding(
            f"{kinds['duplicate']} machine(s) carry a mark that another machine has",
            fix="gpu-shopper orphans",
        )
    if kinds["other-id"]:
        yield Finding(
            f"{kinds['other-id']} machine(s) carry the mark of one that was never seen, and may be "
            "it under another id; they are billed",
            ExitCode.PROVIDER_FAILURE,
            fix="gpu-shopper orphans",
        )
    yield from _let_go_findings(classified)


def _let_go_findings(classified: Classified) -> Iterator[Finding]:
    let_go = [one for one in classified.strangers if one.kind == "let-go"]
    if let_go:
        rate = sum((one.instance.usd_per_hour or ZERO for one in let_go), ZERO)
        yield Finding(
            f"{len(let_go)} machine(s) were let go by state rm and are billed {format_rate(rate)}; "
            "each is destroyed at its end",
            fix="gpu-shopper orphans",
        )


def _shared_slot_findings(
    classified: Classified, scene: Scene, decisions: Decisions
) -> Iterator[Finding]:
    """Slots that hold two machines already: they are given no third one."""
    pairs = find_successions(classified.records)
    slots = {old.record.slot for old in pairs.predecessors.values()}
    for slot in scene.request.replace:
        if slot in slots:
            yield Finding(f"{slot} is being replaced already, so -replace changes nothing")
    if pairs.successors and scene.desired is not None and scene.request.mode is Mode.APPLY:
        kept = {keep.record.mark for keep in decisions.keeps}
        for mark, heir in pairs.successors.items():
            old = scene.recorded.instances[mark]
            if heir.record.mark in kept:
                said = f"{old.slot} has its successor, {heir.record.instance_id}, and that"
                yield from _unfit_findings(heir.record, said, scene.desired)
            elif mark in kept:
                said = f"{old.slot} loses its successor and keeps {old.instance_id}, which"
                yield from _unfit_findings(old, said, scene.desired)


def _unfit_findings(stays: InstanceRecord, said: str, desired: DesiredState) -> Iterator[Finding]:
    fleet = desired.fleets.get(stays.fleet)
    differences = machine_differences(fleet, stays, set()) if fleet is not None else ()
    if differences:
        yield Finding(
            f"{said} is not as declared any more: {differences[0].attribute}",
            ExitCode.PARTIAL,
            fix="gpu-shopper apply once more replaces it",
        )


class Outages:
    """Which providers matter to a plan when they cannot be read (SPEC.md section 12, 11)."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.homes = Counter(record.provider for record in scene.recorded.instances.values())
        self.homes.update(intent.provider for intent in scene.recorded.intents.values())
        self.homes.update(one.record.provider for one in scene.recorded.let_go.values())

    def matter(self, provider: str) -> bool:
        """True when machines of ours are there, or may be, or a fleet to be bought names it."""
        return self.homes[provider] > 0 or self._is_named(provider)

    def _is_named(self, provider: str) -> bool:
        """By its name in ``providers``, or as the only one that a fleet may use."""
        request, desired = self._scene.request, self._scene.desired
        buying_loop = request.mode is Mode.LOOP and (request.heal or request.schedule)
        buys = request.mode is Mode.APPLY or buying_loop
        if desired is None or not buys or request.only_record:
            return False
        for name, fleet in desired.fleets.items():
            where = fleet.where
            usable = (where.providers or set(desired.providers)) - where.exclude_providers
            named = provider in where.providers or set(usable) == {provider}
            if named and request.covers_fleet(name):
                return True
        return False


def _listing_findings(scene: Scene) -> Iterator[Finding]:
    outages = Outages(scene)
    homes = outages.homes
    for name, inventory in sorted(scene.observed.inventories.items()):
        if isinstance(inventory, Unknown):
            refused = inventory.credentials_refused
            code = ExitCode.CREDENTIALS if refused else ExitCode.PROVIDER_FAILURE
            what = f"{name} could not be read: {inventory.why}"
            if homes[name]:
                what += f"; {homes[name]} machine(s) of ours there count as billed"
            blocks = inventory.wrong_account and scene.request.mode is not Mode.LOOP
            matters = refused or outages.matter(name)
            yield Finding(what, code if matters else None, blocks=blocks)
        elif isinstance(inventory, Partial):
            yield Finding(
                f"the listing of {name} is incomplete: {inventory.why}",
                ExitCode.PROVIDER_FAILURE if outages.matter(name) else None,
            )


def lease_findings(needs: Sequence[FleetNeed], scene: Scene) -> Iterator[Finding]:
    """Fleets that buy nothing because their lease has ended, and renewals of running leases."""
    for name in sorted(scene.request.renew):
        lease = scene.recorded.leases.get(name)
        if lease is None or not has_ended(lease, scene.now):
            yield Finding(
                f"fleet.{name}: the lease has not ended, so -renew changes nothing",
                fix=f"gpu-shopper extend fleet.{name} 1h moves its end",
            )
    if scene.request.schedule and not scene.request.heal:
        return  # every minute: a window that is over, or was given back, is no news
    for need in needs:
        if need.lease_ended and not need.closed:
            name = need.fleet.address
            yield Finding(
                f"{name}: lease ended, nothing is created",
                fix=f"gpu-shopper apply -renew {name}",
            )


def unapplied_hours(scene: Scene) -> Iterator[Finding]:
    """Windows that a loop would open, had anybody applied these hours (section 12, 1)."""
    if not scene.request.schedule or scene.desired is None:
        return
    for name, fleet in sorted(scene.desired.fleets.items()):
        if fleet.active is None or fleet.ttl <= timedelta(0):
            continue
        lease = scene.recorded.leases.get(name)
        if not scene.request.covers_fleet(name):
            continue
        if lease is None or not same_hours(lease, fleet.active):
            what = "nobody applied these hours"
        elif not same_terms(lease, fleet.active):
            what = "nobody applied what the documents buy in it now"
        else:
            continue
        yield Finding(
            f"fleet.{name}: its window is open, and {what}: a loop buys nothing for it",
            fix="gpu-shopper apply",
        )


def unbounded_findings(endless: Iterable[str], scene: Scene) -> Iterator[Finding]:
    """Fleets without an end (SPEC.md section 3): a person has to say that it is meant."""
    request = scene.request
    if request.mode is not Mode.APPLY or request.allow_unbounded or request.only_record:
        return
    for name in endless:
        if request.covers_fleet(name):
            yield Finding(
                f"fleet.{name} has no end, so nobody can say what it costs at most",
                ExitCode.REFUSED_BY_RULE,
                blocks=True,
                fix="write a ttl or a time in expires_at; if it is meant: -allow-unbounded",
            )


def offer_findings(
    needs: Sequence[FleetNeed], purchases: Purchases, offers: OfferBook, scene: Scene
) -> Iterator[Finding]:
    """Fleets below their minimum (exit 7), or below their target, and providers not asked."""
    if scene.request.from_state:
        yield from _unasked_findings(needs)
        return
    slots = slots_by_fleet(purchases.creates)
    wanted = any(need.slots for need in needs)
    outages = Outages(scene) if offers.failures else None
    for provider, why in sorted(offers.failures.items()):
        inventory = scene.observed.inventories.get(provider)
        if isinstance(inventory, Unknown) and inventory.why == why:
            continue  # the listing's finding says the same, with a code at least as urgent
        matters = outages is not None and outages.matter(provider)
        code = ExitCode.PROVIDER_FAILURE if matters else None
        yield Finding(f"{provider} shows no offers: {why}", code)
    for listing in offers.listings:
        if listing.age > _OLD_OFFERS:
            old = f"{about(listing.age)} old: it allows no more searches now"
            yield Finding(f"the offers of {listing.provider} are {old}")
    unable = Inabilities(offers)
    for need in needs:
        name, nodes = need.fleet.address, need.fleet.nodes
        bought = slots[need.fleet.name]
        held = need.held(bought)
        filled = need.occupied + len(bought) + held
        if not wanted or len(bought) == len(need.slots):
            continue
        fix = f"gpu-shopper explain {name}"
        if held:
            what = f"{name}: {held} machine(s) stay, because no successor can be rented"
            yield Finding(what + _caps_in_the_way(need, purchases), ExitCode.NO_OFFER, fix=fix)
        if filled < nodes.minimum:
            what = f"{name}: {_shortage(need, filled)}{unable.in_the_way(need.fleet)}"
            yield Finding(what + _caps_in_the_way(need, purchases), ExitCode.NO_OFFER, fix=fix)
        elif filled < nodes.target:
            what = (
                f"{name}: {nodes.target - filled} node(s) unfilled{unable.in_the_way(need.fleet)}"
            )
            yield Finding(what + _caps_in_the_way(need, purchases), fix=fix)
    yield from _unproven_finding(purchases)


def _unproven_finding(purchases: Purchases) -> Iterator[Finding]:
    if purchases.unproven:
        fleets = [f"fleet.{name}" for name in sorted(purchases.unproven)]
        more = f" and {len(fleets) - 3} more" if len(fleets) > 3 else ""
        names = ", ".join(fleets[:3]) + more
        yield Finding(f"{names}: not proven to be the cheapest choice, the search was cut short")


def _unasked_findings(needs: Sequence[FleetNeed]) -> Iterator[Finding]:
    for need in needs:
        if need.slots:
            what = f"{need.fleet.address}: {len(need.slots)} node(s) lack a machine"
            yield Finding(f"{what}; no offer was asked for")


def _shortage(need: FleetNeed, filled: int) -> str:
    least = need.fleet.nodes.minimum
    if not need.gang:
        return f"{filled} of at least {least} node(s) can be rented"
    where = f" with placement {need.fleet.placement}" if need.fleet.placement != "any" else ""
    return f"its gang of at least {least} node(s) cannot be rented whole{where}; none is bought"


def _caps_in_the_way(need: FleetNeed, purchases: Purchases) -> str:
    caps = purchases.held_back.get(need.fleet.name, ())
    named = " and ".join(f"providers.{name}.max_hourly_usd" for name in caps)
    return f"; {named} stands in the way" if named else ""

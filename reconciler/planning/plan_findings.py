"""What the reader of a plan must be told, and which exit code it asks for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import Partial, Unknown
from reconciler.model.plan import Finding, Mode
from reconciler.planning.leases import has_ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.offer import OfferBook
    from reconciler.planning.classification import Classified
    from reconciler.planning.purchase_terms import FleetNeed
    from reconciler.planning.purchases import Purchases
    from reconciler.planning.scene import Decisions, Scene


def observation_findings(
    classified: Classified, scene: Scene, decisions: Decisions
) -> Iterator[Finding]:
    """Unreadable providers, missing machines, strangers under our name."""
    yield from _listing_findings(scene)
    worrying = Counter(
        (doubt.provider, doubt.detail) for doubt in decisions.doubts if doubt.worrying
    )
    for (provider, detail), count in sorted(worrying.items()):
        yield Finding(
            f"{count} machine(s) on {provider}: {detail}; counted as billed",
            ExitCode.PROVIDER_FAILURE,
            fix="run it again in a minute; nothing was given up and nothing is bought twice",
        )
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


def _listing_findings(scene: Scene) -> Iterator[Finding]:
    homes = Counter(record.provider for record in scene.recorded.instances.values())
    homes.update(intent.provider for intent in scene.recorded.intents.values())
    for name, inventory in sorted(scene.observed.inventories.items()):
        if isinstance(inventory, Unknown):
            matters = homes[name] > 0
            refused = inventory.credentials_refused
            code = ExitCode.CREDENTIALS if refused else ExitCode.PROVIDER_FAILURE
            what = f"{name} could not be read: {inventory.why}"
            if matters:
                what += f"; {homes[name]} machine(s) of ours there count as billed"
            blocks = inventory.wrong_account and scene.request.mode is not Mode.LOOP
            yield Finding(what, code if matters or refused else None, blocks=blocks)
        elif isinstance(inventory, Partial):
            yield Finding(
                f"the listing of {name} is incomplete: {inventory.why}", ExitCode.PROVIDER_FAILURE
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
    for need in needs:
        if need.lease_ended:
            name = need.fleet.address
            yield Finding(
                f"{name}: lease ended, nothing is created",
                fix=f"gpu-shopper apply -renew {name}",
            )


def offer_findings(
    needs: Sequence[FleetNeed], purchases: Purchases, offers: OfferBook
) -> Iterator[Finding]:
    """Fleets below their minimum (exit 7), or below their target, and providers not asked."""
    bought = Counter(create.slot.fleet for create in purchases.creates)
    wanted = any(need.slots for need in needs)
    for provider, why in sorted(offers.failures.items()):
        yield Finding(f"{provider} shows no offers: {why}", ExitCode.PROVIDER_FAILURE)
    for need in needs:
        name, nodes = need.fleet.address, need.fleet.nodes
        filled = need.occupied + bought[need.fleet.name]
        if not wanted or bought[need.fleet.name] == len(need.slots):
            continue
        fix = f"gpu-shopper explain {name}"
        if filled < nodes.minimum:
            what = f"{name}: {_shortage(need, filled)}"
            yield Finding(what + _caps_in_the_way(need, purchases), ExitCode.NO_OFFER, fix=fix)
        else:
            what = f"{name}: {nodes.target - filled} node(s) unfilled"
            yield Finding(what + _caps_in_the_way(need, purchases), fix=fix)
    if purchases.unproven:
        fleets = [f"fleet.{name}" for name in sorted(purchases.unproven)]
        more = f" and {len(fleets) - 3} more" if len(fleets) > 3 else ""
        names = ", ".join(fleets[:3]) + more
        yield Finding(f"{names}: not proven to be the cheapest choice, the search was cut short")


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

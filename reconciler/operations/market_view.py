"""``offers``, ``explain`` and ``orphans``: reads that help to decide. None writes anything."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.inventory.offers import collect_offers, query_of
from reconciler.inventory.price_history import PriceHistory
from reconciler.inventory.volumes import list_all_volumes
from reconciler.model.errors import UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.model.host_memory import quarantined_hosts
from reconciler.model.observation import Partial, Unknown
from reconciler.model.value import dataclass
from reconciler.planning.classification import classify_instances
from reconciler.planning.explanation import explain
from reconciler.planning.host_memory import shunning
from reconciler.planning.spot_memory import shunned_places
from reconciler.planning.weighing import with_learnt
from reconciler.transport.cache_place import cache_place

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.explanation import Explanation
    from reconciler.model.offer import OfferBook
    from reconciler.model.plan import Stranger
    from reconciler.model.price_history import PriceSeries
    from reconciler.model.volume import Volume
    from reconciler.operations.workspace import Workspace
    from reconciler.providers.base import OfferQuery


@dataclass(frozen=True, slots=True)
class StrangerReport:
    """Machines that no record covers, and which providers could not be read in full."""

    now: datetime
    strangers: tuple[Stranger, ...]
    doubts: tuple[str, ...]
    code: ExitCode
    volumes: tuple[Volume, ...] = ()
    """Storage that is billed apart from machines, whoever made it."""


async def list_market(workspace: Workspace, query: OfferQuery) -> OfferBook:
    """What all configured providers offer now; their prices are remembered."""
    kept = workspace.kept_offers
    book = await collect_offers(workspace.providers, query, workspace.clock, kept)
    history = _price_history(workspace)
    if history is not None:
        history.note(book.listings)
    return book


def remembered_prices(workspace: Workspace) -> tuple[PriceSeries, ...]:
    """What earlier searches of this workspace saw; nothing where there is no cache."""
    history = _price_history(workspace)
    return history.series() if history is not None else ()


def _price_history(workspace: Workspace) -> PriceHistory | None:
    """In the user's cache, one file for each workspace of each directory."""
    place = cache_place(workspace.environ, "prices")
    if place is None:
        return None
    digest = hashlib.sha256(str(workspace.directory.absolute()).encode()).hexdigest()[:16]
    return PriceHistory(place / f"{workspace.name}-{digest}.json")


async def explain_fleet(workspace: Workspace, name: str) -> Explanation:
    """Ranking and rejections of one declared fleet. Raises ``UsageRefused`` for another name."""
    fleets = workspace.desired.fleets if workspace.desired else {}
    fleet = fleets.get(name)
    if fleet is None:
        listed = ", ".join(f"fleet.{one}" for one in sorted(fleets)[:10]) or "none"
        raise UsageRefused(f"there is no fleet.{name} in the documents", fix=f"declared: {listed}")
    recorded = workspace.backend.read()
    if recorded is not None:
        now = workspace.clock.now()
        lost = shunned_places(recorded, None, now)
        fleet = shunning(fleet, quarantined_hosts(recorded.hosts, now), lost)
        fleet = with_learnt(fleet, recorded.hosts.values(), now)
    return explain(fleet, await list_market(workspace, query_of([fleet])))


async def find_strangers(workspace: Workspace) -> StrangerReport:
    """Every machine of the accounts that is not ours by record (exit 8 where some may be hidden).

    Without a state every machine is a stranger.
    """
    inventories = await list_everything(workspace.providers, workspace.clock)
    recorded = workspace.backend.read()
    observed = await observe_instances(workspace.providers, inventories, recorded)
    classified = classify_instances(recorded or workspace.fresh_state(), observed)
    doubts = tuple(
        f"{name}: {inventory.why}"
        for name, inventory in sorted(observed.inventories.items())
        if isinstance(inventory, (Partial, Unknown))
    )
    volumes, unlisted = await list_all_volumes(workspace.providers)
    doubts += unlisted
    alarming = doubts or any(
        one.kind in ("other-lineage", "other-id", "orphaned") for one in classified.strangers
    )
    code = ExitCode.PROVIDER_FAILURE if alarming else ExitCode.DONE
    strangers = tuple(classified.strangers)
    return StrangerReport(workspace.clock.now(), strangers, doubts, code, volumes)

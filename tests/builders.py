"""Values for tests, small and whole: each has every field, and keywords replace any of them.

All moments stand around ``START`` (noon, UTC). A machine built here carries a true mark of its
slot, so that a record, its machine in a listing and its intent know one another.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.address import Slot
from reconciler.model.fleet import DesiredState, Fleet, NodeCount, ProviderSettings, Resources
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.observation import Complete, ObservedState, Partial, Unknown
from reconciler.model.offer import Offer, OfferBook, OfferListing
from reconciler.model.plan import Create, Destroy, FleetSummary, Mode, Plan, PlanRequest
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import (
    InstanceRecord,
    LeaseRecord,
    PendingCreate,
    RecordedState,
    Specification,
)
from tests.markets import GIB, START

WORKSPACE = "demo"
LINEAGE = "lineage-1"
PROVIDER = "simulated"
TTL = timedelta(hours=4)
HOUR = timedelta(hours=1)


def mark_text(
    fleet_name: str = "train",
    index: int = 0,
    *,
    nonce: str | None = None,
    end: datetime = START + TTL,
    workspace: str = WORKSPACE,
    lineage: str = LINEAGE,
) -> str:
    """The mark of a slot; another ``nonce`` (8 characters) makes it another machine's."""
    part = workspace_part(workspace, lineage)
    return str(Mark(part, fleet_name, index, end, nonce or f"{index:08d}"))


def fleet(
    name: str = "train",
    nodes: int | NodeCount = 1,
    gpu: str | tuple[str, ...] = "RTX4090",
    **changes: Any,
) -> Fleet:
    """A fleet on any provider for four hours. Several ``gpu`` texts are alternatives."""
    wanted = (gpu,) if isinstance(gpu, str) else gpu
    fields: dict[str, Any] = {
        "name": name,
        "nodes": nodes if isinstance(nodes, NodeCount) else NodeCount(nodes, nodes, nodes),
        "resources": Resources(gpu=tuple(parse_gpu(text) for text in wanted)),
        "ttl": TTL,
    }
    return Fleet(**{**fields, **changes})


def desired(*fleets: Fleet, **changes: Any) -> DesiredState:
    """The documents of workspace ``demo`` with the simulated provider; no fleets: empty ones."""
    fields: dict[str, Any] = {
        "workspace": WORKSPACE,
        "fleets": {one.name: one for one in fleets},
        "providers": {PROVIDER: ProviderSettings(PROVIDER, PROVIDER)},
    }
    return DesiredState(**{**fields, **changes})


def offer(offer_id: str = "o1", usd_per_hour: str = "0.40", **changes: Any) -> Offer:
    """One RTX 4090 in Amsterdam with free disk, on a host of its own."""
    fields: dict[str, Any] = {
        "provider": PROVIDER,
        "id": offer_id,
        "gpu": "RTX4090",
        "gpu_count": 1,
        "gpu_memory_bytes": 24 * GIB,
        "usd_per_hour": Decimal(usd_per_hour),
        "disk_usd_per_gib_hour": Decimal(0),
        "vcpus": 12,
        "memory_bytes": 48 * GIB,
        "disk_bytes_max": 1000 * GIB,
        "cuda": Decimal("12.4"),
        "region": "nl-amsterdam",
        "country": "NL",
        "host": f"host of {offer_id}",
        "spot": False,
        "reliability": Decimal("0.990"),
        "verified": True,
        "hosting": "datacenter",
        "stock": 1,
        "capacity_key": f"host of {offer_id}",
    }
    return Offer(**{**fields, **changes})


def listing(*offers: Offer, provider: str = PROVIDER, **changes: Any) -> OfferListing:
    """What one provider has now; every row usable."""
    fields: dict[str, Any] = {"unusable": {}, "read_at": START}
    return OfferListing(provider=provider, offers=offers, **{**fields, **changes})


def offer_book(*offers: Offer) -> OfferBook:
    """One listing of the simulated provider."""
    return OfferBook((listing(*offers),))


def specification(bought: Offer | None = None, **changes: Any) -> Specification:
    """What is ordered when ``bought`` (by default ``offer()``) is taken with 50 GB of disk."""
    taken = bought or offer()
    fields: dict[str, Any] = {
        "offer_id": taken.id,
        "disk_bytes": 50 * GIB,
        "image": None,
        "env": {},
        **{
            name: getattr(taken, name)
            for name in (
                "capacity_key host gpu gpu_count gpu_memory_bytes vcpus memory_bytes cuda region "
                "country spot"
            ).split()
        },
    }
    return Specification(**{**fields, **changes})


def record(fleet_name: str = "train", index: int = 0, **changes: Any) -> InstanceRecord:
    """A live machine, ready since one minute after ``START``."""
    fields: dict[str, Any] = {
        "fleet": fleet_name,
        "index": index,
        "provider": PROVIDER,
        "instance_id": f"m-{fleet_name}-{index}",
        "mark": mark_text(fleet_name, index),
        "specification": specification(),
        "ceiling_usd_per_hour": Decimal("0.42"),
        "usd_per_hour": Decimal("0.40"),
        "created_at": START,
        "ready_at": START + timedelta(minutes=1),
    }
    return InstanceRecord(**{**fields, **changes})


def intent(fleet_name: str = "train", index: int = 0, **changes: Any) -> PendingCreate:
    """A create that was begun at ``START`` and whose outcome is not known."""
    fields: dict[str, Any] = {
        "fleet": fleet_name,
        "index": index,
        "provider": PROVIDER,
        "mark": mark_text(fleet_name, index),
        "specification": specification(),
        "ceiling_usd_per_hour": Decimal("0.42"),
        "usd_per_hour": Decimal("0.40"),
        "begun_at": START,
        "deadline_at": START + timedelta(minutes=2),
    }
    return PendingCreate(**{**fields, **changes})


def instance(of: InstanceRecord | PendingCreate | None = None, **changes: Any) -> Instance:
    """A running machine as its provider lists it: the one of ``of``, or of ``record()``."""
    known = of if of is not None else record()
    bought = known.specification
    own_id = known.instance_id if isinstance(known, InstanceRecord) else None
    fields: dict[str, Any] = {
        "provider": known.provider,
        "id": own_id or f"m-{known.fleet}-{known.index}",
        "label": known.mark,
        "status": InstanceStatus.RUNNING,
        "status_text": "running",
        "usd_per_hour": known.usd_per_hour,
        "gpu": bought.gpu if bought else None,
        "gpu_count": bought.gpu_count if bought else None,
        "region": bought.region if bought else None,
        "ssh": SshEndpoint("203.0.113.7", 22000 + known.index, "root"),
        "created_at": START,
    }
    return Instance(**{**fields, **changes})


def lease(fleet_name: str = "train", **changes: Any) -> LeaseRecord:
    """A lease of four hours that started at ``START``, for one node."""
    fields: dict[str, Any] = {
        "fleet": fleet_name,
        "ttl": TTL,
        "expires_at": None,
        "grace": timedelta(minutes=10),
        "target": 1,
        "maximum": 1,
        "started_at": START,
    }
    return LeaseRecord(**{**fields, **changes})


def recorded_state(
    *parts: InstanceRecord | PendingCreate | LeaseRecord, **changes: Any
) -> RecordedState:
    """Workspace ``demo`` holding ``parts``; a fleet with machines has a lease all the same."""
    instances = {one.mark: one for one in parts if isinstance(one, InstanceRecord)}
    intents = {one.mark: one for one in parts if isinstance(one, PendingCreate)}
    leases = _leases_of(instances)
    leases.update({one.fleet: one for one in parts if isinstance(one, LeaseRecord)})
    fields: dict[str, Any] = {
        "workspace": WORKSPACE,
        "lineage": LINEAGE,
        "serial": 1,
        "leases": leases,
        "instances": instances,
        "intents": intents,
    }
    return RecordedState(**{**fields, **changes})


def _leases_of(instances: dict[str, InstanceRecord]) -> dict[str, LeaseRecord]:
    sizes: dict[str, int] = {}
    for one in instances.values():
        sizes[one.fleet] = max(sizes.get(one.fleet, 0), one.index + 1)
    return {name: lease(name, target=size, maximum=size) for name, size in sizes.items()}


def complete(provider: str = PROVIDER, *instances: Instance, **changes: Any) -> Complete:
    """A whole listing, read at ``START``."""
    fields: dict[str, Any] = {"account": "account-1", "started_at": START}
    return Complete(provider=provider, instances=instances, **{**fields, **changes})


def partial(provider: str = PROVIDER, *instances: Instance, **changes: Any) -> Partial:
    """A listing that may miss something."""
    fields: dict[str, Any] = {
        "account": "account-1",
        "started_at": START,
        "why": "the second page could not be read",
    }
    return Partial(provider=provider, instances=instances, **{**fields, **changes})


def unreadable(provider: str = PROVIDER, **changes: Any) -> Unknown:
    """A provider that did not answer."""
    fields: dict[str, Any] = {"started_at": START, "why": "connection refused"}
    return Unknown(provider=provider, **{**fields, **changes})


def observed(*inventories: Complete | Partial | Unknown, **changes: Any) -> ObservedState:
    """What the providers were seen to run; nothing was read directly."""
    by_name = {one.provider: one for one in inventories}
    return ObservedState(inventories=by_name, **changes)


def create(fleet_name: str = "train", index: int = 0, **changes: Any) -> Create:
    """Buy ``offer()``, or the ``offer`` given, for a slot."""
    taken: Offer = changes.get("offer") or offer()
    fields: dict[str, Any] = {
        "slot": Slot(fleet_name, index),
        "reason": CreateReason.NEW,
        "offer": taken,
        "specification": specification(taken),
        "usd_per_hour": taken.usd_per_hour,
        "ceiling_usd_per_hour": taken.usd_per_hour * Decimal("1.05"),
        "ranked": (taken,),
    }
    return Create(**{**fields, **changes})


def destroy(of: InstanceRecord | None = None, **changes: Any) -> Destroy:
    """Give back the machine of ``of``, or of ``record()``, because its lease has ended."""
    fields: dict[str, Any] = {"record": of or record(), "reason": DestroyReason.EXPIRED}
    return Destroy(**{**fields, **changes})


def summary(fleet_name: str = "train", **changes: Any) -> FleetSummary:
    """The line of a fleet with one machine and nothing to do."""
    fields: dict[str, Any] = {
        "fleet": fleet_name,
        "target": 1,
        "live": 1,
        "creates": 0,
        "destroys": 0,
        "unfilled": 0,
        "rate_before": Decimal("0.40"),
        "rate_after": Decimal("0.40"),
        "worst_case_usd": Decimal("1.62"),
        "ends_at": START + TTL,
    }
    return FleetSummary(**{**fields, **changes})


def plan(**changes: Any) -> Plan:
    """An empty plan of ``apply`` at ``START``."""
    fields: dict[str, Any] = {
        "workspace": WORKSPACE,
        "now": START,
        "request": PlanRequest(Mode.APPLY),
        "worst_case_usd": Decimal(0),
        "enforced_by": "loop seen 40 s ago",
    }
    return Plan(**{**fields, **changes})

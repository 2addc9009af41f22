"""RunPod's GraphQL: the account and its balance, spot, and what their own Python client asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.graphql_text import Field, fields_of
from reconciler.market.faces.runpod_calls import catalog_of, existing, pods_shown
from reconciler.market.faces.runpod_catalog import CLOUDS, COMMUNITY, SECURE, Wanted
from reconciler.market.faces.runpod_names import level
from reconciler.market.faces.runpod_orders import balance_usd, graphql_order, place
from reconciler.market.faces.runpod_pods import graphql_row, pod_of
from reconciler.market.faces.runpod_problems import Rejected
from reconciler.market.faults import HEALTHY, Fault, Operation, distort
from reconciler.market.units import usd

if TYPE_CHECKING:
    from reconciler.market.faces.runpod_catalog import Catalog
    from reconciler.market.world import World

GIB = 2**30
SPEND_LIMIT_USD = 80
Arguments = Mapping[str, Any]
Resolver = Callable[["World", Arguments, datetime, Fault], Any]
STOCK = {"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"}


def operation_of(body: Mapping[str, Any]) -> Field:
    """The one field that is asked for. Raises ValueError for a text that is no operation."""
    variables = body.get("variables")
    text = body.get("query")
    if not isinstance(text, str):
        raise ValueError("Must provide query string.")
    fields = fields_of(text, variables if isinstance(variables, dict) else {})
    if len(fields) != 1 or fields[0].name not in RESOLVERS:
        names = ", ".join(field.name for field in fields)
        raise ValueError(f'Cannot query field "{names}".')
    return fields[0]


def resolve(world: World, field: Field, now: datetime, fault: Fault) -> Any:
    """The value of ``field``, cut to its selection. Raises ``Rejected``, and ValueError for a
    field that nobody has.
    """
    given = field.arguments.get("input") or {}
    value = RESOLVERS[field.name][1](world, given, now, fault)
    return _selected(value, field)


def _selected(value: Any, field: Field) -> Any:
    if isinstance(value, list):
        return [_selected(one, field) for one in value]
    if not isinstance(value, dict):
        return value
    if not field.selection:
        raise ValueError(f'Field "{field.name}" must have a selection of subfields.')
    found = {}
    for inner in field.selection:
        if inner.name not in value:
            raise ValueError(f'Cannot query field "{inner.name}" on "{field.name}".')
        one = value[inner.name]
        one = one(inner.arguments.get("input") or {}) if callable(one) else one
        found[inner.name] = _selected(one, inner)
    return found


def _myself(world: World, _: Arguments, now: datetime, fault: Fault) -> dict[str, Any]:
    def pods(_: Arguments) -> list[dict[str, Any]]:
        rows = [graphql_row(pod) for pod in pods_shown(world, now, fault)]
        return distort(rows, fault.shape, fault.keep)

    spent = sum(one.billed_microusd_at(now) for one in world.list_machines(now))
    return {
        "id": user_id(world),
        "email": "renter@example.com",
        "clientBalance": float(balance_usd(world, now)),
        "currentSpendPerHr": float(usd(spent)),
        "spendLimit": SPEND_LIMIT_USD,
        "pubKey": "",
        "networkVolumes": [],
        "pods": pods,
    }


def user_id(world: World) -> str:
    return f"user_{world.account}"


def _gpu_types(world: World, given: Arguments, now: datetime, fault: Fault) -> list[dict[str, Any]]:
    catalog = catalog_of(world, now)
    wanted = given.get("id")
    ids = sorted(catalog.types) if wanted is None else [wanted] * (wanted in catalog.types)
    return [_gpu_type(catalog, gpu, fault) for gpu in ids]


def _gpu_type(catalog: Catalog, gpu: str, fault: Fault) -> dict[str, Any]:
    row = catalog.gpu_row(gpu, None, fault)
    spot = {cloud: _float(catalog.list_price(gpu, cloud, spot=True)) for cloud in CLOUDS}
    return {
        "id": gpu,
        "displayName": row["name"],
        "manufacturer": "Amd" if row["manufacturer"] == "AMD" else "Nvidia",
        "memoryInGb": row["memory"],
        "cudaCores": 0,
        "secureCloud": row["secure"],
        "communityCloud": row["community"],
        "securePrice": row["price"]["secure"],
        "communityPrice": row["price"]["community"],
        "oneWeekPrice": None,
        "oneMonthPrice": None,
        "threeMonthPrice": None,
        "sixMonthPrice": None,
        "secureSpotPrice": spot[SECURE],
        "communitySpotPrice": spot[COMMUNITY],
        "maxGpuCount": max(row["maxCount"].values()),
        "maxGpuCountSecureCloud": row["maxCount"]["secure"],
        "maxGpuCountCommunityCloud": row["maxCount"]["community"],
        "lowestPrice": lambda given: _lowest_price(catalog, gpu, given, fault),
    }


def _lowest_price(catalog: Catalog, gpu: str, given: Arguments, fault: Fault) -> dict[str, Any]:
    """Of the nodes that are free, by data center for one cloud and by country for the other."""
    secure = given.get("secureCloud")
    clouds = CLOUDS if secure is None else (SECURE,) if secure else (COMMUNITY,)
    center, country = given.get("dataCenterId"), given.get("countryCode")
    free: dict[bool, int] = {}
    prices: dict[bool, int] = {}
    for spot in (False, True):
        wanted = Wanted(
            count=given.get("gpuCount") or 1,
            clouds=clouds,
            data_centers=frozenset([center] if center else []),
            countries=frozenset([country] if country else []),
            spot=spot,
        )
        nodes = [(offer, left) for offer, left in catalog.nodes(gpu, wanted) if left]
        free[spot] = sum(left for _, left in nodes)
        if nodes:
            prices[spot] = min(
                catalog.bill(offer).microusd // offer.gpu_count for offer, _ in nodes
            )
    return {
        "minimumBidPrice": _float(prices.get(True), fault),
        "uninterruptablePrice": _float(prices.get(False), fault),
        "minVcpu": None,
        "minMemory": None,
        "stockStatus": STOCK.get(level(max(free.values()))),
        "countryCode": country,
    }


def _float(price: int | None, fault: Fault = HEALTHY) -> float | None:
    return None if not price else float(usd(price) * fault.quoted_percent / 100)


def _pod(world: World, given: Arguments, now: datetime, fault: Fault) -> dict[str, Any] | None:
    """Null when it is gone."""
    try:
        machine = existing(world, str(given.get("podId")), now)
    except Rejected:
        return None
    note = world.machine_notes().get(machine.id)
    return graphql_row(pod_of(machine, now, catalog_of(world, now), note, fault))


def _deploy(spot: bool) -> Resolver:
    def deploy(world: World, given: Arguments, now: datetime, fault: Fault) -> dict[str, Any]:
        catalog = catalog_of(world, now)
        order = graphql_order(given, catalog, spot)
        note = json.dumps(order.note)
        if not fault.has_effect:
            raise Rejected(400, "nothing was made")
        machine = place(world, catalog, order, note, now, fault)
        return graphql_row(pod_of(machine, now, catalog, note, HEALTHY))

    return deploy


def _terminate(world: World, given: Arguments, now: datetime, fault: Fault) -> None:
    try:
        machine = existing(world, str(given.get("podId")), now)
    except Rejected:
        raise Rejected(404, "pod not found to terminate") from None
    if fault.has_effect:
        world.destroy(machine.id, now)


def _stop(world: World, given: Arguments, now: datetime, fault: Fault) -> dict[str, Any] | None:
    machine = existing(world, str(given.get("podId")), now)
    world.stop(machine.id, now)
    return _pod(world, given, now, fault)


def _resume(world: World, given: Arguments, now: datetime, fault: Fault) -> None:
    existing(world, str(given.get("podId")), now)
    raise Rejected(400, "There are not enough free GPUs on the host machine to start this pod.")


RESOLVERS: Mapping[str, tuple[Operation | None, Resolver]] = {
    "myself": (None, _myself),
    "gpuTypes": ("list_offers", _gpu_types),
    "pod": ("get_instance", _pod),
    "podFindAndDeployOnDemand": ("create_instance", _deploy(spot=False)),
    "podRentInterruptable": ("create_instance", _deploy(spot=True)),
    "podTerminate": ("destroy_instance", _terminate),
    "podStop": (None, _stop),
    "podResume": (None, _resume),
}
OPEN_TO_ALL = frozenset({"gpuTypes"})
"""What they answer without a key."""

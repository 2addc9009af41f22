"""What a create may say, by the published document: what it does not know is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.market.account import balance
from reconciler.market.errors import OfferTaken, OrderRefused
from reconciler.market.faces.runpod_catalog import CLOUDS, COMMUNITY, SECURE, Wanted, version
from reconciler.market.faces.runpod_problems import NO_CAPACITY, Rejected, invalid
from reconciler.market.ledger import billed_total
from reconciler.market.machine import Order
from reconciler.market.units import microusd, usd
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.market.faces.runpod_catalog import Catalog
    from reconciler.market.faults import Fault
    from reconciler.market.machine import Machine
    from reconciler.market.world import World

GB = 2**30
OPENING_BALANCE_USD = Decimal(100)
"""What a market's account begins with; it falls by what is billed, and below 0."""
DEFAULT_DISK_GB = 20
NAME_LENGTH_MAX = 191
_CUDA = re.compile(r"\d+\.\d+")
_PORT = re.compile(r"\d{1,5}/(?:tcp|http|udp)")
Test = Callable[[Any], bool]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _whole(least: int) -> Test:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _some_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _env(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _object(value: Any) -> bool:
    return isinstance(value, dict)


_FIELDS: Mapping[str, Test] = {
    "name": _some_text, "templateId": _some_text, "image": _text, "args": _text,
    "disk": _whole(1),
    "ports": lambda value: _texts(value) and all(_PORT.fullmatch(one) for one in value),
    "env": _env, "registry": lambda value: value is None or isinstance(value, str),
    "cloud": lambda value: value in CLOUDS,
    "cpu": _object, "gpu": _object, "mounts": _object,
    "dataCenterIds": _texts,
    "globalNetworking": _flag, "startJupyter": _flag, "startSsh": _flag,
}  # fmt: skip
_GPU_FIELDS: Mapping[str, Test] = {
    "id": _text,
    "count": _whole(1),
    "allowedCudaVersions": lambda value: _texts(value) and all(map(_CUDA.fullmatch, value)),
    "minCudaVersion": lambda value: isinstance(value, str) and bool(_CUDA.fullmatch(value)),
}


@dataclass(frozen=True, slots=True)
class PodOrder:
    """What is to be rented, whichever of the two ways said so. ``gpu`` is their id."""

    name: str
    image: str
    gpu: str
    wanted: Wanted
    disk_gb: int
    note: Mapping[str, Any]
    bid_usd: float | None = None


def rest_order(body: Mapping[str, Any], catalog: Catalog) -> PodOrder:
    """Raises ``Rejected``."""
    _check(body, _FIELDS, "$")
    if "name" not in body:
        raise invalid("$: missing property 'name'")
    if "templateId" in body:
        raise Rejected(404, "template not found")
    if "image" not in body:
        raise invalid("$: missing property 'image'")
    if ("gpu" in body) == ("cpu" in body):
        raise Rejected(400, "exactly one of gpu or cpu must be set")
    if "cpu" in body or body.get("mounts"):
        raise Rejected(400, "CPU pods and mounts are not simulated")
    _check(body["gpu"], _GPU_FIELDS, "$.gpu")
    if "id" not in body["gpu"]:
        raise invalid("$.gpu: missing property 'id'")
    return PodOrder(
        name=body["name"],
        image=body["image"],
        gpu=_known(body["gpu"]["id"], catalog),
        wanted=_wanted(body, body["gpu"]),
        disk_gb=body.get("disk", DEFAULT_DISK_GB),
        note={
            "env": body.get("env", {}),
            "ports": body.get("ports", []),
            "args": body.get("args", ""),
            "startSsh": body.get("startSsh", False),
        },
    )


def _check(value: Mapping[str, Any], fields: Mapping[str, Test], place: str) -> None:
    unknown = sorted(value.keys() - fields.keys())
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        raise invalid(f"{place}: additional properties {names} not allowed")
    wrong = [name for name, one in value.items() if not fields[name](one)]
    if wrong:
        raise invalid(*(f"{place}.{name}: not as the document says" for name in sorted(wrong)))


def _known(gpu: str, catalog: Catalog) -> str:
    if gpu not in catalog.types:
        raise Rejected(400, f"gpu type {gpu} does not exist")
    return gpu


def _wanted(body: Mapping[str, Any], gpu: Mapping[str, Any]) -> Wanted:
    exact, least = gpu.get("allowedCudaVersions", []), gpu.get("minCudaVersion")
    if exact and least:
        raise Rejected(400, "allowedCudaVersions and minCudaVersion are mutually exclusive")
    return Wanted(
        count=gpu.get("count", 1),
        clouds=(body.get("cloud", SECURE),),
        data_centers=frozenset(body.get("dataCenterIds", [])),
        cuda=frozenset(exact),
        min_cuda=version(least) if least else None,
    )


def graphql_order(given: Mapping[str, Any], catalog: Catalog, spot: bool) -> PodOrder:
    """The input of ``podFindAndDeployOnDemand`` and ``podRentInterruptable``."""
    name, image, gpu = given.get("name"), given.get("imageName"), given.get("gpuTypeId")
    if not all(isinstance(one, str) and one for one in (name, image, gpu)):
        raise Rejected(400, "name, imageName and gpuTypeId are required")
    if given.get("volumeInGb") or given.get("networkVolumeId"):
        raise Rejected(400, "volumes are not simulated")
    cloud = given.get("cloudType") or "ALL"
    centers = given.get("dataCenterId")
    country = given.get("countryCode")
    least = given.get("minCudaVersion")
    env = given.get("env") or []
    return PodOrder(
        name=str(name),
        image=str(image),
        gpu=_known(str(gpu), catalog),
        wanted=Wanted(
            count=given.get("gpuCount") or 1,
            clouds=(SECURE, COMMUNITY) if cloud == "ALL" else (cloud,),
            data_centers=frozenset([centers] if centers else []),
            countries=frozenset([country] if country else []),
            cuda=frozenset(given.get("allowedCudaVersions") or []),
            min_cuda=version(least) if least else None,
            spot=spot,
        ),
        disk_gb=given.get("containerDiskInGb") or DEFAULT_DISK_GB,
        note={
            "env": {str(one["key"]): str(one["value"]) for one in env},
            "ports": [one for one in (given.get("ports") or "").split(",") if one],
            "args": given.get("dockerArgs") or "",
            "startSsh": bool(given.get("startSsh")),
        },
        bid_usd=given.get("bidPerGpu"),
    )


def balance_usd(world: World, now: datetime) -> Decimal:
    left = balance(world, now)
    return OPENING_BALANCE_USD - billed_total(world, now) if left is None else left


def place(
    world: World, catalog: Catalog, order: PodOrder, note: str, now: datetime, fault: Fault
) -> Machine:
    """Rent the first free node that fits. Raises ``Rejected``, also where there is none."""
    if len(order.name) > NAME_LENGTH_MAX:
        raise Rejected(400, f"name may have {NAME_LENGTH_MAX} characters")
    for offer, free in catalog.nodes(order.gpu, order.wanted):
        price = catalog.bill(offer)
        if not free or _is_outbid(order, price.microusd):
            continue
        if usd(price.microusd) > balance_usd(world, now):
            raise Rejected(402, "insufficient balance")
        wanted = Order(offer.id, order.name, order.disk_gb * GB, order.image, note, price)
        try:
            return world.rent(wanted, now, fault)
        except OfferTaken:
            continue
        except OrderRefused as error:
            raise Rejected(400, error.what) from error
    raise Rejected(400, NO_CAPACITY)


def _is_outbid(order: PodOrder, price_microusd: int) -> bool:
    if order.bid_usd is None:
        return False
    return microusd(Decimal(str(order.bid_usd))) * order.wanted.count < price_microusd

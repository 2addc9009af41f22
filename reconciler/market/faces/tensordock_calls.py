"""What each call of TensorDock's API (v2) does in the simulated market, and what it answers.

From the vendor's pages and what people report: lists in three shapes, errors inside a 200, stock by
place that is not there, a create that says "running" and has no address yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import NoSuchMachine, OfferTaken, OrderRefused
from reconciler.market.faces import tensordock_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.faces.tensordock_rows import (
    GIB,
    has_public_ip,
    hostnode_row,
    instance_id,
    instance_row,
    list_price,
    locations,
    machine_id,
    per_gpu,
    uuid_of,
    v0_name,
)
from reconciler.market.faults import Fault, distort
from reconciler.market.machine import Order

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.market.offer import MarketOffer, Quote
    from reconciler.market.world import World

STORAGE_GB_MIN = 100
RAM_GB = frozenset({2, 4, 6, 8, 10, *range(16, 257, 16), 512})
NAME_LENGTH_MAX = 60
LIES = (True, True, False, True, True, True, False, True, True, False)
"""Which creates by place fail although the place is listed: seven of ten."""
_NOWHERE = str(uuid_of("instance", "nowhere"))
_PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvNPhTcqP2xjKPU6Vi7HE3wAlmK5uXYD8nZgkprXcRQ"


def list_locations(
    world: World, request: FaceRequest, turn: int, now: datetime, fault: Fault
) -> FaceAnswer:
    offers = _hosts(world)
    prices = {offer.id: offer.base_microusd // offer.gpu_count for offer in offers}
    return as_json(200, {"data": {"locations": locations(offers, prices)}})


def list_hostnodes(
    world: World, request: FaceRequest, turn: int, now: datetime, fault: Fault
) -> FaceAnswer:
    rows = [hostnode_row(quote, fault) for quote in _quotes(world, now).values()]
    return as_json(200, {"data": {"hostnodes": rows}})


def secrets(
    world: World, request: FaceRequest, turn: int, now: datetime, fault: Fault
) -> FaceAnswer:
    """A new account has one key, put there by hand."""
    attributes = {"name": "laptop", "secret_type": "SSHKEY", "value": f"{_PUBLIC_KEY} laptop"}
    key = {"type": "secret", "id": uuid_of("secret", "laptop"), "attributes": attributes}
    other = {"name": "token", "secret_type": "GENERIC"}
    token = {"type": "secret", "id": uuid_of("secret", "token"), "attributes": other}
    return as_json(200, {"data": {"secrets": [token, key]}})


def create(
    world: World, request: FaceRequest, turn: int, now: datetime, fault: Fault
) -> FaceAnswer:
    asked = attributes_of(request)
    resources = _resources(asked)
    _check_access(asked)
    if not fault.has_effect:  # C1.7: a well-formed answer about a machine that does not exist
        return _made(_NOWHERE, asked)
    quote = _wanted(world, asked, resources, turn, now)
    price = list_price(quote, resources["vcpu_count"], resources["ram_gb"])
    order = Order(
        quote.offer.id,
        asked["name"],
        resources["storage_gb"] * GIB,
        asked["image"],
        json.dumps({"resources": resources, "asked": asked}),
        price,
    )
    try:
        machine = world.rent(order, now, fault)
    except OfferTaken:
        raise errors.Refused(errors.NO_CAPACITY.answer()) from None
    except OrderRefused as error:
        raise errors.inside(error.what) from None
    return _made("" if fault.without_id else instance_id(machine.id), asked)


def _made(instance: str, asked: Mapping[str, Any]) -> FaceAnswer:
    """It runs at once, they say; where it is comes later."""
    row = {"type": "virtualmachine", "id": instance, "name": asked["name"], "status": "running"}
    return as_json(200, {"data": row})


def attributes_of(request: FaceRequest) -> dict[str, Any]:
    """What a create asks for. Raises ``Refused`` where it is none."""
    try:
        value = json.loads(request.body or b"{}")
    except ValueError:
        raise errors.invalid("Invalid JSON") from None
    match value:
        case {"data": {"type": "virtualmachine", "attributes": dict(asked)}}:
            pass
        case _:
            raise errors.invalid("Required")
    name = asked.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH_MAX:
        raise errors.invalid("Expected string", "name")
    if not isinstance(asked.get("image"), str):
        raise errors.invalid("Expected string", "image")
    return asked


def _resources(asked: Mapping[str, Any]) -> dict[str, Any]:
    match asked.get("resources"):
        case {
            "vcpu_count": int(vcpus),
            "ram_gb": int(ram),
            "storage_gb": int(storage),
            "gpus": dict(gpus),
        }:
            pass
        case _:
            raise errors.invalid("Expected object", "resources")
    if vcpus < 2 or vcpus % 2 or ram not in RAM_GB:
        raise errors.invalid("Invalid vCPU or RAM", "resources")
    if storage < STORAGE_GB_MIN:
        raise errors.inside("Storage must be at least 100GB")
    counted = all(
        isinstance(one, dict) and isinstance(one.get("count"), int) for one in gpus.values()
    )
    if len(gpus) != 1 or not counted:
        raise errors.invalid("Expected object", "resources", "gpus")
    return {"vcpu_count": vcpus, "ram_gb": ram, "storage_gb": storage, "gpus": gpus}


def _check_access(asked: Mapping[str, Any]) -> None:
    if ("ssh_key" in asked) == ("ssh_key_id" in asked):
        raise errors.inside("Exactly one of ssh_key and ssh_key_id is required")
    forwards = asked.get("port_forwards") or []
    if asked.get("useDedicatedIp") is not True and not forwards:
        raise errors.inside("SSH port (22) must be forwarded for Ubuntu VMs")
    for one in (asked.get("cloud_init") or {}).get("write_files", []):
        if "encoding" in one:
            raise errors.invalid("Unrecognized key: encoding", "cloud_init", "write_files")
    if ("location_id" in asked) == ("hostnode_id" in asked):
        raise errors.inside("Exactly one of location_id and hostnode_id is required")


def _wanted(
    world: World, asked: Mapping[str, Any], resources: Mapping[str, Any], turn: int, now: datetime
) -> Quote:
    """The host that is asked for, or one at the place, where it is not a lie that there is one."""
    ((gpu, wanted),) = resources["gpus"].items()
    by_place = "location_id" in asked
    if by_place and LIES[turn % len(LIES)]:
        raise errors.Refused(errors.NO_CAPACITY.answer())
    for quote in _quotes(world, now).values():
        offer = quote.offer
        named = uuid_of("location", offer.region) if by_place else uuid_of("hostnode", offer.id)
        if asked.get("location_id" if by_place else "hostnode_id") != named:
            continue
        vcpus, ram = per_gpu(offer)
        fits = resources["vcpu_count"] <= vcpus * offer.gpu_count
        fits = fits and resources["ram_gb"] <= ram * offer.gpu_count
        if (v0_name(offer), offer.gpu_count) != (gpu, wanted["count"]) or not fits:
            continue
        if asked.get("useDedicatedIp") is True and not has_public_ip(offer):
            raise errors.inside(errors.NO_ADDRESS)
        return quote
    raise errors.Refused(errors.NO_CAPACITY.answer())


def instances(
    world: World, request: FaceRequest, turn: int, now: datetime, fault: Fault
) -> FaceAnswer:
    """In one of three shapes, in turn."""
    older_by = fault.stale or timedelta(0)
    shown_at = world.listing_moment(now) - older_by
    sides, notes = _sides(world), world.machine_notes()
    rows = [
        instance_row(one, shown_at, sides[one.offer_id], json.loads(notes.get(one.id, "{}")), fault)
        for one in world.list_machines(now, older_by)
    ]
    shown = distort(rows, fault.shape, fault.keep)
    body = _in_shape(shown, turn)
    if fault.shape == "partial":
        body["links"] = {"next": "/api/v2/instances?page=2"}
    return as_json(200, body)


def _in_shape(rows: list[dict[str, Any]], turn: int) -> dict[str, Any]:
    """As seen live; as documented; as on the page for beginners."""
    if turn % 3 == 0:
        return {"data": rows}
    if turn % 3 == 1:
        named = [
            {
                "type": "VM",
                "id": row["id"],
                "attributes": {"name": row["name"], "status": row["status"]},
            }
            for row in rows
        ]
        return {"data": {"instances": named}}
    inner = [{"id": row["id"], "attributes": {**row, "type": "VM"}} for row in rows]
    return {"data": {"type": "list", "id": "instances", "attributes": {"instances": inner}}}


def read(world: World, instance: str, now: datetime, fault: Fault) -> FaceAnswer:
    """Flat, and in no envelope."""
    machine = _found(world, instance, now)
    note = json.loads(world.machine_notes().get(machine.id, "{}"))
    side = _sides(world)[machine.offer_id]
    return as_json(200, instance_row(machine, now, side, note, fault))


def delete(world: World, instance: str, now: datetime, fault: Fault) -> FaceAnswer:
    machine = _found(world, instance, now)
    if fault.has_effect:
        world.destroy(machine.id, now)
    said = {"message": "Instance deleted successfully"}
    return as_json(200, {"data": {"type": "success", "attributes": said}})


def _found(world: World, instance: str, now: datetime) -> Machine:
    try:
        return world.read_machine(machine_id(instance), now)
    except NoSuchMachine:
        raise errors.Refused(errors.NO_SUCH_INSTANCE.answer()) from None


def _hosts(world: World) -> list[MarketOffer]:
    return [offer for offer in world.all_offers() if not offer.spot]


def _sides(world: World) -> dict[str, MarketOffer]:
    return {offer.id: offer for offer in world.all_offers()}


def _quotes(world: World, now: datetime) -> dict[str, Quote]:
    found = world.list_offers(now)
    return {quote.offer.id: quote for quote in found if not quote.offer.spot}

"""What each call of RunPod's REST v2 does in the simulated market, and what it answers."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import NoSuchMachine
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.faces.runpod_catalog import CLOUDS, Catalog, Wanted, version
from reconciler.market.faces.runpod_names import machine_id, volume_id
from reconciler.market.faces.runpod_orders import place, rest_order
from reconciler.market.faces.runpod_pods import Pod, pod_of, rest_row
from reconciler.market.faces.runpod_problems import Rejected, invalid
from reconciler.market.faults import HEALTHY, Fault, distort

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.market.world import World

_NOWHERE = "zzzz0000nowhere"
_COUNTRY = re.compile(r"[A-Z]{2}")
_CUDA = re.compile(r"\d+\.\d+")
_MIN_CUDA = re.compile(r"\d+(\.\d+)?")
_PRODUCTS = frozenset({"POD", "CLUSTER", "SERVERLESS"})
_OF_AVAILABILITY = ("product", "count", "cloud", "countryCodes", "cudaVersions", "minCudaVersion")


def catalog_of(world: World, now: datetime) -> Catalog:
    return Catalog(world.all_offers(), world.list_offers(now))


def gpu_types(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    wanted = _availability(request)
    catalog = catalog_of(world, now)
    rows = [catalog.gpu_row(gpu, wanted, fault) for gpu in sorted(catalog.types)]
    if wanted is not None and wanted.countries:
        rows = [row for row in rows if row.get("dataCenters")]
    return as_json(200, {"gpus": rows})


def data_centers(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    included = request.query.get("include", "").split(",")
    rows = catalog_of(world, now).data_center_rows("GPU_AVAILABILITY" in included)
    return as_json(200, {"dataCenters": rows})


def list_volumes(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """All of them, without a price and without the pods that have them."""
    rows = [
        {
            "id": volume_id(volume.id),
            "name": "left here",
            "size": max(10, round(volume.size_bytes / 2**30)),
            "dataCenter": "EU-RO-1",
            "type": "STANDARD",
        }
        for volume in world.volumes()
    ]
    return as_json(200, {"networkVolumes": rows})


def _availability(request: FaceRequest) -> Wanted | None:
    """For what stock is asked; None: for none. Raises ``Rejected``."""
    query = request.query
    included = query.get("include")
    if included is None:
        strays = [name for name in _OF_AVAILABILITY if name in query]
        if strays:
            raise Rejected(400, f"{strays[0]} is valid only with include=AVAILABILITY")
        return None
    if included != "AVAILABILITY":
        raise invalid("include: unsupported value")
    products = query.get("product", "")
    if not products:
        raise Rejected(400, "product is required with include=AVAILABILITY")
    if not _PRODUCTS.issuperset(products.split(",")):
        raise invalid("product: unsupported value")
    return _narrowed(query.get("count", "1"), query.get("cloud", "SECURE"), request)


def _narrowed(count: str, cloud: str, request: FaceRequest) -> Wanted:
    if not (count.isascii() and count.isdigit() and int(count) >= 1):
        raise invalid("count: at least 1")
    if cloud not in CLOUDS:
        raise invalid("cloud: unsupported value")
    countries = _listed(request, "countryCodes", _COUNTRY)
    exact = _listed(request, "cudaVersions", _CUDA)
    least = _listed(request, "minCudaVersion", _MIN_CUDA)
    if exact and least:
        raise Rejected(400, "cudaVersions and minCudaVersion are mutually exclusive")
    return Wanted(
        count=int(count),
        clouds=(cloud,),
        countries=countries,
        cuda=exact,
        min_cuda=version(next(iter(least))) if least else None,
    )


def _listed(request: FaceRequest, name: str, shape: re.Pattern[str]) -> frozenset[str]:
    found = [one for one in request.query.get(name, "").split(",") if one]
    if not all(shape.fullmatch(one) for one in found):
        raise invalid(f"{name}: malformed")
    return frozenset(found)


def create(world: World, request: FaceRequest, _: str, now: datetime, fault: Fault) -> FaceAnswer:
    catalog = catalog_of(world, now)
    order = rest_order(object_of(request), catalog)
    note = json.dumps(order.note)
    if not fault.has_effect:  # C1.7: a well-formed answer about a pod that does not exist
        return as_json(201, {"id": _NOWHERE, "name": order.name, "status": "PROVISIONING"})
    machine = place(world, catalog, order, note, now, fault)
    row = rest_row(pod_of(machine, now, catalog, note, HEALTHY))
    if fault.without_id:
        del row["id"]
    return as_json(201, row)


def pods_shown(world: World, now: datetime, fault: Fault) -> list[Pod]:
    """All pods as listings show them now."""
    older_by = fault.stale or timedelta(0)
    shown_at = world.listing_moment(now) - older_by
    catalog, notes = catalog_of(world, now), world.machine_notes()
    return [
        pod_of(one, shown_at, catalog, notes.get(one.id), fault)
        for one in world.list_machines(now, older_by)
    ]


def list_pods(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """All at once: there are no pages, and nothing tells how many rows there should be.

    A listing that shall say that rows are missing does it as one with pages would.
    """
    rows = [_with_mounts(world, pod) for pod in pods_shown(world, now, fault)]
    more = {"nextCursor": "b2Zmc2V0OjE"} if fault.shape == "partial" else {}
    return as_json(200, {"pods": distort(rows, fault.shape, fault.keep), **more})


def read(world: World, _: FaceRequest, pod_id: str, now: datetime, fault: Fault) -> FaceAnswer:
    return _shown(world, existing(world, pod_id, now), now, fault)


def existing(world: World, pod: str, now: datetime) -> Machine:
    """Raises ``Rejected`` with 404."""
    try:
        return world.read_machine(machine_id(pod) or "", now)
    except NoSuchMachine:
        raise Rejected(404, "pod not found") from None


def _shown(world: World, machine: Machine, now: datetime, fault: Fault) -> FaceAnswer:
    note = world.machine_notes().get(machine.id)
    pod = pod_of(machine, now, catalog_of(world, now), note, fault)
    return as_json(200, _with_mounts(world, pod))


def _with_mounts(world: World, pod: Pod) -> dict[str, Any]:
    mounts = [
        {"volumeId": volume_id(one.id), "path": "/workspace"}
        for one in world.volumes()
        if one.machine_id == pod.machine.id
    ]
    return {**rest_row(pod), "mounts": {"network": mounts[:1]} if mounts else {}}


def destroy(world: World, _: FaceRequest, pod_id: str, now: datetime, fault: Fault) -> FaceAnswer:
    machine = existing(world, pod_id, now)
    if fault.has_effect:
        world.destroy(machine.id, now)
    return FaceAnswer(204, b"")


def change(
    world: World, request: FaceRequest, pod_id: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """A new name, as a person would give it in the console."""
    machine = existing(world, pod_id, now)
    body = object_of(request)
    if body.keys() != {"name"} or not isinstance(body["name"], str) or not body["name"]:
        raise Rejected(400, "only a new name is simulated")
    world.relabel(machine.id, body["name"])
    return _shown(world, world.read_machine(machine.id, now), now, fault)


def act(world: World, request: FaceRequest, pod_id: str, now: datetime, fault: Fault) -> FaceAnswer:
    """Stop and terminate; the market starts nothing again."""
    machine = existing(world, pod_id, now)
    body = object_of(request)
    action = body.get("action")
    if body.keys() != {"action"} or action not in ("start", "stop", "restart", "terminate"):
        raise invalid("$.action: unsupported value")
    note = world.machine_notes().get(machine.id)
    row = rest_row(pod_of(machine, now, catalog_of(world, now), note, HEALTHY))
    if action not in row["actions"]:
        raise Rejected(409, f"action {action} is not valid for status {row['status']}")
    if action == "terminate":
        return destroy(world, request, pod_id, now, fault)
    if action == "start":
        raise Rejected(400, "There are not enough free GPUs on the host machine to start this pod.")
    if action == "stop":
        world.stop(machine.id, now)
    return _shown(world, world.read_machine(machine.id, now), now, fault)


def object_of(request: FaceRequest) -> dict[str, Any]:
    """Raises ``Rejected`` for a body that is no JSON object."""
    try:
        value = json.loads(request.body or b"")
    except ValueError:
        raise Rejected(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise invalid("$: expected an object")
    return value

"""What each call of Lambda's API does in the simulated market, and what it answers.

From the published document (1.10): answers in ``data``, one instance a launch and its id alone,
tags that are written once, a key that must be registered by name before anything starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import NoSuchMachine, OfferTaken, OrderRefused
from reconciler.market.faces import lambda_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.faces.lambda_rows import (
    MICROUSD_PER_CENT,
    Catalogue,
    InstanceType,
    file_system_row,
    instance_id,
    instance_row,
    machine_id,
    may_be_terminated,
    region_row,
    shown_cents,
    type_rows,
)
from reconciler.market.faults import Fault, distort
from reconciler.market.machine import ListPrice, Order

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.market.offer import Quote
    from reconciler.market.world import World

NAME_LENGTH_MAX = 64
USER_DATA_BYTES_MAX = 2**20
TAG_VALUE_LENGTH_MAX = 128
STILL_SHOWN = timedelta(seconds=45)
"""So long a terminated instance stays in lists."""
_TAG_KEY = re.compile(r"[a-z][a-z0-9\-:]+")
_HOSTNAME = re.compile(r"[a-z0-9][0-9a-z-]{0,62}")
_NOWHERE = "f" * 32
_KEYS_NOTE = "lambda: ssh keys"


def account_lrn(world: World) -> str:
    """How their audit log names the account."""
    return f"lrn:cloud:account:{hashlib.sha256(world.account.encode()).hexdigest()[:32]}"


def instance_types(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    return _data(type_rows(Catalogue(world.all_offers()), _quotes(world, now), fault))


def _quotes(world: World, now: datetime) -> dict[str, Quote]:
    return {quote.offer.id: quote for quote in world.list_offers(now)}


def regions(world: World, request: FaceRequest, _: str, now: datetime, fault: Fault) -> FaceAnswer:
    found = {offer.region: offer.country for offer in world.all_offers()}
    return _data([region_row(name, country) for name, country in sorted(found.items())])


def file_systems(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """What somebody left in the account; how big each may become is not said."""
    return _data([file_system_row(one, now) for one in world.volumes()])


def audit_events(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """The oldest event of the account: its key was made."""
    event: dict[str, Any] = {
        "service_name": "cloud",
        "resource_name": "api_key",
        "action": "created",
        "catalog_version": "2025-09-06",
        "event_id": hashlib.sha256(world.account.encode()).hexdigest()[32:],
        "event_time": "2025-09-15T10:30:45.123456Z",
        "actor_lrn": None,
        "resource_lrns": [],
        "resource_owner_lrn": account_lrn(world),
        "request_api_key_lrn": None,
        "additional_details": {},
    }
    return as_json(200, {"data": [event], "page_token": None})


# --- SSH keys -----------------------------------------------------------------------------------


def ssh_keys(world: World, request: FaceRequest, _: str, now: datetime, fault: Fault) -> FaceAnswer:
    return _data(_registered(world))


def add_ssh_key(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """Without ``public_key`` they would make a pair: that is not simulated."""
    body = object_of(request)
    name, public_key = body.get("name"), body.get("public_key")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise errors.invalid("name: 1 to 64 characters")
    if not isinstance(public_key, str) or not 1 <= len(public_key) <= 4096:
        raise errors.invalid("public_key: 1 to 4096 characters")
    known = _registered(world)
    if any(one["name"] == name for one in known):
        raise errors.invalid("SSH key with this name already exists.")
    key = {"id": hashlib.sha256(name.encode()).hexdigest()[:32], "name": name}
    key["public_key"] = public_key
    world.note_machine(_KEYS_NOTE, json.dumps([*known, key]))
    return _data(key)


def delete_ssh_key(
    world: World, request: FaceRequest, key_id: str, now: datetime, fault: Fault
) -> FaceAnswer:
    known = _registered(world)
    left = [one for one in known if one["id"] != key_id]
    if left == known:
        raise errors.Refused(errors.NO_SUCH_KEY)
    world.note_machine(_KEYS_NOTE, json.dumps(left))
    return _data({})


def _registered(world: World) -> list[dict[str, str]]:
    """A new account has one key, put there by hand."""
    kept = world.machine_notes().get(_KEYS_NOTE)
    if kept is not None:
        found: list[dict[str, str]] = json.loads(kept)
        return found
    public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFaceFaceFaceFaceFaceFaceFaceFaceFaceFaceFac"
    return [{"id": "1" * 32, "name": "laptop", "public_key": f"{public_key} laptop"}]


# --- instances ----------------------------------------------------------------------------------


def launch(world: World, request: FaceRequest, _: str, now: datetime, fault: Fault) -> FaceAnswer:
    body = object_of(request)
    kind = _wanted_type(world, body)
    region: str = body["region_name"]
    name: str | None = body.get("name")
    note = _checked_note(world, body)
    if not fault.has_effect:  # C1.7: a well-formed answer about a machine that does not exist
        return _data({"instance_ids": [_NOWHERE]})
    price = ListPrice(shown_cents(kind, _quotes(world, now)) * MICROUSD_PER_CENT, 0)
    for side in kind.sides:
        if side.region != region:
            continue
        try:
            order = Order(side.id, name, 0, list_price=price)
            machine = world.rent(order, now, fault)
        except OfferTaken:
            continue
        except OrderRefused as error:
            raise errors.invalid(error.what) from None
        kept = {**note, "tags": []} if fault.loses_label else note
        world.note_machine(machine.id, json.dumps(kept))
        return _data({"instance_ids": [] if fault.without_id else [instance_id(machine.id)]})
    raise errors.Refused(errors.NO_CAPACITY)


def _wanted_type(world: World, body: Mapping[str, Any]) -> InstanceType:
    """What the body must hold at least; the refusals of what they took back."""
    if body.get("quantity", 1) != 1:
        raise errors.invalid("Requested too many instances.")
    for field in ("region_name", "instance_type_name"):
        if not isinstance(body.get(field), str):
            raise errors.invalid(f"{field}: Field required")
    kind = Catalogue(world.all_offers()).types.get(body["instance_type_name"])
    if kind is None:
        raise errors.invalid("instance_type_name: no such type")
    name = body.get("name")
    if name is not None and not (isinstance(name, str) and len(name) <= NAME_LENGTH_MAX):
        raise errors.invalid("name: at most 64 characters")
    hostname = body.get("hostname", "a")
    if not (isinstance(hostname, str) and _HOSTNAME.fullmatch(hostname)):
        raise errors.invalid("hostname: String should match pattern")
    return kind


def _checked_note(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the machine remembers of its order."""
    keys = body.get("ssh_key_names")
    if not isinstance(keys, list) or len(keys) != 1:
        raise errors.invalid("ssh_key_names: exactly one SSH key must be specified")
    if keys[0] not in [one["name"] for one in _registered(world)]:
        raise errors.Refused(errors.NO_SUCH_KEY)
    if body.get("file_system_names") or body.get("file_system_mounts"):
        raise errors.Refused(errors.NO_SUCH_FILESYSTEM)
    user_data, tags = body.get("user_data"), body.get("tags", [])
    if user_data is not None and not (
        isinstance(user_data, str) and len(user_data.encode()) <= USER_DATA_BYTES_MAX
    ):
        raise errors.invalid("user_data: plain text of at most 1 MB")
    if not isinstance(tags, list) or not all(_is_tag(one) for one in tags):
        raise errors.invalid("tags: keys in small letters, values of at most 128 characters")
    return {"ssh_key_names": keys, "tags": tags, "user_data": user_data}


def _is_tag(tag: object) -> bool:
    match tag:
        case {"key": str(key), "value": str(value)}:
            fits = len(key) <= 55 and len(value) <= TAG_VALUE_LENGTH_MAX
            return fits and _TAG_KEY.fullmatch(key) is not None
    return False


def instances(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """All of them at once. ``partial`` is what pages would look like if they came one day."""
    older_by = fault.stale or timedelta(0)
    shown_at = world.listing_moment(now) - older_by
    catalogue, notes = Catalogue(world.all_offers()), world.machine_notes()
    rows = [
        instance_row(one, shown_at, catalogue, json.loads(notes.get(one.id, "{}")), fault)
        for one in (*world.list_machines(now, older_by), *_ended(world, shown_at))
    ]
    body: dict[str, Any] = {"data": distort(rows, fault.shape, fault.keep)}
    if fault.shape == "partial":
        body["page_token"] = "eyJuZXh0IjoxNzA0MTk2ODAwfQ=="  # noqa: S105  # no secret
    return as_json(200, body)


def _ended(world: World, shown_at: datetime) -> list[Machine]:
    """What was terminated a short while ago."""
    return [
        one
        for one in world.all_machines()
        if one.gone_at is not None and one.gone_at <= shown_at < one.gone_at + STILL_SHOWN
    ]


def read(
    world: World, request: FaceRequest, instance: str, now: datetime, fault: Fault
) -> FaceAnswer:
    machine = _found(world, instance, now, shown_after_its_end=True)
    note = json.loads(world.machine_notes().get(machine.id, "{}"))
    return _data(instance_row(machine, now, Catalogue(world.all_offers()), note, fault))


def rename(
    world: World, request: FaceRequest, instance: str, now: datetime, fault: Fault
) -> FaceAnswer:
    name = object_of(request).get("name")
    if not isinstance(name, str) or len(name) > NAME_LENGTH_MAX:
        raise errors.invalid("name: at most 64 characters")
    world.relabel(_found(world, instance, now).id, name)
    return read(world, request, instance, now, fault)


def terminate(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """All that are named or none of them. One that has not launched yet is refused."""
    wanted = object_of(request).get("instance_ids")
    if not isinstance(wanted, list) or not wanted:
        raise errors.invalid("instance_ids: Field required")
    machines = [_found(world, one, now) for one in wanted if isinstance(one, str)]
    for machine in machines:
        if machine.status_at(now) == "placed":
            raise errors.invalid("Instance cannot be terminated: vm-has-not-launched")
    catalogue, notes = Catalogue(world.all_offers()), world.machine_notes()
    rows = []
    for machine in machines:
        if fault.has_effect and may_be_terminated(machine, now):
            world.destroy(machine.id, now)
        note = json.loads(notes.get(machine.id, "{}"))
        row = instance_row(machine, now, catalogue, note, fault)
        rows.append({**row, "status": "terminating"})
    return _data({"terminated_instances": rows})


def _found(
    world: World, instance: str, now: datetime, *, shown_after_its_end: bool = False
) -> Machine:
    number = machine_id(instance)
    try:
        return world.read_machine(number, now)
    except NoSuchMachine:
        for one in _ended(world, now) if shown_after_its_end else ():
            if one.id == number:
                return one
        raise errors.Refused(errors.NO_SUCH_INSTANCE) from None


# --- reading ------------------------------------------------------------------------------------


def _data(value: Any) -> FaceAnswer:
    return as_json(200, {"data": value})


def object_of(request: FaceRequest) -> dict[str, Any]:
    """Raises ``Refused`` for a body that is no object."""
    try:
        value = json.loads(request.body or b"{}")
    except ValueError:
        raise errors.invalid("Invalid request data.") from None
    if not isinstance(value, dict):
        raise errors.invalid("Invalid request data.")
    return value

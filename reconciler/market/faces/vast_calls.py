"""What each call of Vast.ai's API does in the simulated market, and what it answers.

From the published renter API and what people report of it: ids that die with their ask, 64 offers
and 25 machines a page, a success that is none, a machine that is gone as 200 with null.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.market.account import balance
from reconciler.market.errors import NoSuchMachine, OfferTaken, OrderRefused
from reconciler.market.faces import vast_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.faces.vast_filters import ordered, passing
from reconciler.market.faces.vast_nodes import ends_itself_at, own_key
from reconciler.market.faces.vast_rows import (
    GIB,
    Catalogue,
    instance_row,
    offer_row,
    spoil_prices,
)
from reconciler.market.faults import Fault, distort
from reconciler.market.ledger import billed_total
from reconciler.market.machine import Order
from reconciler.market.units import usd

if TYPE_CHECKING:
    from reconciler.market.faces.vast_rows import Place
    from reconciler.market.world import World

OPENING_CREDIT_USD = Decimal(100)
"""What a market's account begins with; it falls by what is billed, and below 0."""
OFFERS_MAX = 64
INSTANCES_MAX = 25
DISK_GB_MIN = 8
LABEL_LENGTH_MAX = 256
IMAGE_LENGTH_MAX = 1024
SCRIPT_LENGTH_MAX = 4048
ENV_LENGTH_MAX = 32_768
_STORED_COLUMNS = frozenset({"id", "label", "actual_status", "gpu_name", "verification"})
_NOWHERE = 9_999_999
_SEARCH_WORDS = frozenset({"type", "order", "limit", "allocated_storage", "id"})


def search(world: World, request: FaceRequest, _: str, now: datetime, fault: Fault) -> FaceAnswer:
    """``id`` finds nothing; ``verified``, ``rentable`` and ``rented`` have defaults."""
    asked = object_of(request)
    kind = asked.get("type", "ondemand")
    if kind not in ("ondemand", "on-demand", "bid"):
        raise ValueError(f"Invalid args: type {kind!r}")
    if "id" in asked:
        return as_json(200, {"offers": []})
    disk_gb = Decimal(str(asked.get("allocated_storage", DISK_GB_MIN)))
    catalogue = _catalogue(world)
    quotes = {quote.offer.id: quote for quote in world.list_offers(now)}
    rows = [
        offer_row(place, catalogue.ask_id(place), quotes, kind == "bid", disk_gb)
        for place in catalogue.places
    ]
    defaults = {"verified": {"eq": True}, "rentable": {"eq": True}, "rented": {"eq": False}}
    named = {name: value for name, value in asked.items() if name not in _SEARCH_WORDS}
    found = passing([row for row in rows if row], {**defaults, **named})
    found = ordered(found, asked.get("order", [["score", "desc"]]))
    limit = min(OFFERS_MAX, int(asked.get("limit", OFFERS_MAX)))
    return as_json(200, {"offers": [spoil_prices(row, fault) for row in found[:limit]]})


def current_user(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    number = int(hashlib.sha256(world.account.encode()).hexdigest()[:7], 16) + 1
    left = balance(world, now)
    credit = float(OPENING_CREDIT_USD - billed_total(world, now) if left is None else left)
    user = {"id": number, "email": "renter@example.com", "balance": 0.0, "credit": credit}
    return as_json(200, {**user, "ssh_key": "", "sid": world.account})


def create(world: World, request: FaceRequest, ask: str, now: datetime, fault: Fault) -> FaceAnswer:
    body = object_of(request)
    place = _catalogue(world).place_of_ask(_number(ask))
    if not fault.has_effect:  # C1.7: a well-formed answer about a machine that does not exist
        return as_json(200, {"success": True, "new_contract": _NOWHERE})
    offer = None
    if place is not None:
        offer = place.on_demand if body.get("price") is None else place.spot
    if place is None or offer is None:
        return errors.no_such_ask(400, ask)
    bids = body.get("price") is not None
    too_low = bids and _bids_too_low(world, place, body["price"], now)
    if too_low and body.get("cancel_unavail", False):
        return errors.no_such_ask(410, ask)
    note = json.dumps(_note(body))
    born = fault if not too_low else Fault(stops_after=timedelta(0))
    try:
        machine = world.rent(_order(offer.id, body), now, born)
    except OfferTaken:
        return errors.no_such_ask(400, ask)
    except OrderRefused as error:
        return errors.answer(400, "invalid_args", f"error 400/3467: Invalid args: {error.what}")
    world.note_machine(machine.id, note)
    ends_at = ends_itself_at(body)
    if ends_at is not None:
        world.set_timer(machine.id, ends_at, now)
    if fault.without_id:
        return as_json(200, {"success": True})
    made = {"success": not too_low, "new_contract": int(machine.id)}
    return as_json(200, {**made, "instance_api_key": own_key(world, machine.id)})


def _bids_too_low(world: World, place: Place, price: Any, now: datetime) -> bool:
    quotes = {quote.offer.id: quote for quote in world.list_offers(now)}
    quote = quotes.get(place.spot.id) if place.spot else None
    if isinstance(price, bool) or not isinstance(price, (int, float)):
        raise ValueError("error 400/3468: invalid_price")
    return quote is not None and Decimal(str(price)) < usd(quote.microusd_per_hour)


def _order(offer_id: str, body: Mapping[str, Any]) -> Order:
    """Raises ValueError for what the published limits refuse."""
    label, image, disk = body.get("label"), body.get("image"), body.get("disk", DISK_GB_MIN)
    if not isinstance(image, str) or not 0 < len(image) <= IMAGE_LENGTH_MAX:
        raise ValueError("error 400/3467: Invalid args: image is required")
    if label is not None and not (isinstance(label, str) and len(label) <= LABEL_LENGTH_MAX):
        raise ValueError("error 400/3467: Invalid args: label")
    if isinstance(disk, bool) or not isinstance(disk, (int, float)) or disk < DISK_GB_MIN:
        raise ValueError(f"error 400/3467: Invalid args: disk must be >= {DISK_GB_MIN}")
    if len(str(body.get("onstart", ""))) > SCRIPT_LENGTH_MAX:
        raise ValueError("error 400/3467: Invalid args: onstart is too long")
    return Order(offer_id, label, int(disk * GIB), image)


def _note(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the machine remembers of its order. Flags in a text are not applied: an object is."""
    env = body.get("env")
    if not isinstance(env, dict):
        env = {}
    if sum(len(str(name)) + len(str(value)) for name, value in env.items()) > ENV_LENGTH_MAX:
        raise ValueError("error 400/3467: Invalid args: env is too long")
    return {"env": env, "onstart": body.get("onstart"), "runtype": body.get("runtype")}


def list_machines(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """Pages by id; the token is opaque to clients."""
    older_by = fault.stale or timedelta(0)
    shown_at = world.listing_moment(now) - older_by
    catalogue, notes = _catalogue(world), world.machine_notes()
    rows = [
        instance_row(one, shown_at, catalogue, json.loads(notes.get(one.id, "{}")), fault)
        for one in world.list_machines(now, older_by)
    ]
    filters = json.loads(request.query.get("select_filters", "{}"))
    if not isinstance(filters, dict) or not filters.keys() <= _STORED_COLUMNS:
        return errors.answer(400, "invalid_request", "a column that cannot be filtered")
    rows = passing(rows, filters)
    total = len(rows)
    if fault.shape is not None:
        rows = distort(rows, fault.shape, fault.keep)
        total = total if fault.shape == "partial" else len(rows)
    try:
        page, token = _page(rows, request.query)
    except ValueError:
        return errors.answer(400, "invalid_token", "after_token cannot be read")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["label"] or ""] = counts.get(row["label"] or "", 0) + 1
    return as_json(
        200,
        {
            "success": True,
            "instances_found": len(page),
            "total_instances": total,
            "label_counts": counts,
            "next_token": token,
            "instances": page,
        },
    )


def _page(
    rows: list[dict[str, Any]], query: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str | None]:
    """One page and the token of the next. Raises ValueError for a token that is none."""
    asked = int(query.get("limit", INSTANCES_MAX))
    limit = min(asked, INSTANCES_MAX) if asked > 0 else 5
    begin = 0
    if "after_token" in query:
        token = json.loads(base64.urlsafe_b64decode(query["after_token"]))
        begin = _position_after(rows, int(token["values"]["id"]))
    page, left = rows[begin : begin + limit], rows[begin + limit :]
    if not left:
        return page, None
    values = {"values": {"id": page[-1]["id"]}}
    return page, base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _position_after(rows: list[dict[str, Any]], last_id: int) -> int:
    """Where the next page begins, also when the last row of the page before is gone by now."""
    ids = [row["id"] for row in rows]
    if last_id in ids:
        return len(ids) - ids[::-1].index(last_id)
    return sum(one < last_id for one in ids)


def read(
    world: World, request: FaceRequest, number: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """A machine that is gone: 200 with null."""
    try:
        machine = world.read_machine(str(_number(number)), now)
    except NoSuchMachine:
        return as_json(200, {"instances": None})
    note = json.loads(world.machine_notes().get(machine.id, "{}"))
    row = instance_row(machine, now, _catalogue(world), note, fault)
    del row["volume_info"]  # only listings have it
    return as_json(200, {"instances": row})


def destroy(
    world: World, request: FaceRequest, number: str, now: datetime, fault: Fault
) -> FaceAnswer:
    try:
        machine = world.read_machine(str(_number(number)), now)
        if fault.has_effect:
            world.destroy(machine.id, now)
    except NoSuchMachine:
        return errors.answer(404, "no_such_instance", f"Instance {number} not found")
    return as_json(200, {"success": True, "msg": f"destroying instance {number}."})


def change(
    world: World, request: FaceRequest, number: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """A new label, or a stop, as a person would do it. The market starts nothing again."""
    body = object_of(request)
    try:
        machine = world.read_machine(str(_number(number)), now)
    except NoSuchMachine:
        return errors.answer(404, "no_such_instance", f"Instance {number} not found")
    if isinstance(body.get("label"), str):
        world.relabel(machine.id, body["label"])
    elif body.get("state") == "stopped":
        world.stop(machine.id, now)
    else:
        return errors.answer(400, "invalid_args", "only label and state=stopped are simulated")
    return as_json(200, {"success": True})


def list_volumes(
    world: World, request: FaceRequest, _: str, now: datetime, fault: Fault
) -> FaceAnswer:
    """All of them: there are no pages. One that is mounted nowhere is billed like the others."""
    rows = [
        {
            "id": volume.id,
            "disk_space": volume.size_bytes / GIB,
            "storage_total_cost": float(usd(volume.microusd_per_hour)),
            "status": "active",
            "machine_id": 40_000,
            "start_date": now.timestamp(),
            "instances": [] if volume.machine_id is None else [{"id": int(volume.machine_id)}],
        }
        for volume in world.volumes()
    ]
    return as_json(200, {"volumes": rows})


# --- reading ------------------------------------------------------------------------------------


def _catalogue(world: World) -> Catalogue:
    return Catalogue(world.all_offers(), world.all_machines())


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError("invalid instance_id")
    return int(text)


def object_of(request: FaceRequest) -> dict[str, Any]:
    value = json.loads(request.body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value

"""The market's offers and machines in Vast.ai's words, fields and units."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.vast_places import geolocation
from reconciler.market.units import usd
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import Fault
    from reconciler.market.machine import Machine
    from reconciler.market.offer import MarketOffer, Quote

GIB = 2**30
MIB = 2**20
HOURS_PER_MONTH = 720
CONTRACT_SECONDS = 60 * 86_400.0
_FIRST_ASK = 30_000_000
_ASKS_PER_PLACE = 1000
_FIRST_MACHINE = 40_000
# Their names where no rule makes them of ours.
_GPU_NAMES = {
    "A100-PCIE-40GB": "A100 PCIE", "A100-PCIE-80GB": "A100 PCIE", "A100-SXM-40GB": "A100 SXM4",
    "A100-SXM-80GB": "A100 SXM4", "H100-PCIE": "H100 PCIE", "H100-SXM": "H100 SXM",
    "H100-NVL": "H100 NVL", "H200-SXM": "H200", "H200-NVL": "H200 NVL",
    "RTXPRO6000-SERVER": "RTX PRO 6000 S", "RTXPRO6000-WORKSTATION": "RTX PRO 6000 WS",
    "V100-PCIE-16GB": "Tesla V100", "T4": "Tesla T4", "P100-PCIE": "Tesla P100",
    "RTX4000Ada": "RTX 4000Ada", "RTX5000Ada": "RTX 5000Ada", "RTX6000Ada": "RTX 6000Ada",
}  # fmt: skip
_RTX = re.compile(r"(RTX|GTX)(A?)([0-9]{4})(Ti)?(?:-.*)?")
_WORDS = {"created": "created", "booting": "loading", "running": "running", "stopped": "stopped"}


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of node on one host: its on-demand and its spot side, and the ids that it has."""

    machine_id: int
    first_ask_id: int
    on_demand: MarketOffer | None
    spot: MarketOffer | None

    @property
    def side(self) -> MarketOffer:
        found = self.on_demand or self.spot
        assert found is not None
        return found


class Catalogue:
    """Which ask is which offer. An ask id dies with the first machine that is rented by it."""

    def __init__(self, offers: Iterable[MarketOffer], machines: Iterable[Machine]) -> None:
        listed = list(offers)
        self._by_id = {offer.id: offer for offer in listed}
        self._rented = Counter(machine.capacity_key for machine in machines)
        hosts = sorted({offer.capacity_key for offer in listed})
        number = {host: _FIRST_MACHINE + index for index, host in enumerate(hosts)}
        sides: dict[tuple[str, str, int], dict[bool, MarketOffer]] = {}
        for offer in listed:
            key = (offer.capacity_key, offer.gpu, offer.gpu_count)
            sides.setdefault(key, {}).setdefault(bool(offer.spot), offer)
        self.places = [
            Place(
                number[key[0]],
                _FIRST_ASK + index * _ASKS_PER_PLACE,
                both.get(False),
                both.get(True),
            )
            for index, (key, both) in enumerate(sorted(sides.items()))
        ]

    def ask_id(self, place: Place) -> int:
        """The ask that can be rented now."""
        return place.first_ask_id + self._rented[place.side.capacity_key] % _ASKS_PER_PLACE

    def place_of_ask(self, ask_id: int) -> Place | None:
        index = (ask_id - _FIRST_ASK) // _ASKS_PER_PLACE
        if not 0 <= index < len(self.places) or self.ask_id(self.places[index]) != ask_id:
            return None
        return self.places[index]

    def machine_number(self, machine: Machine) -> int:
        keys = (place for place in self.places if place.side.capacity_key == machine.capacity_key)
        return next((place.machine_id for place in keys), 0)

    def offer(self, offer_id: str) -> MarketOffer | None:
        return self._by_id.get(offer_id)


def offer_row(
    place: Place, ask_id: int, quotes: Mapping[str, Quote], bid: bool, disk_gb: Decimal
) -> dict[str, Any] | None:
    """What a search shows of ``place``; None where that side of it is not for rent now."""
    on_demand = quotes.get(place.on_demand.id) if place.on_demand else None
    spot = quotes.get(place.spot.id) if place.spot else None
    quote = spot if bid else on_demand
    if quote is None:
        return None
    offer = quote.offer
    base = usd((on_demand or quote).microusd_per_hour)
    shown = usd(quote.microusd_per_hour)
    storage = usd(offer.disk_microusd_per_gib) * disk_gb
    where = geolocation(offer.region, offer.country)
    return {
        "id": ask_id,
        "ask_contract_id": ask_id,
        "bundle_id": ask_id + 60_000_000,
        "machine_id": place.machine_id,
        "host_id": place.machine_id // 7,
        **_hardware(offer, place.machine_id),
        "dph_base": float(shown if bid else base),
        "dph_total": float(shown + storage),
        "min_bid": float(usd(spot.microusd_per_hour)) if spot else None,
        "storage_cost": float(usd(offer.disk_microusd_per_gib * HOURS_PER_MONTH)),
        "storage_total_cost": float(storage),
        "rentable": True,
        "rented": False,
        "is_bid": bid,
        "hosting_type": 1 if offer.hosting == "datacenter" else 0,
        "external": None,
        "geolocation": where,
        "duration": CONTRACT_SECONDS,
        "score": None,
        "direct_port_count": 180,
        "inet_down": 812.3,
        "inet_up": 640.0,
    }


def _hardware(offer: MarketOffer, machine_id: int) -> dict[str, Any]:
    """The machine and what is known of its host; nobody counts the cores of every fifth one."""
    return {
        "gpu_name": gpu_name(offer.gpu),
        "num_gpus": offer.gpu_count,
        "gpu_frac": 1.0,
        "gpu_ram": offer.gpu_memory_bytes // MIB,
        "gpu_total_ram": offer.gpu_memory_bytes // MIB * offer.gpu_count,
        "gpu_arch": "nvidia",
        "cpu_arch": "amd64",
        "cpu_cores": None if machine_id % 5 == 0 else offer.vcpus,
        "cpu_cores_effective": _float(offer.vcpus),
        "cpu_ram": None if offer.memory_bytes is None else offer.memory_bytes // MIB,
        "disk_space": None if offer.disk_bytes_max is None else offer.disk_bytes_max / GIB,
        "cuda_max_good": None if offer.cuda is None else float(offer.cuda),
        "reliability": None if offer.reliability is None else float(offer.reliability),
        "reliability2": None if offer.reliability is None else float(offer.reliability),
        "verification": "verified" if offer.verified else "unverified",
        "verified": bool(offer.verified),
    }


def spoil_prices(row: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """The row with the prices that a fault shows."""
    names = ("dph_base", "dph_total", "min_bid")
    if fault.price is not None:
        return {**row, **dict.fromkeys(names, _as_written(fault.price))}
    changed = {
        name: row[name] * fault.quoted_percent / 100 for name in names if row[name] is not None
    }
    return row if fault.quoted_percent == 100 else {**row, **changed}


def _as_written(text: str) -> Any:
    """A number where the text is one, also NaN and null; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ports(machine: Machine, note: Mapping[str, Any]) -> dict[str, Any]:
    """Port 22, and those that the environment asks docker for: each at a number of its own."""
    asked = [name.removeprefix("-p ").partition(":")[2] for name in note.get("env", {})]
    inside = ["22", *(one for one in asked if one.isdigit())]
    return {
        f"{one}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(machine.ssh_port + at)}]  # noqa: S104  # what they show
        for at, one in enumerate(inside)
    }


def instance_row(
    machine: Machine,
    when: datetime,
    catalogue: Catalogue,
    note: Mapping[str, Any],
    fault: Fault,
) -> dict[str, Any]:
    """A machine as listings and reads show it at ``when``."""
    offer = catalogue.offer(machine.offer_id)
    words = _status_words(machine, when, fault)
    running = words["actual_status"] == "running"
    gpu, disk = usd(machine.gpu_microusd), usd(machine.disk_microusd)
    where = geolocation(machine.region, offer.country if offer else None)
    return {
        "id": int(machine.id),
        "label": None if fault.drop_labels else machine.label,
        **words,
        "machine_id": catalogue.machine_number(machine),
        "is_bid": bool(offer.spot) if offer else False,
        "gpu_name": gpu_name(machine.gpu),
        "num_gpus": machine.gpu_count,
        "gpu_ram": offer.gpu_memory_bytes // MIB if offer else None,
        "disk_space": machine.disk_bytes / GIB,
        "dph_base": float(gpu),
        "dph_total": float(gpu + disk),
        "storage_total_cost": float(disk),
        "instance": {
            "gpuCostPerHour": float(gpu) if running else 0.0,
            "diskHour": float(disk),
            "totalHour": float(gpu + disk) if running else float(disk),
        },
        "start_date": machine.created_at.timestamp(),
        "end_date": machine.created_at.timestamp() + CONTRACT_SECONDS,
        "duration": CONTRACT_SECONDS,
        "ssh_host": "ssh5.vast.ai",
        "ssh_port": 10_000 + int(machine.id) % 20_000,
        "public_ipaddr": f"{machine.ssh_host} " if running else None,
        "ports": _ports(machine, note) if running else None,
        "image_uuid": machine.image,
        "image_runtype": "ssh ssh_direc ssh_proxy",
        "extra_env": [[name, value] for name, value in note.get("env", {}).items()],
        "onstart": note.get("onstart"),
        "geolocation": where,
        "volume_info": [],
    }


def _status_words(machine: Machine, when: datetime, fault: Fault) -> dict[str, Any]:
    """They have no word for a machine that is being destroyed: it keeps the last one."""
    word = machine._replace(destroy_asked=None).status_at(when)
    never_started = machine.stopped is not None and machine.stopped <= machine.created
    stopped = word == "stopped"
    actual: str | None = _WORDS.get(word)
    if word == "failed":
        actual = "exited"
    if never_started:
        actual = None
    if fault.status is not None:
        actual = fault.status or None
    wanted = "stopped" if never_started else "running"
    now = "stopped" if stopped else "running"
    return {
        "actual_status": actual,
        "intended_status": wanted,
        "cur_state": now,
        "next_state": now,
        "status_msg": None,
    }


def gpu_name(canonical: str) -> str:
    """As they spell it."""
    known = _GPU_NAMES.get(canonical)
    if known:
        return known
    match = _RTX.fullmatch(canonical)
    if match is None:
        return canonical
    brand, letter, digits, more = match.groups()
    return f"{brand} {letter}{digits}" + (f" {more}" if more else "")


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)

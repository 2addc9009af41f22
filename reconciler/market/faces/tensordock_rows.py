"""The market's offers as TensorDock's host nodes, and its machines as TensorDock's instances.

One on-demand offer is one host. What they sell by the part is sold whole here: all GPUs of a node.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from reconciler.market.machine import ListPrice
from reconciler.market.units import usd

if TYPE_CHECKING:
    from reconciler.market.faults import Fault
    from reconciler.market.machine import Machine
    from reconciler.market.offer import MarketOffer, Quote

GIB = 2**30
VCPU_MICROUSD = 3_000
RAM_GB_MICROUSD = 2_000
STORAGE_GB_MICROUSD = 50
_SOCKETS = {"H100-SXM": "h100-sxm5", "H200-SXM": "h200-sxm5", "B200": "b200-sxm6"}
_CONSUMER = re.compile(r"((?:RTX|GTX)[0-9]{4}(?:Ti)?)")
_STATUS = {
    # shown for some seconds while a machine boots
    "placed": "stoppeddisassociated",
    "created": "Creating",
    "booting": "starting",
    "running": "Running",
    "stopped": "Stopped",
    "failed": "failed",
    "destroying": "deleting",
}
_CPUS, _RAM_GB = 8, 32
"""Beside one GPU of an offer that says nothing about it."""


def uuid_of(kind: str, text: str) -> str:
    return str(UUID(hashlib.sha256(f"{kind} {text}".encode()).hexdigest()[:32]))


def instance_id(machine_id: str) -> str:
    """A UUID in which the market's own number can be read."""
    return str(UUID(int=int(machine_id)))


def machine_id(instance: str) -> str:
    """The market's number; an id that is none of theirs finds no machine."""
    try:
        return str(UUID(instance).int)
    except ValueError:
        return f"?{instance}"


def v0_name(offer: MarketOffer) -> str:
    """``geforcertx4090-pcie-24gb``."""
    gib = offer.gpu_memory_bytes // GIB
    if offer.gpu in _SOCKETS:
        return f"{_SOCKETS[offer.gpu]}-{gib}gb"
    family, socket = offer.gpu.lower(), "pcie"
    if "-sxm" in family:
        socket = "sxm4"
    if "-nvl" in family:
        socket = "nvl"
    if family == "mi300x":  # no other form of it was ever made
        socket = "oam"
    if _CONSUMER.fullmatch(offer.gpu):
        return f"geforce{family}-pcie-{gib}gb"
    return f"{family.partition('-')[0]}-{socket}-{gib}gb"


def gpu_microusd(quote: Quote) -> int:
    """For one GPU; processors, memory and storage come on top."""
    return quote.microusd_per_hour // quote.offer.gpu_count


def list_price(quote: Quote, vcpus: int, ram_gb: int) -> ListPrice:
    """What such a machine is billed."""
    gpus = gpu_microusd(quote) * quote.offer.gpu_count
    beside = VCPU_MICROUSD * vcpus + RAM_GB_MICROUSD * ram_gb
    return ListPrice(gpus + beside, STORAGE_GB_MICROUSD)


def has_public_ip(offer: MarketOffer) -> bool:
    """One host in eight has no address left."""
    return hashlib.sha256(offer.id.encode()).digest()[0] % 8 != 0


def location_row(offer: MarketOffer) -> dict[str, Any]:
    place = offer.region.partition("-")[2].replace("-", " ").title() or offer.region
    return {
        "uuid": uuid_of("location", offer.region),
        "city": place,
        "stateprovince": place,
        "country": _COUNTRIES.get(offer.country or "", offer.country or "Unknown"),
        "tier": 3 if offer.hosting == "datacenter" else 0,
        "has_network_storage": False,
        "network_speed_gbps": 1.0,
        "network_speed_upload_gbps": 1.0,
        "organization": "rehearsal",
        "organizationName": "Rehearsal",
    }


_COUNTRIES = {
    "CA": "Canada", "CZ": "Czechia", "DE": "Germany", "ES": "Spain", "FI": "Finland",
    "FR": "France", "GB": "United Kingdom", "IN": "India", "IT": "Italy", "JP": "Japan",
    "KR": "South Korea", "NL": "Netherlands", "NO": "Norway", "PL": "Poland", "SE": "Sweden",
    "SG": "Singapore", "TW": "Taiwan", "US": "United States",
}  # fmt: skip


def hostnode_row(quote: Quote, fault: Fault) -> dict[str, Any]:
    offer, free = quote.offer, quote.available
    vcpus, ram = per_gpu(offer)
    gpus = free * offer.gpu_count
    reliability = float(offer.reliability) if offer.reliability else 0.95
    storage = (offer.disk_bytes_max or 1000 * GIB) // GIB
    return {
        "id": uuid_of("hostnode", offer.id),
        "location_id": uuid_of("location", offer.region),
        "engine": "kvm",
        "uptime_percentage": round(reliability * 100, 2),
        "available_resources": {
            "gpus": [
                {
                    "v0Name": v0_name(offer),
                    "availableCount": gpus,
                    "price_per_hr": _shown(gpu_microusd(quote), fault),
                }
            ],
            "vcpu_count": vcpus * gpus,
            "ram_gb": ram * gpus,
            "storage_gb": storage * free,
            "max_vcpus_per_gpu": vcpus,
            "max_ram_per_gpu": ram,
            "max_vcpus": vcpus * offer.gpu_count,
            "max_ram_gb": ram * offer.gpu_count,
            "max_storage_gb": storage,
            "available_ports": [20013, 20012],
            "has_public_ip_available": has_public_ip(offer),
        },
        "pricing": _pricing(),
        "location": location_row(offer),
    }


def per_gpu(offer: MarketOffer) -> tuple[int, int]:
    """Virtual processors and GB of memory beside one GPU."""
    vcpus = (offer.vcpus or _CPUS * offer.gpu_count) // offer.gpu_count
    ram = (offer.memory_bytes or _RAM_GB * GIB * offer.gpu_count) // GIB // offer.gpu_count
    return vcpus, ram


def _pricing() -> dict[str, float]:
    return {
        "per_vcpu_hr": float(usd(VCPU_MICROUSD)),
        "per_gb_ram_hr": float(usd(RAM_GB_MICROUSD)),
        "per_gb_storage_hr": float(usd(STORAGE_GB_MICROUSD)),
    }


def _shown(microusd: int, fault: Fault) -> Any:
    if fault.price is None:
        return float(usd(microusd * fault.quoted_percent // 100))
    try:
        return json.loads(fault.price)
    except ValueError:
        return fault.price


def locations(offers: list[MarketOffer], prices: Mapping[str, int]) -> list[dict[str, Any]]:
    """Every place with every GPU that stands there, free or not: this list lies about stock."""
    found: dict[str, dict[str, Any]] = {}
    for offer in offers:
        row = location_row(offer)
        kept = found.setdefault(row["uuid"], {**row, "id": row["uuid"], "gpus": {}})
        vcpus, ram = per_gpu(offer)
        kept["gpus"][v0_name(offer)] = {
            "v0Name": v0_name(offer),
            "displayName": f"NVIDIA {offer.gpu}",
            "max_count": offer.gpu_count * offer.stock,
            "price_per_hr": float(usd(prices[offer.id])),
            "resources": {
                "max_vcpus": vcpus * offer.gpu_count,
                "max_ram_gb": ram * offer.gpu_count,
                "max_storage_gb": (offer.disk_bytes_max or 1000 * GIB) // GIB,
            },
            "pricing": _pricing(),
            "network_features": {
                "dedicated_ip_available": True,
                "port_forwarding_available": True,
                "network_storage_available": False,
            },
        }
    return [{**row, "gpus": list(row["gpus"].values())} for row in found.values()]


def instance_row(
    machine: Machine, when: datetime, offer: MarketOffer, note: Mapping[str, Any], fault: Fault
) -> dict[str, Any]:
    """A flat row, as a direct read gives it."""
    word = _STATUS[machine.status_at(when)]
    row: dict[str, Any] = {
        "type": "virtualmachine",
        "id": instance_id(machine.id),
        "name": None if fault.drop_labels else machine.label,
        "status": word if fault.status is None else fault.status,
        "portForwards": [],
        "resources": {
            **note.get("resources", {}),
            "gpus": {v0_name(offer): {"count": machine.gpu_count, "v0Name": v0_name(offer)}},
        },
        "rateHourly": float(usd(machine.microusd_per_hour)),
    }
    if machine.status_at(when) not in ("placed", "created"):
        row["ipAddress"] = machine.ssh_host
    return row

"""The market's nodes as Lambda's instance types, and its machines as Lambda's instances.

A type has one price in whole cents, wherever it stands: nodes of one kind at different prices are
different types here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import Fault
    from reconciler.market.machine import Machine
    from reconciler.market.offer import MarketOffer, Quote
    from reconciler.market.volumes import MarketVolume

GIB = 2**30
MICROUSD_PER_CENT = 10_000
# In a type's name, and in words; other models are called what we call them.
_GPUS = {
    "A100-PCIE-40GB": ("a100", "A100 (40 GB PCIe)"),
    "A100-PCIE-80GB": ("a100_80gb", "A100 (80 GB PCIe)"),
    "A100-SXM-40GB": ("a100_sxm4", "A100 (40 GB SXM4)"),
    "A100-SXM-80GB": ("a100_80gb_sxm4", "A100 (80 GB SXM4)"),
    "A10": ("a10", "A10 (24 GB PCIe)"),
    "B200": ("b200_sxm6", "B200 (180 GB SXM6)"),
    "GH200": ("gh200", "GH200 (96 GB)"),
    "H100-NVL": ("h100_nvl", "H100 NVL (94 GB)"),
    "H100-PCIE": ("h100_pcie", "H100 (80 GB PCIe)"),
    "H100-SXM": ("h100_sxm5", "H100 (80 GB SXM5)"),
    "H200-SXM": ("h200_sxm5", "H200 (141 GB SXM5)"),
    "QUADRO-RTX6000": ("rtx6000", "RTX 6000 (24 GB)"),
    "RTX6000Ada": ("rtx6000ada", "RTX 6000 Ada (48 GB)"),
    "RTXA4000": ("a4000", "RTX A4000 (16 GB)"),
    "RTXA5000": ("a5000", "RTX A5000 (24 GB)"),
    "RTXA6000": ("a6000", "RTX A6000 (48 GB)"),
    "RTXPRO6000-SERVER": ("rtxpro6000", "RTX PRO 6000 Server Edition (96 GB)"),
    "V100-SXM2-16GB": ("v100_n", "Tesla V100 (16 GB)"),
}
_CONSUMER = re.compile(r"(RTX|GTX)([0-9]{4})(Ti)?")
_STATUS = {
    "placed": "booting",
    "created": "booting",
    "booting": "booting",
    "running": "active",
    "stopped": "unhealthy",
    "failed": "unhealthy",
    "destroying": "terminating",
}
_TOO_EARLY = ("vm-has-not-launched", "Instance has not launched yet.")
_ENDING = ("vm-is-terminating", "Instance is terminating.")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """``sides``: the market's offers that are this type, in the order in which they are taken."""

    name: str
    sides: tuple[MarketOffer, ...]

    def row(self, cents: Any) -> dict[str, Any]:
        """What listings of types and of machines say about it."""
        offer = self.sides[0]
        words = gpu_words(offer.gpu, offer.gpu_memory_bytes)[1]
        return {
            "name": self.name,
            "description": f"{offer.gpu_count}x {words}",
            "gpu_description": words,
            "price_cents_per_hour": cents,
            "specs": {
                "vcpus": offer.vcpus or 0,
                "memory_gib": (offer.memory_bytes or 0) // GIB,
                "storage_gib": (offer.disk_bytes_max or 0) // GIB,
                "gpus": offer.gpu_count,
            },
        }


class Catalogue:
    """Every type that the market can have: there is no spot here."""

    def __init__(self, offers: Iterable[MarketOffer]) -> None:
        kinds: dict[tuple[str, int], dict[int, list[MarketOffer]]] = {}
        for offer in offers:
            if not offer.spot:
                by_price = kinds.setdefault((offer.gpu, offer.gpu_count), {})
                by_price.setdefault(offer.base_microusd, []).append(offer)
        self.types: dict[str, InstanceType] = {}
        self._of_offer: dict[str, InstanceType] = {}
        for (gpu, count), by_price in sorted(kinds.items()):
            for tier, (_, sides) in enumerate(sorted(by_price.items())):
                name = f"gpu_{count}x_{gpu_words(gpu, sides[0].gpu_memory_bytes)[0]}"
                self._add(InstanceType(f"{name}_t{tier}" if tier else name, tuple(sides)))

    def _add(self, kind: InstanceType) -> None:
        self.types[kind.name] = kind
        for offer in kind.sides:
            self._of_offer[offer.id] = kind

    def type_of(self, machine: Machine) -> InstanceType | None:
        return self._of_offer.get(machine.offer_id)


def gpu_words(gpu: str, memory_bytes: int) -> tuple[str, str]:
    """How a type's name and a type's description call this GPU."""
    if gpu in _GPUS:
        return _GPUS[gpu]
    match = _CONSUMER.fullmatch(gpu)
    words = f"{match[1]} {match[2]}{' Ti' if match[3] else ''}" if match else gpu
    return re.sub(r"[^a-z0-9]+", "_", gpu.lower()), f"{words} ({memory_bytes // GIB} GB)"


def type_rows(
    catalogue: Catalogue, quotes: Mapping[str, Quote], fault: Fault
) -> dict[str, dict[str, Any]]:
    """Sold-out types have no region; their price is still told."""
    return {kind.name: _type_row(kind, quotes, fault) for kind in catalogue.types.values()}


def _type_row(kind: InstanceType, quotes: Mapping[str, Quote], fault: Fault) -> dict[str, Any]:
    free = _free(kind, quotes)
    regions = {one.offer.region: region_row(one.offer.region, one.offer.country) for one in free}
    return {
        "instance_type": kind.row(_shown(shown_cents(kind, quotes), fault)),
        "regions_with_capacity_available": list(regions.values()),
    }


def _free(kind: InstanceType, quotes: Mapping[str, Quote]) -> list[Quote]:
    return [quotes[offer.id] for offer in kind.sides if offer.id in quotes]


def shown_cents(kind: InstanceType, quotes: Mapping[str, Quote]) -> int:
    """One price in all regions, and it is what is billed."""
    free = _free(kind, quotes)
    return cents(max((q.microusd_per_hour for q in free), default=kind.sides[0].base_microusd))


def cents(microusd: int) -> int:
    """Whole cents, rounded up."""
    return -(-microusd // MICROUSD_PER_CENT)


def _shown(price: int, fault: Fault) -> Any:
    if fault.price is None:
        return price * fault.quoted_percent // 100
    try:
        return json.loads(fault.price)
    except ValueError:
        return fault.price


def region_row(region: str, country: str | None) -> dict[str, str]:
    place = region.partition("-")[2].replace("-", " ").title() or region
    where = "USA" if country == "US" else country
    return {"name": region, "description": f"{place}, {where}" if where else place}


def instance_row(
    machine: Machine,
    when: datetime,
    catalogue: Catalogue,
    note: Mapping[str, Any],
    fault: Fault,
) -> dict[str, Any]:
    """One instance as lists and reads show it at ``when``. What is not known is left out."""
    kind = catalogue.type_of(machine)
    gone = not machine.exists_at(when)
    word = "terminated" if gone else _STATUS[machine.status_at(when)]
    row: dict[str, Any] = {
        "id": instance_id(machine.id),
        "private_ip": f"10.0.{int(machine.id) // 250 % 250}.{int(machine.id) % 250 + 1}",
        "status": word if fault.status is None else fault.status,
        "ssh_key_names": note.get("ssh_key_names", []),
        "file_system_names": [],
        "region": region_row(machine.region, kind.sides[0].country if kind else None),
        "instance_type": kind.row(cents(machine.gpu_microusd)) if kind else None,
        "actions": _actions(machine, when),
        "tags": [] if fault.drop_labels else note.get("tags", []),
        "firewall_rulesets": [],
    }
    if machine.label is not None and not fault.drop_labels:
        row["name"] = machine.label
    if word == "active":
        row["ip"] = row["hostname"] = machine.ssh_host
        row["jupyter_token"] = f"t{machine.id}"
        row["jupyter_url"] = f"https://jupyter-x.lambdaspaces.com/?token=t{machine.id}"
    return row


def file_system_row(volume: MarketVolume, made_at: datetime) -> dict[str, Any]:
    """What it costs is not in it, nor on which machine it is."""
    name = f"left-{volume.id}"
    return {
        "id": instance_id(str(volume.id)),
        "name": name,
        "mount_point": f"/lambda/nfs/{name}",
        "created": made_at.isoformat(),
        "created_by": {"id": "1" * 32, "email": "renter@example.com", "status": "active"},
        "is_in_use": volume.machine_id is not None,
        "region": region_row("us-east-1", "US"),
        "bytes_used": volume.size_bytes,
    }


def instance_id(machine_id: str) -> str:
    """32 hex digits, in which the market's own number can be read."""
    return machine_id.rjust(32, "0")


def machine_id(instance: str) -> str:
    """The market's number; an id that is none of theirs finds no machine."""
    return instance.lstrip("0") if len(instance) == 32 else f"?{instance}"


def may_be_terminated(machine: Machine, when: datetime) -> bool:
    """Not before it is launched, and not twice."""
    return machine.status_at(when) not in ("placed", "destroying")


def _actions(machine: Machine, when: datetime) -> dict[str, Any]:
    word = machine.status_at(when)
    blocked = {"placed": _TOO_EARLY, "destroying": _ENDING}.get(word)
    if blocked is None:
        one: dict[str, Any] = {"available": True}
    else:
        one = {
            "available": False,
            "reason_code": blocked[0],
            "reason_description": blocked[1],
        }
    return dict.fromkeys(("migrate", "rebuild", "restart", "cold_reboot", "terminate"), one)

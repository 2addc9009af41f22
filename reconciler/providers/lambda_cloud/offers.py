"""Lambda's instance types as offers: one for each region that has some, and what cannot be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from pydantic import ValidationError

from reconciler.model.gpu import GpuModel, resolve_offered
from reconciler.model.offer import Ability, Offer
from reconciler.model.quantity import GIB
from reconciler.model.text import printable
from reconciler.providers.lambda_cloud.wire import InstanceType, Region, TypeItem, misfit

LACKS: frozenset[Ability] = frozenset({"image", "ports", "spot", "node_timer"})
UNCOUNTED = 100
"""How many nodes an offer stands for: they say that there are some, and never how many."""
_BETWEEN = "@"
_MEMORY = re.compile(r"\((\d{1,4}) GB\b")
_LAST_PART = re.compile(r"[A-Z]{2}")
# The start of a region's name; of others the description may tell.
_COUNTRIES = {
    "us-": "US",
    "europe-central-": "DE",
    "asia-south-": "IN",
    "asia-northeast-": "JP",
    "me-west-": "IL",
    "australia-": "AU",
}


def offers_of(provider: str, types: Mapping[str, object], unusable: Counter[str]) -> list[Offer]:
    """``types`` by name. What cannot be used is counted in ``unusable`` by its reason."""
    found: list[Offer] = []
    for name, raw in types.items():
        try:
            item = TypeItem.model_validate(raw)
            found += _of_type(provider, name, item, unusable)
        except ValidationError as error:
            unusable[misfit(error)] += 1
        except ValueError as error:
            unusable[str(error)] += 1
    return found


def _of_type(provider: str, name: str, item: TypeItem, unusable: Counter[str]) -> Iterator[Offer]:
    kind = item.instance_type
    if kind.name != name:
        raise ValueError("a type with two names")
    if kind.specs.gpus == 0:
        raise ValueError("a machine without a GPU")
    if kind.price_cents_per_hour == 0:
        raise ValueError("a price of nothing")
    model = model_of(kind)
    if model is None:
        raise ValueError(f"unknown GPU {printable(kind.gpu_description or name, 40)}")
    seen: set[str] = set()
    for raw in item.regions_with_capacity_available:
        try:
            region = Region.model_validate(raw)
        except ValidationError:
            unusable["no usable region"] += 1
            continue
        if region.name not in seen:
            seen.add(region.name)
            yield _offer(provider, kind, model, region)


def _offer(provider: str, kind: InstanceType, model: GpuModel, region: Region) -> Offer:
    specs = kind.specs
    place = f"{kind.name}{_BETWEEN}{region.name}"
    return Offer(
        provider=provider,
        id=place,
        gpu=model.name,
        gpu_count=specs.gpus,
        gpu_memory_bytes=_stated_memory(kind) or model.memory_bytes,
        usd_per_hour=usd_of(kind),
        # the disk comes with the type, all of it
        disk_usd_per_gib_hour=Decimal(0),
        vcpus=_whole(specs.vcpus),
        memory_bytes=_bytes(specs.memory_gib),
        disk_bytes_max=_bytes(specs.storage_gib),
        cuda=None,
        region=region.name,
        country=country_of(region),
        host=None,
        spot=False,
        reliability=None,
        verified=True,
        hosting="datacenter",
        stock=UNCOUNTED,
        capacity_key=place,
        lacks=LACKS,
    )


def type_and_region(offer_id: str) -> tuple[str, str]:
    """What a launch names, behind an offer."""
    kind, _, region = offer_id.partition(_BETWEEN)
    return kind, region


def model_of(kind: InstanceType) -> GpuModel | None:
    """By the words for its GPU; by the type's own name where those say nothing."""
    memory = _stated_memory(kind)
    described = resolve_offered("lambda", kind.gpu_description or "", memory)
    return described or resolve_offered("lambda", kind.name, memory)


def usd_of(kind: InstanceType) -> Decimal:
    """Dollars an hour for the whole instance."""
    return Decimal(kind.price_cents_per_hour) / 100


def country_of(region: Region) -> str | None:
    """Two capital letters, or None where nothing tells the country."""
    for start, country in _COUNTRIES.items():
        if region.name.startswith(start):
            return country
    last = (region.description or "").rpartition(",")[2].strip()
    if last == "USA":
        return "US"
    return last if _LAST_PART.fullmatch(last) else None


def _stated_memory(kind: InstanceType) -> int | None:
    match = _MEMORY.search(kind.gpu_description or "")
    return int(match[1]) * GIB if match and int(match[1]) else None


def _whole(number: Decimal | None) -> int | None:
    return int(number) if number is not None and number >= 1 else None


def _bytes(gib: Decimal | None) -> int | None:
    return int(gib) * GIB if gib is not None and gib >= 1 else None

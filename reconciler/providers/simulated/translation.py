"""The market's rows as the model's values."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.market.machine import SSH_USER
from reconciler.market.units import microseconds, usd
from reconciler.model.cost import exact_usd
from reconciler.model.gpu_reading import GpuReading, SeenGpu
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.offer import Offer, OfferListing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.market.faults import Fault
    from reconciler.market.machine import Inside, Machine
    from reconciler.market.offer import Quote
    from reconciler.providers.base import CreateRequest

# An offer's figures come from short lists: made once, not for each of 100 000 offers.
_decimal = lru_cache(maxsize=4096)(Decimal)
_usd = lru_cache(maxsize=4096)(usd)
_RUNNING, _UNKNOWN = InstanceStatus.RUNNING, InstanceStatus.UNKNOWN
_STATUSES = {
    "placed": InstanceStatus.PLACED,
    "created": InstanceStatus.CREATED,
    "booting": InstanceStatus.BOOTING,
    "running": InstanceStatus.RUNNING,
    "stopped": InstanceStatus.STOPPED,
    "exited": InstanceStatus.STOPPED,
    "failed": InstanceStatus.FAILED,
    "destroying": InstanceStatus.DESTROYING,
}


def note_of(request: CreateRequest) -> str:
    """What a machine's ledger keeps of its order beside the label; "" where there is nothing."""
    return _note(request.ssh_public_keys, request.vm_image, request.setup, request.ports)


@lru_cache(maxsize=64)  # the machines of a fleet are ordered alike
def _note(
    keys: tuple[str, ...], vm_image: str | None, setup: str | None, ports: tuple[int, ...]
) -> str:
    asked = {"ssh_public_keys": keys, "vm_image": vm_image, "setup": setup, "ports": ports}
    kept = {name: value for name, value in asked.items() if value}
    return json.dumps(kept, sort_keys=True) if kept else ""


@lru_cache(maxsize=64)  # and are alike inside
def as_reading(inside: Inside) -> GpuReading:
    """What a driver would have said."""
    gpu = SeenGpu(inside.gpu, inside.gpu_memory_bytes)
    cuda = None if inside.cuda is None else _decimal(inside.cuda)
    return GpuReading((gpu,) * inside.gpu_count, cuda=cuda)


def as_listing(
    provider: str, quotes: Iterable[Quote], read_at: datetime, fault: Fault
) -> OfferListing:
    """Quotes with an unusable price are counted by reason, never guessed at (bad input 49)."""
    offers: list[Offer] = []
    unusable: Counter[str] = Counter()
    for quote in quotes:
        try:
            price = _shown_price(quote, fault)
        except ValueError as error:
            unusable[str(error)] += 1
        else:
            offers.append(_as_offer(provider, quote, price))
    return OfferListing(provider, tuple(offers), dict(unusable), read_at)


def _shown_price(quote: Quote, fault: Fault) -> Decimal:
    if fault.price is None:
        return usd(quote.microusd_per_hour * fault.quoted_percent // 100)
    try:
        return exact_usd(Decimal(fault.price))
    except InvalidOperation:
        return exact_usd(fault.price)


def _as_offer(provider: str, quote: Quote, usd_per_hour: Decimal) -> Offer:
    (
        id_, gpu, gpu_count, gpu_memory_bytes, _, disk_microusd, vcpus, memory_bytes, disk_most,
        cuda, region, country, host, spot, reliability, verified, hosting, _, capacity_key,
    ) = quote.offer  # fmt: skip
    return Offer(  # in the order of its fields: 100 000 calls with names take twice as long
        provider,
        id_,
        gpu,
        gpu_count,
        gpu_memory_bytes,
        usd_per_hour,
        _usd(disk_microusd),
        vcpus,
        memory_bytes,
        disk_most,
        None if cuda is None else _decimal(cuda),
        region,
        country,
        host,
        bool(spot),
        None if reliability is None else _decimal(reliability),
        None if verified is None else bool(verified),
        hosting,  # type: ignore[arg-type]  # the market's own word
        quote.available,
        capacity_key,
    )


def as_instances(
    provider: str, machines: Iterable[Machine], shown_at: datetime, fault: Fault
) -> list[Instance]:
    """Each as ``as_instance``; the moment is turned into the market's units once for all."""
    at = microseconds(shown_at)
    return [_as_instance(provider, machine, at, fault) for machine in machines]


def as_instance(provider: str, machine: Machine, shown_at: datetime, fault: Fault) -> Instance:
    """The machine as it was at ``shown_at``; an unknown status word is kept and means UNKNOWN."""
    return _as_instance(provider, machine, microseconds(shown_at), fault)


def _as_instance(provider: str, machine: Machine, at: int, fault: Fault) -> Instance:
    word = machine.status_as_of(at) if fault.status is None else fault.status
    status = _STATUSES.get(word, _UNKNOWN)
    reachable = status is _RUNNING
    return Instance(  # in the order of its fields, as offers are
        provider,
        machine.id,
        None if fault.drop_labels else machine.label,
        status,
        word,
        _usd(machine.billed_microusd_as_of(at)),
        machine.gpu,
        machine.gpu_count,
        machine.region,
        SshEndpoint(machine.ssh_host, machine.ssh_port, SSH_USER) if reachable else None,
        machine.created_at,
        machine.stopped_at if machine.stopped is not None and at >= machine.stopped else None,
    )

"""A rented machine and what becomes of it: a pure function of its row and of the moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.market.chance import draw, happens
from reconciler.market.units import microseconds, moment
from reconciler.model.gpu import gpu_model
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import Fault
    from reconciler.market.offer import MarketOffer
    from reconciler.market.settings import MarketSettings

GIB = 2**30
DEFAULT_DISK_BYTES = 50 * GIB
# Addresses that the standards keep free for documentation: nothing ever answers there.
_NETWORKS = ("192.0.2", "198.51.100")
SSH_USER = "root"
_FIRST_SSH_PORT = 20_000
_YOUNG = timedelta(minutes=10) // timedelta(microseconds=1)
_TASK_FAILS = timedelta(minutes=2) // timedelta(microseconds=1)


class ListPrice(NamedTuple):
    """What a shop with a price list bills, in micro-dollars an hour, the disk's for each GiB."""

    microusd: int
    disk_microusd_per_gib: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a create call asks for. The label is kept as it is; two machines may have the same.

    ``note`` is kept with the machine as it stands (``World.machine_notes``); "" for none.
    ``list_price``: None for the market's own price at that moment. ``bid_microusd``: the most that
    an hour of the node may cost, its disk apart; None for any price.
    """

    offer_id: str
    label: str | None
    disk_bytes: int = DEFAULT_DISK_BYTES
    image: str | None = None
    note: str = ""
    list_price: ListPrice | None = None
    bid_microusd: int | None = None


class Machine(NamedTuple):
    """One row. Its rates never change: they were fixed when it was rented.

    Everything that will happen by itself is already written down as a moment, in microseconds
    since 1970: the boot stages, a failure, the end of a spot machine's place. ``listed`` lies
    after ``created`` only where a fault hides the machine at first. A named tuple in the column
    order of the table, because a listing makes one for each of up to 10 000 rows.
    """

    id: str
    label: str | None
    offer_id: str
    capacity_key: str
    gpu: str
    gpu_count: int
    region: str
    image: str | None
    disk_bytes: int
    gpu_microusd: int
    disk_microusd: int
    ssh_host: str
    ssh_port: int
    created: int
    listed: int
    prepared: int
    booting: int
    running: int
    failed: int | None
    stopped: int | None
    destroy_asked: int | None
    gone: int | None

    @property
    def microusd_per_hour(self) -> int:
        """The all-in rate that was agreed; a stopped machine costs only its disk."""
        return self.gpu_microusd + self.disk_microusd

    @property
    def created_at(self) -> datetime:
        return moment(self.created)

    @property
    def running_at(self) -> datetime:
        """When its boot ends."""
        return moment(self.running)

    @property
    def stopped_at(self) -> datetime | None:
        return _moment_or_none(self.stopped)

    @property
    def gone_at(self) -> datetime | None:
        return _moment_or_none(self.gone)

    def billed_microusd_at(self, when: datetime) -> int:
        """The rate at ``when``, as long as it exists."""
        return self.billed_microusd_as_of(microseconds(when))

    def billed_microusd_as_of(self, at: int) -> int:
        """As ``billed_microusd_at``, ``at`` in microseconds since 1970."""
        stopped = self.stopped is not None and at >= self.stopped
        return self.disk_microusd if stopped else self.gpu_microusd + self.disk_microusd

    def exists_at(self, when: datetime) -> bool:
        return not _past(self.gone, microseconds(when))

    def is_hidden_at(self, when: datetime) -> bool:
        """It exists, and listings do not show it yet."""
        return self.created <= microseconds(when) < self.listed

    def status_at(self, when: datetime) -> str:
        """The market's word for it, as long as it exists."""
        return self.status_as_of(microseconds(when))

    def status_as_of(self, at: int) -> str:
        """As ``status_at``, ``at`` in microseconds since 1970."""
        if self._is_destroying(at):
            return "destroying"
        if self.stopped is not None and at >= self.stopped:
            return "stopped"
        if self.failed is not None and at >= self.failed:
            return "failed"
        if at >= self.running:
            return "running"
        if at >= self.booting:
            return "booting"
        return "created" if at >= self.prepared else "placed"

    def _is_destroying(self, at: int) -> bool:
        """A destroy without an end is a task that fails (C4.7)."""
        if self.destroy_asked is None or at < self.destroy_asked:
            return False
        return self.gone is not None or at < self.destroy_asked + _TASK_FAILS

    def is_left_out(self, hides: str | None, at: int) -> bool:
        """By a listing of that moment which leaves out machines of one kind (C2.9, C2.14)."""
        if hides == "young":
            return at < self.created + _YOUNG
        return hides == "stopped" and self.status_as_of(at) in ("stopped", "failed")


class Inside(NamedTuple):
    """The GPUs of a machine as its driver knows them."""

    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    cuda: str | None


def inside_of(machine: Machine, offer: MarketOffer | None, lie: str | None) -> Inside:
    """What was sold, or the model of ``lie`` in its place."""
    gpu = lie or machine.gpu
    memory = gpu_model(gpu).memory_bytes
    if offer is not None and gpu == offer.gpu:
        memory = offer.gpu_memory_bytes
    return Inside(gpu, machine.gpu_count, memory, offer.cuda if offer else None)


def _past(since: int | None, at: int) -> bool:
    return since is not None and at >= since


def _moment_or_none(since_1970: int | None) -> datetime | None:
    return None if since_1970 is None else moment(since_1970)


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen to a machine by itself."""

    prepared_at: datetime
    booting_at: datetime
    running_at: datetime
    failed_at: datetime | None
    preempted_at: datetime | None
    ssh_host: str
    ssh_port: int


def fate_of(
    seed: int, settings: MarketSettings, machine_id: str, spot: bool, now: datetime
) -> Fate:
    """Drawn once, when it is rented."""
    stretch = 65 + draw(seed, "boot", machine_id, below=91)
    prepared_at = now + settings.placed_stage * stretch / 100
    booting_at = prepared_at + settings.created_stage * stretch / 100
    running_at = booting_at + settings.booting_stage * stretch / 100
    fails = happens(seed, "failure", machine_id, percent=settings.boot_failure_percent)
    host, _, port = (settings.ssh_at or "").rpartition(":")
    network = _NETWORKS[draw(seed, "network", machine_id, below=len(_NETWORKS))]
    return Fate(
        prepared_at=prepared_at,
        booting_at=booting_at,
        running_at=running_at,
        failed_at=running_at if fails else None,
        preempted_at=_preemption(seed, settings, machine_id, now) if spot else None,
        ssh_host=host or f"{network}.{1 + draw(seed, 'address', machine_id, below=254)}",
        ssh_port=int(port) if port else _first_port(seed, machine_id),
    )


def _first_port(seed: int, machine_id: str) -> int:
    return _FIRST_SSH_PORT + draw(seed, "port", machine_id, below=20_000)


def _preemption(
    seed: int, settings: MarketSettings, machine_id: str, now: datetime
) -> datetime | None:
    """Anywhere in the last nine tenths of the longest spot life."""
    if settings.spot_life is None:
        return None
    thousandths = 100 + draw(seed, "preemption", machine_id, below=901)
    return now + settings.spot_life * thousandths / 1000


def gone_after(seed: int, settings: MarketSettings, machine_id: str) -> timedelta:
    """How long destroying takes: from half of the setting to all of it."""
    thousandths = 500 + draw(seed, "destroy", machine_id, below=501)
    return settings.destroy_time * thousandths / 1000


def new_machine(
    machine_id: str,
    offer: MarketOffer,
    order: Order,
    price_microusd: int,
    fate: Fate,
    now: datetime,
    fault: Fault,
) -> Machine:
    """The row of a machine rented at this price; a fault may spoil it."""
    stops = now + fault.stops_after if fault.stops_after is not None else fate.preempted_at
    price = order.list_price or ListPrice(price_microusd, offer.disk_microusd_per_gib)
    ends = None if fault.ends_after is None else now + fault.ends_after
    return Machine(
        id=machine_id,
        label=_kept_label(order.label, fault),
        offer_id=offer.id,
        capacity_key=offer.capacity_key,
        gpu=fault.gpu_made or offer.gpu,
        gpu_count=offer.gpu_count,
        region=offer.region,
        image=order.image,
        disk_bytes=order.disk_bytes,
        gpu_microusd=price.microusd * fault.billed_percent // 100,
        # rounded down, so that the bill never exceeds the quoted rate by a fraction
        disk_microusd=price.disk_microusd_per_gib * order.disk_bytes // GIB,
        ssh_host=fate.ssh_host,
        ssh_port=fate.ssh_port,
        created=microseconds(now),
        listed=microseconds(now + (fault.appears_after or timedelta(0))),
        prepared=microseconds(fate.prepared_at),
        booting=microseconds(fate.booting_at),
        running=microseconds(fate.running_at),
        failed=None if fate.failed_at is None else microseconds(fate.failed_at),
        stopped=None if stops is None else microseconds(stops),
        destroy_asked=None if ends is None else microseconds(ends),
        gone=None if ends is None else microseconds(ends),
    )


def _kept_label(label: str | None, fault: Fault) -> str | None:
    if fault.loses_label or label is None:
        return None
    return label[: fault.label_keeps]

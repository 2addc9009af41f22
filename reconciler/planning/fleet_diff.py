"""Slots that lack a machine, and machines that no longer satisfy their fleet."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.model.plan import Difference
from reconciler.model.quantity import format_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from decimal import Decimal

    from reconciler.model.fleet import Fleet, Where
    from reconciler.model.quantity import Range
    from reconciler.model.record import InstanceRecord, Specification


_NOWHERE = frozenset[str]()
_COMPARED = (
    "gpu",
    "gpu_count",
    "gpu_memory_bytes",
    "region",
    "country",
    "vcpus",
    "memory_bytes",
    "cuda",
    "disk_bytes",
    "spot",
    "image",
)
"""Everything of a specification that can differ from the documents, but ``env``."""
_compared = itemgetter(*_COMPARED)


def free_slots(maximum: int, wanted: int, occupied: Iterable[int]) -> list[int]:
    """The lowest free slot numbers that bring a fleet to ``wanted`` machines.

    Slots from ``maximum`` up are never filled, and an occupied one, known or in doubt, never
    gets a second machine.
    """
    taken = occupied if isinstance(occupied, set) else set(occupied)
    missing = wanted - filled_below(maximum, taken)
    if missing <= 0:
        return []
    free = (index for index in range(maximum) if index not in taken)
    return [index for index, _ in zip(free, range(missing), strict=False)]


def filled_below(maximum: int, taken: Collection[int]) -> int:
    """How many of the slots below ``maximum`` hold a machine."""
    return len([index for index in taken if index < maximum])


def machine_differences(
    fleet: Fleet, record: InstanceRecord, fitting: set[object]
) -> tuple[Difference, ...]:
    """How the machine that was bought fails what the documents now ask for.

    A machine that was found by its mark and never bought by this state has nothing to compare.
    ``lifecycle.ignore_changes`` leaves out what it names. ``fitting`` remembers, for this fleet,
    what of a machine was found to differ in nothing: a hundred alike are compared once.
    """
    bought = record.specification
    if bought is None or is_known_to_fit(fleet, record, fitting):
        return ()
    found = _differences(fleet, record.provider, bought)
    if not found:
        fitting.add(_kind(record.provider, bought))
    ignored = fleet.ignore_changes
    return tuple(one for one in found if one.attribute.partition(".")[0] not in ignored)


def is_known_to_fit(fleet: Fleet, record: InstanceRecord, fitting: set[object]) -> bool:
    """Whether ``machine_differences`` has found a machine of this kind to differ in nothing."""
    if not fitting:
        return False
    bought = record.specification
    return (
        bought is not None and _kind(record.provider, bought) in fitting and bought.env == fleet.env
    )


def _kind(provider: str, bought: Specification) -> object:
    return (provider, _compared(vars(bought)))  # attributes of a record are slow to ask for


def _differences(fleet: Fleet, provider: str, bought: Specification) -> list[Difference]:
    """What it looks at beside ``env`` is in ``_COMPARED``."""
    found: list[Difference] = []
    gpu = (bought.gpu, bought.gpu_count, bought.gpu_memory_bytes)
    if not any(wanted.accepts(*gpu) for wanted in fleet.resources.gpu):
        wanted = " or ".join(wanted.text for wanted in fleet.resources.gpu)
        found.append(Difference("gpu", f"{bought.gpu}:{bought.gpu_count}", wanted))
    found += _place_differences(fleet.where, provider, bought)
    resources = fleet.resources
    found += _range_difference("cpu", bought.vcpus, resources.cpu)
    found += _range_difference("memory", bought.memory_bytes, resources.memory, sizes=True)
    found += _range_difference("cuda", bought.cuda, resources.cuda)
    if bought.disk_bytes < resources.disk_bytes:
        sizes = (format_size(bought.disk_bytes), format_size(resources.disk_bytes))
        found.append(Difference("disk", *sizes))
    if bought.spot != fleet.spot and not fleet.buying.auto:
        kinds = ("on-demand", "spot")
        found.append(Difference("spot_policy", kinds[bought.spot], kinds[fleet.spot]))
    if bought.image != fleet.image:
        found.append(Difference("image", bought.image or "(none)", fleet.image or "(none)"))
    if bought.env != fleet.env:
        from reconciler.planning.mapping_diff import mapping_differences  # slow, seldom needed

        found += mapping_differences("env", bought.env, fleet.env)
    return found


def _place_differences(where: Where, provider: str, bought: Specification) -> Iterable[Difference]:
    found = []
    for attribute, actual, allowed, refused in (
        ("providers", provider, where.providers, where.exclude_providers),
        ("regions", bought.region, where.regions, _NOWHERE),
        ("countries", bought.country, where.countries, where.exclude_countries),
    ):
        if allowed and actual not in allowed:
            wanted = ", ".join(sorted(allowed))
            found.append(Difference(attribute, actual or "(unknown)", wanted))
        elif refused and actual in refused:
            found.append(Difference(attribute, str(actual), f"not {actual}"))
    return found


def _range_difference(
    attribute: str, actual: Decimal | int | None, wanted: Range, *, sizes: bool = False
) -> Iterable[Difference]:
    if actual is None or wanted.contains(actual):
        return ()

    def text(value: Decimal | int | None) -> str:
        if value is None:
            return ""
        return format_size(int(value)) if sizes else str(value)

    span = f"{text(wanted.minimum)}..{text(wanted.maximum)}"
    return (Difference(attribute, text(actual), span),)

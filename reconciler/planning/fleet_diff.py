"""Slots that lack a machine, and machines that no longer satisfy their fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan import Difference
from reconciler.model.quantity import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from reconciler.model.fleet import Fleet, Where
    from reconciler.model.quantity import Range
    from reconciler.model.record import InstanceRecord, Specification


def free_slots(maximum: int, wanted: int, occupied: Iterable[int]) -> list[int]:
    """The lowest free slot numbers that bring a fleet to ``wanted`` machines.

    Slots from ``maximum`` up are never filled, and an occupied one, known or in doubt, never
    gets a second machine.
    """
    taken = set(occupied)
    missing = wanted - sum(1 for index in taken if index < maximum)
    free = (index for index in range(maximum) if index not in taken)
    return [index for index, _ in zip(free, range(max(0, missing)), strict=False)]


def machine_differences(fleet: Fleet, record: InstanceRecord) -> tuple[Difference, ...]:
    """How the machine that was bought fails what the documents now ask for.

    A machine that was found by its mark and never bought by this state has nothing to compare.
    ``lifecycle.ignore_changes`` leaves out what it names.
    """
    if record.specification is None:
        return ()
    found = _differences(fleet, record.provider, record.specification)
    ignored = fleet.ignore_changes
    return tuple(one for one in found if one.attribute.partition(".")[0] not in ignored)


def _differences(fleet: Fleet, provider: str, bought: Specification) -> Iterator[Difference]:
    gpu = (bought.gpu, bought.gpu_count, bought.gpu_memory_bytes)
    if not any(wanted.accepts(*gpu) for wanted in fleet.resources.gpu):
        wanted = " or ".join(wanted.text for wanted in fleet.resources.gpu)
        yield Difference("gpu", f"{bought.gpu}:{bought.gpu_count}", wanted)
    yield from _place_differences(fleet.where, provider, bought)
    resources = fleet.resources
    yield from _range_difference("cpu", bought.vcpus, resources.cpu)
    yield from _range_difference("memory", bought.memory_bytes, resources.memory, sizes=True)
    yield from _range_difference("cuda", bought.cuda, resources.cuda)
    if bought.disk_bytes < resources.disk_bytes:
        yield Difference("disk", format_size(bought.disk_bytes), format_size(resources.disk_bytes))
    if bought.spot != fleet.spot:
        kinds = ("on-demand", "spot")
        yield Difference("spot_policy", kinds[bought.spot], kinds[fleet.spot])
    if bought.image != fleet.image:
        yield Difference("image", bought.image or "(none)", fleet.image or "(none)")
    if bought.env != fleet.env:
        from reconciler.planning.mapping_diff import mapping_differences  # slow, seldom needed

        yield from mapping_differences("env", bought.env, fleet.env)


def _place_differences(where: Where, provider: str, bought: Specification) -> Iterator[Difference]:
    for attribute, actual, allowed, refused in (
        ("providers", provider, where.providers, where.exclude_providers),
        ("regions", bought.region, where.regions, frozenset[str]()),
        ("countries", bought.country, where.countries, where.exclude_countries),
    ):
        if allowed and actual not in allowed:
            yield Difference(attribute, actual or "(unknown)", ", ".join(sorted(allowed)))
        elif actual is not None and actual in refused:
            yield Difference(attribute, actual, f"not {actual}")


def _range_difference(
    attribute: str, actual: Decimal | int | None, wanted: Range, *, sizes: bool = False
) -> Iterator[Difference]:
    if actual is None or wanted.contains(actual):
        return

    def text(value: Decimal | int | None) -> str:
        if value is None:
            return ""
        return format_size(int(value)) if sizes else str(value)

    yield Difference(attribute, text(actual), f"{text(wanted.minimum)}..{text(wanted.maximum)}")

"""Slots that lack a machine, and machines that no longer satisfy their fleet."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.fleet import MACHINE_ATTRIBUTES, Resources, Where
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.plan import Difference, Mode, PlanRequest
from reconciler.model.quantity import GIB, parse_range
from reconciler.planning.fleet_diff import free_slots, machine_differences
from reconciler.planning.planner import compute_plan
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    observed,
    offer_book,
    record,
    recorded_state,
    specification,
)
from tests.markets import START


@pytest.mark.parametrize(
    ("maximum", "wanted", "occupied", "free"),
    [
        (3, 3, [], [0, 1, 2]),
        (3, 3, [1], [0, 2]),
        (3, 2, [2], [0]),
        (3, 3, [0, 1, 2], []),
        (2, 2, [5, 6, 7], [0, 1]),
        (6, 2, [0, 1, 2, 3], []),
        (3, 3, [1, 1], [0, 2]),
        (0, 3, [], []),
    ],
)
def test_the_lowest_free_slots_are_filled_and_an_occupied_one_never(
    maximum: int, wanted: int, occupied: list[int], free: list[int]
) -> None:
    assert free_slots(maximum, wanted, occupied) == free


def resources(**changes: Any) -> Resources:
    return Resources(gpu=(parse_gpu("RTX4090"),), **changes)


DIFFERENCES: list[tuple[Any, list[str]]] = [
    (fleet(), []),
    (fleet(gpu=("H100", "RTX4090")), []),
    (fleet(gpu="H100"), ["gpu"]),
    (fleet(gpu="RTX4090:2"), ["gpu"]),
    (fleet(where=Where(providers=frozenset({"vastai"}))), ["providers"]),
    (fleet(where=Where(exclude_providers=frozenset({"simulated"}))), ["providers"]),
    (fleet(where=Where(regions=frozenset({"us"}))), ["regions"]),
    (fleet(where=Where(countries=frozenset({"DE"}))), ["countries"]),
    (fleet(where=Where(exclude_countries=frozenset({"NL"}))), ["countries"]),
    (fleet(resources=resources(cpu=parse_range("16.."))), ["cpu"]),
    (fleet(resources=resources(memory=parse_range("64GB..", sizes=True))), ["memory"]),
    (fleet(resources=resources(cuda=parse_range("12.5.."))), ["cuda"]),
    (fleet(resources=resources(disk_bytes=51 * GIB)), ["disk"]),
    (fleet(resources=resources(disk_bytes=49 * GIB)), []),
    (fleet(spot=True), ["spot_policy"]),
    (fleet(image="ubuntu:24.04"), ["image"]),
    (fleet(env={"KEY": "1"}), ["env.KEY"]),
    (fleet(max_gpu_hour_usd=Decimal("0.01")), []),
    (fleet(gpu="H100", spot=True), ["gpu", "spot_policy"]),
    (fleet(gang=True, placement="spread", uniform=False), []),
]


@pytest.mark.parametrize(("wanted", "attributes"), DIFFERENCES)
def test_a_machine_differs_where_the_documents_no_longer_allow_it(
    wanted: Any, attributes: list[str]
) -> None:
    found = machine_differences(wanted, record(), set())
    assert [one.attribute for one in found] == attributes


@pytest.mark.parametrize(("wanted", "attributes"), DIFFERENCES)
def test_ignore_changes_leaves_out_what_it_names(wanted: Any, attributes: list[str]) -> None:
    names = {one.partition(".")[0] for one in attributes}
    ignoring = replace(wanted, ignore_changes=frozenset(names))
    assert machine_differences(ignoring, record(), set()) == ()
    others = replace(wanted, ignore_changes=frozenset(MACHINE_ATTRIBUTES) - names)
    assert [one.attribute for one in machine_differences(others, record(), set())] == attributes


def test_what_can_be_ignored_is_exactly_what_can_differ() -> None:
    reported = {one.partition(".")[0] for _, attributes in DIFFERENCES for one in attributes}
    assert reported == set(MACHINE_ATTRIBUTES)


def test_differences_of_a_mapping_name_each_key_and_no_value() -> None:
    held = record(specification=specification(env={"GONE": "s1", "KEPT": "s2", "MOVED": "s3"}))
    wanted = fleet(env={"ADDED": "s4", "KEPT": "s2", "MOVED": "s5"})
    assert [str(one) for one in machine_differences(wanted, held, set())] == [
        str(Difference("env.ADDED", "(not set)", "(a value)")),
        str(Difference("env.GONE", "(a value)", "(not set)")),
        str(Difference("env.MOVED", "(a value)", "(another value)")),
    ]


def test_what_was_never_told_is_no_difference() -> None:
    silent = specification(vcpus=None, memory_bytes=None, cuda=None, country=None)
    wanted = fleet(
        resources=resources(cpu=parse_range("16.."), cuda=parse_range("12.5..")),
        where=Where(exclude_countries=frozenset({"NL"})),
    )
    assert machine_differences(wanted, record(specification=silent), set()) == ()
    assert machine_differences(fleet(gpu="H100"), record(specification=None), set()) == ()


def test_machines_that_are_alike_in_what_is_compared_are_compared_once() -> None:
    fitting: set[object] = set()
    assert machine_differences(fleet(), record(), fitting) == ()
    assert len(fitting) == 1
    elsewhere = record(specification=specification(offer_id="another", host="another"))
    assert machine_differences(fleet(), elsewhere, fitting) == ()
    assert len(fitting) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu": "H100"},
        {"gpu_count": 2},
        {"gpu_memory_bytes": 1},
        {"region": "elsewhere"},
        {"country": "RU"},
        {"vcpus": 1},
        {"memory_bytes": 1},
        {"cuda": Decimal(1)},
        {"disk_bytes": 1},
        {"spot": True},
        {"image": "another"},
        {"env": {"KEY": "1"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_machine_that_differs_is_never_taken_for_one_that_fits(changes: Any) -> None:
    wanted = fleet(
        gpu="RTX4090:24GB",
        where=Where(
            regions=frozenset({specification().region}), exclude_countries=frozenset({"RU"})
        ),
    )
    limits: dict[str, Any] = {
        "cpu": parse_range("2.."),
        "memory": parse_range("2GB..", sizes=True),
        "cuda": parse_range("2.."),
    }
    wanted = replace(wanted, resources=replace(wanted.resources, **limits))
    fitting: set[object] = set()
    assert machine_differences(wanted, record(), fitting) == ()
    other = record(specification=specification(**changes))
    found = machine_differences(wanted, other, fitting)
    assert found == machine_differences(wanted, other, set()) != ()


@pytest.mark.parametrize(("wanted", "attributes"), DIFFERENCES)
def test_what_fits_one_fleet_is_not_taken_to_fit_one_that_asks_for_something_else(
    wanted: Any, attributes: list[str]
) -> None:
    first = fleet("first")
    unlike = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
    unlike = {name: one for name, one in unlike.items() if one != getattr(first, name)}
    second = replace(first, **{**unlike, "name": "second"})  # all else is shared
    held = [record("first"), record("second")]
    seen = observed(complete(PROVIDER, *map(instance, held), started_at=START))
    documents, request = desired(first, second), PlanRequest(Mode.APPLY)
    found = compute_plan(documents, recorded_state(*held), seen, offer_book(), START, request)
    told = [(one.record.fleet, one.differences[0].attribute) for one in found.destroys]
    assert told == [("second", name) for name in attributes[:1]]

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB
from reconciler.providers.lambda_cloud.offers import offers_of, type_and_region
from tests.unit.providers.lambda_cloud.rows import ITEM, TYPE, as_received


def read(types: dict[str, Any]) -> tuple[list[Offer], dict[str, int]]:
    unusable: Counter[str] = Counter()
    return offers_of("lambda", types, unusable), dict(unusable)


def kind(**changes: Any) -> dict[str, Any]:
    made = {name: one for name, one in {**TYPE, **changes}.items() if one is not ...}
    return as_received(ITEM, instance_type=made)


def test_a_type_in_our_units() -> None:
    ((found,), unusable) = read({"gpu_1x_a10": as_received(ITEM)})
    assert unusable == {}
    assert (found.gpu, found.gpu_count, found.gpu_memory_bytes) == ("A10", 1, 24 * GIB)
    assert found.usd_per_hour == Decimal("0.75")
    assert found.disk_usd_per_gib_hour == 0
    assert (found.vcpus, found.memory_bytes, found.disk_bytes_max) == (30, 200 * GIB, 1400 * GIB)
    assert (found.region, found.country, found.hosting) == ("us-west-1", "US", "datacenter")
    assert (found.spot, found.verified, found.host) == (False, True, None)


def test_the_price_is_for_the_whole_machine_and_in_cents() -> None:
    eight = kind(name="gpu_8x_h100_sxm5", gpu_description="H100 (80 GB SXM5)",
                 price_cents_per_hour=2392, specs={**TYPE["specs"], "gpus": 8})  # fmt: skip
    ((found,), _) = read({"gpu_8x_h100_sxm5": eight})
    assert (found.gpu, found.gpu_count) == ("H100-SXM", 8)
    assert found.usd_per_hour == Decimal("23.92")


def test_each_region_that_has_some_is_an_offer_and_a_sold_out_type_is_none() -> None:
    regions = [
        {"name": "us-west-1", "description": "California, USA"},
        {"name": "us-west-1", "description": "twice"},
        {"name": "europe-central-1", "description": "Germany"},
        {"name": "nl-amsterdam", "description": "Amsterdam, NL"},
        {"name": "moon-1", "description": "Sea of Tranquility"},
        {"description": "nameless"},
    ]
    item = as_received(ITEM, regions_with_capacity_available=regions)
    offers, unusable = read({"gpu_1x_a10": item})
    assert [(one.region, one.country) for one in offers] == [
        ("us-west-1", "US"), ("europe-central-1", "DE"), ("nl-amsterdam", "NL"), ("moon-1", None),
    ]  # fmt: skip
    assert len({one.capacity_key for one in offers}) == len({one.id for one in offers}) == 4
    assert unusable == {"no usable region": 1}
    assert type_and_region(offers[0].id) == ("gpu_1x_a10", "us-west-1")
    assert read({"gpu_1x_a10": as_received(ITEM, regions_with_capacity_available=[])}) == ([], {})


@pytest.mark.parametrize(
    ("name", "described", "model"),
    [
        ("gpu_1x_a100", "A100 (40 GB PCIe)", "A100-PCIE-40GB"),
        ("gpu_8x_a100", "A100 (40 GB SXM4)", "A100-SXM-40GB"),
        ("gpu_8x_a100_80gb_sxm4", "A100 (80 GB SXM4)", "A100-SXM-80GB"),
        ("gpu_1x_a6000", "RTX A6000 (48 GB)", "RTXA6000"),
        ("gpu_1x_rtx6000", "RTX 6000 (24 GB)", "QUADRO-RTX6000"),
        ("gpu_8x_v100_n", "Tesla V100 (16 GB)", "V100-SXM2-16GB"),
        ("gpu_8x_v100", "Tesla V100 (16 GB)", "V100-SXM2-16GB"),
        ("gpu_1x_h100_pcie", "H100 (80 GB PCIe)", "H100-PCIE"),
        ("gpu_8x_h100_sxm5gdr", "H100 (80 GB SXM5)", "H100-SXM"),
        ("gpu_1x_gh200", "GH200 (96 GB)", "GH200"),
        ("gpu_8x_b200_sxm6", "B200 (180 GB SXM6)", "B200"),
        ("gpu_1x_a10", None, "A10"),
    ],
)
def test_what_they_call_a_gpu(name: str, described: str | None, model: str) -> None:
    ((found,), _) = read({name: kind(name=name, gpu_description=described)})
    assert found.gpu == model


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price_cents_per_hour": None}, "no usable instance_type"),
        ({"price_cents_per_hour": "75"}, "no usable instance_type"),
        ({"price_cents_per_hour": 0.75}, "no usable instance_type"),
        ({"price_cents_per_hour": float("nan")}, "no usable instance_type"),
        ({"price_cents_per_hour": -75}, "no usable instance_type"),
        ({"price_cents_per_hour": True}, "no usable instance_type"),
        ({"price_cents_per_hour": 10**12}, "no usable instance_type"),
        ({"price_cents_per_hour": ...}, "no usable instance_type"),
        ({"price_cents_per_hour": 0}, "a price of nothing"),
        ({"name": "other"}, "a type with two names"),
        ({"name": "a b"}, "no usable instance_type"),
        ({"specs": {"gpus": 0}}, "a machine without a GPU"),
        ({"specs": {"gpus": "1"}}, "no usable instance_type"),
        ({"specs": None}, "no usable instance_type"),
        ({"gpu_description": "Voodoo\x1b[2J (2 GB)"}, "unknown GPU Voodoo\\x1b[2J (2 GB)"),
    ],
)
def test_bad_input_49_a_type_that_cannot_be_used_is_counted_with_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    other = kind(name="gpu_1x_h100_pcie", gpu_description="H100 (80 GB PCIe)")
    offers, unusable = read({"gpu_1x_a10": kind(**changes), "gpu_1x_h100_pcie": other})
    assert unusable == {reason: 1}
    assert [one.gpu for one in offers] == ["H100-PCIE"]


@pytest.mark.parametrize("name", ["vcpus", "memory_gib", "storage_gib"])
def test_C7_2_null_in_what_only_describes_leaves_an_offer(name: str) -> None:
    offers, _ = read({"gpu_1x_a10": kind(specs={**TYPE["specs"], name: None})})
    assert len(offers) == 1

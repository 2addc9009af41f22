from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB
from reconciler.providers.tensordock.offers import Ordered, offers_of, ordered_of
from tests.unit.providers.tensordock.rows import HOST, V0, as_received


def read(
    *hosts: dict[str, Any], counts: tuple[int, ...] = ()
) -> tuple[list[Offer], dict[str, int]]:
    unusable: Counter[str] = Counter()
    return offers_of("tensordock", hosts, frozenset(counts), unusable), dict(unusable)


def host(**resources: Any) -> dict[str, Any]:
    made = {**HOST["available_resources"], **resources}
    kept = {name: one for name, one in made.items() if one is not ...}
    return as_received(HOST, available_resources=kept)


def gpu(**changes: Any) -> dict[str, Any]:
    made = {"v0Name": V0, "availableCount": 2, "price_per_hr": 0.41, **changes}
    return host(gpus=[{name: one for name, one in made.items() if one is not ...}])


def test_a_host_in_our_units() -> None:
    offers, unusable = read(as_received(HOST), counts=(1,))
    assert unusable == {}
    found = offers[1]
    assert ordered_of(found.id) == Ordered(HOST["id"], V0, 1, 8, 32)
    assert (found.gpu, found.gpu_count, found.gpu_memory_bytes) == ("RTX4090", 1, 24 * GIB)
    # 0.41 + 8 x 0.003 + 32 x 0.002, and the smallest disk of 100 GB
    assert found.usd_per_hour == Decimal("0.498") + Decimal("0.005")
    assert found.disk_usd_per_gib_hour == Decimal("0.00005")
    assert (found.vcpus, found.memory_bytes) == (8, 32 * GIB)
    assert found.disk_bytes_max == 2000 * GIB
    assert (found.region, found.country) == ("Joplin, Missouri, United States", "US")
    assert (found.reliability, found.hosting, found.stock) == (Decimal("0.994"), "datacenter", 2)


def test_three_sizes_for_each_number_of_gpus_that_is_free_and_all_share_them() -> None:
    offers, _ = read(as_received(HOST))
    sizes = [(one.gpu_count, one.vcpus, one.stock) for one in offers]
    assert sizes == [(1, 4, 2), (1, 8, 2), (1, 16, 2), (2, 8, 1), (2, 16, 1), (2, 32, 1)]
    assert len({one.id for one in offers}) == 6
    assert len({one.capacity_key for one in offers}) == 1


@pytest.mark.parametrize(
    ("limits", "vcpus"),
    [
        ({"max_vcpus_per_gpu": 8}, [4, 8]),
        ({"max_ram_per_gpu": 31}, [4]),
        ({"vcpu_count": 7}, [4]),
        ({"ram_gb": 15}, []),
        ({"max_vcpus": None, "max_ram_gb": None, "vcpu_count": ...}, [4, 8, 16]),
    ],
)
def test_a_size_that_the_host_cannot_make_is_not_offered(limits: Any, vcpus: list[int]) -> None:
    offers, _ = read(host(**limits), counts=(1,))
    assert [one.vcpus for one in offers] == vcpus


def test_a_number_of_gpus_that_is_asked_for_is_offered_where_it_is_free() -> None:
    three = host(gpus=[{"v0Name": V0, "availableCount": 3, "price_per_hr": 0.41}])
    assert {one.gpu_count for one in read(three, counts=(3,))[0]} == {3}
    assert read(as_received(HOST), counts=(3,))[0] == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (gpu(price_per_hr=None), "no usable price_per_hr"),
        (gpu(price_per_hr="0.41"), "no usable price_per_hr"),
        (gpu(price_per_hr=float("nan")), "no usable price_per_hr"),
        (gpu(price_per_hr=-1), "no usable price_per_hr"),
        (gpu(price_per_hr=0), "a price of nothing"),
        (gpu(v0Name="voodoo2-pcie-1gb"), "unknown GPU voodoo2-pcie-1gb"),
        (gpu(v0Name="A:B"), "no usable v0Name"),
        (gpu(availableCount="2"), "no usable availableCount"),
        (gpu(availableCount=...), "no usable availableCount"),
        (host(gpus=None), "no usable available_resources"),
        (host(has_public_ip_available=False), "a host without a public address"),
        (as_received(HOST, id="../x"), "no usable id"),
        (as_received(HOST, pricing=None), "no usable pricing"),
        (as_received(HOST, pricing={"per_vcpu_hr": 0.003}), "no usable pricing"),
        (
            as_received(HOST, pricing={**HOST["pricing"], "per_gb_storage_hr": "0"}),
            "no usable pricing",
        ),
    ],
)
def test_bad_input_49_what_cannot_be_used_is_counted_with_its_reason(row: Any, reason: str) -> None:
    offers, unusable = read(row, as_received(HOST, id="other"), counts=(1,))
    assert unusable == {reason: 1}
    assert {one.host for one in offers} == {"hostnode-other"}


@pytest.mark.parametrize("where", [None, {}, {"country": "Atlantis", "tier": "3"}, 7])
def test_C7_2_a_place_that_nobody_knows_leaves_an_offer(where: Any) -> None:
    offers, _ = read(as_received(HOST, location=where), counts=(1,))
    assert {(one.country, one.hosting) for one in offers} == {(None, None)}


@pytest.mark.parametrize(
    "text", ["vanished", "a:b:c:d:e", "a:b:1:2", "a:b:1:2:3:4", "a:b:-1:2:3", "a:b:٣:2:3"]
)
def test_an_id_that_is_no_offers_is_none(text: str) -> None:
    assert ordered_of(text) is None

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.offer import Offer
from reconciler.providers.runpod.offers import Choice, Shelf, choice_of, country_of
from tests.unit.providers.runpod.rows import GPU, as_received


def shelf(*rows: object, cloud: str = "SECURE", count: int = 1) -> Shelf:
    made = Shelf("runpod")
    made.add(rows, cloud, count)
    return made


def offers(count: int = 1, cloud: str = "SECURE", **changes: Any) -> tuple[Offer, ...]:
    return shelf(as_received(GPU, **changes), cloud=cloud, count=count).offers


def test_a_row_gives_an_offer_for_each_data_center_with_stock() -> None:
    kansas, iceland = offers(count=2)
    assert kansas.id == "NVIDIA+GeForce+RTX+4090/US-KS-2/SECURE/2"
    assert (kansas.gpu, kansas.gpu_count, kansas.gpu_memory_bytes) == ("RTX4090", 2, 24 * 2**30)
    assert kansas.usd_per_hour == Decimal("1.380000")  # they quote one GPU
    assert kansas.disk_usd_per_gib_hour == Decimal("0.000138889")
    assert (kansas.region, kansas.country, kansas.hosting) == ("US-KS-2", "US", "datacenter")
    assert (kansas.verified, kansas.spot, kansas.rentable_for) == (True, False, None)
    assert kansas.cuda == Decimal("12.8")  # the lowest: 12.11 is a later one
    assert (kansas.stock, iceland.stock) == (64, 1)
    assert iceland.country == "IS"


def test_the_clouds_have_their_own_prices_and_stock() -> None:
    (secure, _), (community, _) = offers(), offers(cloud="COMMUNITY")
    assert (community.usd_per_hour, community.hosting) == (Decimal("0.340000"), "community")
    assert community.verified is None
    assert secure.capacity_key != community.capacity_key


def test_nodes_of_all_sizes_in_one_place_share_its_stock() -> None:
    assert offers(1)[0].capacity_key == offers(8)[0].capacity_key


def test_no_more_gpus_are_offered_than_a_pod_of_that_cloud_may_have() -> None:
    assert [len(offers(count, cloud="COMMUNITY")) for count in (1, 4, 8)] == [2, 2, 0]
    assert len(offers(8, cloud="COMMUNITY", maxCount=...)) == 2
    assert len(offers(8, cloud="COMMUNITY", maxCount={"community": None})) == 2


def test_stock_without_a_place_is_offered_wherever_they_put_it() -> None:
    (found,) = offers(dataCenters=...)
    assert (found.region, found.country) == ("anywhere", None)
    assert choice_of(found.id) == Choice("NVIDIA GeForce RTX 4090", None, "SECURE", 1)


@pytest.mark.parametrize("gpu", ["NVIDIA  RTX A4500", "NVIDIA GeForce RTX 3080TI"])
def test_what_is_ordered_is_spelled_as_they_spell_it(gpu: str) -> None:
    memory = 20 if "A4500" in gpu else 12
    choice = choice_of(offers(id=gpu, memory=memory)[0].id)
    assert choice is not None
    assert choice.gpu == gpu


@pytest.mark.parametrize(
    "changes", [{"availability": "NONE"}, {"dataCenters": GPU["dataCenters"][2:]}], ids=str
)
def test_what_is_sold_out_is_no_offer_and_no_fault(changes: dict[str, Any]) -> None:
    found = shelf(as_received(GPU, **changes))
    assert (found.offers, dict(found.unusable)) == ((), {})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": {"secure": None}}, "no usable price"),
        ({"price": {"secure": "0.69"}}, "no usable price"),
        ({"price": {"secure": float("nan")}}, "no usable price"),
        ({"price": {"secure": float("inf")}}, "no usable price"),
        ({"price": {"secure": -1}}, "no usable price"),
        ({"price": {"secure": True}}, "no usable price"),
        ({"price": {"secure": 1e300}}, "no usable price"),
        ({"price": {"community": 0.34}}, "no usable price"),
        ({"price": {"secure": 0}}, "a price of nothing"),
        ({"price": None}, "no usable price"),
        ({"price": ...}, "no usable price"),
        ({"id": None}, "no usable id"),
        ({"id": ""}, "no usable id"),
        ({"id": "x" * 101}, "no usable id"),
        ({"id": "NVIDIA\x1b[2J"}, "no usable id"),
        ({"id": "NVIDIA Voodoo 2"}, "unknown GPU NVIDIA Voodoo 2"),
        ({"memory": "24"}, "no usable memory"),
        ({"memory": -1}, "no usable memory"),
        ({"availability": None}, "no usable availability"),
        ({"availability": "PLENTY"}, "an unknown level of stock"),
        ({"availability": ...}, "no usable availability"),
    ],
    ids=str,
)
def test_bad_input_49_a_row_that_cannot_be_used_is_counted_with_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    found = shelf(as_received(GPU, **changes), as_received(GPU, id="NVIDIA L4"))
    assert dict(found.unusable) == {reason: 1}
    assert len(found.offers) == 2


def test_a_place_that_cannot_be_read_leaves_the_others() -> None:
    rows = [*GPU["dataCenters"], {"id": "../x", "availability": "HIGH"}, None]
    found = shelf(as_received(GPU, dataCenters=rows))
    assert len(found.offers) == 2
    assert dict(found.unusable) == {"no usable dataCenters": 1}


@pytest.mark.parametrize("cuda", [..., None, [], [None], [{"version": "13"}, {"version": "12.8"}]])
def test_a_cuda_version_that_nobody_knows_is_none(cuda: Any) -> None:
    assert offers(cudaVersions=cuda)[0].cuda is None


def test_small_letters_of_a_data_center_are_sent_as_capitals() -> None:
    (found,) = offers(dataCenters=[{"id": "us-ks-2", "availability": "LOW"}])
    assert found.region == "US-KS-2"


@pytest.mark.parametrize(
    "text",
    ["", "vanished", "a/b/SECURE", "a/b/PUBLIC/1", "a/b/SECURE/0", "a/b/SECURE/01", "a/b/SECURE/x",
     "a b/c/SECURE/1", "a/b/SECURE/1/2"],
)  # fmt: skip
def test_an_id_that_no_offer_has_is_no_choice(text: str) -> None:
    assert choice_of(text) is None


@pytest.mark.parametrize(
    ("center", "country"),
    [
        ("US-KS-2", "US"), ("CA-MTL-1", "CA"), ("EU-RO-1", "RO"), ("EUR-NO-1", "NO"),
        ("OC-AU-1", "AU"), ("AP-JP-1", "JP"), ("SEA-SG-1", "SG"), ("UNKNOWN-1", None),
        ("EU", None), ("EU-1", None), ("X", None),
    ],
)  # fmt: skip
def test_the_country_of_a_data_center(center: str, country: str | None) -> None:
    assert country_of(center) == country

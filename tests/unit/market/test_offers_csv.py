from __future__ import annotations

import gzip
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.clock import process_seconds
from reconciler.market.errors import MarketError
from reconciler.market.ledger import bill
from reconciler.market.offer import MarketOffer
from reconciler.market.offers_csv import LoadedOffers, load_offers
from tests.markets import GIB, START, order, small_world

HEADING = (
    "snapshot_date,cloud,region,instance_type,gpu,gpu_raw,gpu_count,gpu_memory_gib,vcpus,"
    "memory_gib,price_hourly_usd,spot_price_hourly_usd,tier,n_offers,source\n"
)


def load(tmp_path: Path, *lines: str, heading: str = HEADING) -> LoadedOffers:
    path = tmp_path / "offers.csv"
    path.write_text(heading + "\n".join(lines) + "\n")
    return load_offers(path)


def only(loaded: LoadedOffers) -> MarketOffer:
    (offer,) = loaded.offers
    assert loaded.left_out == {}
    return offer


def test_a_marketplace_row_becomes_one_private_machine(tmp_path: Path) -> None:
    offer = only(
        load(
            tmp_path,
            ',vast,"Denmark, DK, EU",2x-A-32-65536,RTX4090,x,2,24,32,64,0.8,,on_demand,,s',
        )
    )
    assert (offer.gpu, offer.gpu_count, offer.base_microusd) == ("RTX4090", 2, 800_000)
    assert (offer.region, offer.country, offer.host) == ("Denmark, DK, EU", "DK", "vast")
    assert (offer.vcpus, offer.memory_bytes) == (32, 64 * GIB)
    assert (offer.hosting, offer.stock, offer.spot) == ("community", 1, False)
    assert (offer.reliability, offer.verified, offer.cuda) == (None, None, None)


def test_a_clouds_row_with_both_prices_becomes_two_offers_of_one_capacity(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "2026-07-01,gcp,europe-west4,a3-highgpu-8g,H100-SXM,x,8,80,208,1872,88.5,30.25,on_demand,,s",
    )
    demand, spot = loaded.offers
    assert (demand.base_microusd, spot.base_microusd) == (88_500_000, 30_250_000)
    assert (bool(demand.spot), bool(spot.spot)) == (False, True)
    assert demand.capacity_key == spot.capacity_key
    assert (demand.hosting, demand.stock, demand.country) == ("datacenter", 8, "NL")


def test_a_spot_only_row_becomes_a_spot_offer_whichever_column_has_the_price(
    tmp_path: Path,
) -> None:
    for prices in (",4.7", "4.7,"):
        offer = only(load(tmp_path, f"2026-08-22,spheron,,,B300,b300,1,288,,,{prices},spot,,s"))
        assert (offer.spot, offer.base_microusd) == (True, 4_700_000)
        assert (offer.region, offer.country) == ("spheron", None)


def test_a_named_number_of_offers_is_the_stock(tmp_path: Path) -> None:
    assert only(load(tmp_path, ",vast,CZ,,RTX4090,x,1,24,,,0.4,,,7,s")).stock == 7


def test_unusable_rows_are_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        ",azure,eastus,NV6,A10,x,0.166667,24,6,55,0.454,,,,s",
        ",azure,eastus,NC,A10,x,,24,6,55,0.454,,,,s",
        ",aws,us-east-1,g6f,L4,x,0,24,6,55,0.454,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,NaN,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,-1,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,0,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,1e400,,,,s",
        ",azure,eastus,NC,Voodoo2,Voodoo 2,1,1,6,55,0.1,,,,s",
        ",,eastus,NC,A10,x,1,24,6,55,0.5,,,,s",
        ",azure,eastus,NC,A10,x,1,24,6,55,0.5,,,,s",
        ",azure",
    )
    assert loaded.rows == 12
    assert len(loaded.offers) == 1
    assert loaded.left_out == {
        "a fraction of a GPU": 1,
        "a price that is no positive number": 4,
        "no GPU count": 3,
        "no cloud named": 1,
        "no price": 1,
        "unknown GPU": 1,
    }


def test_of_one_product_in_two_sources_the_newest_is_kept_whole(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "2025-04-21,lambda,us,a,H100-SXM,x,8,80,,,40,,,,old",
        "2026-07-20,lambda,us,b,H100-SXM,x,8,80,,,24,,,,new",
        "2026-07-20,lambda,us,c,H100-SXM,x,8,80,,,25,,,,new",
        ",lambda,us,d,H100-SXM,x,8,80,,,26,,,,undated",
        "2025-04-21,lambda,eu,a,H100-SXM,x,8,80,,,41,,,,old",
        "2025-04-21,datacrunch,FIN-01,a,V100-SXM2-16GB,x,1,16,,,0.9,,,,old",
        "2026-08-22,verda,FIN-01,a,V100-SXM2-16GB,x,1,16,,,0.2,,,,new",
    )
    prices = [offer.base_microusd for offer in loaded.offers]
    assert prices == [24_000_000, 25_000_000, 41_000_000, 200_000]
    assert loaded.left_out == {"older duplicate": 3}


def test_a_name_that_is_not_canonical_is_resolved_by_the_offers_memory(tmp_path: Path) -> None:
    heading = "cloud,gpu_raw,gpu_count,gpu_memory_gib,price_hourly_usd\n"
    loaded = load(tmp_path, "acme,NVIDIA A100 PCIe,1,40,1", "acme,NVIDIA A100 PCIe,1,80,1",
                  heading=heading)  # fmt: skip
    assert [offer.gpu for offer in loaded.offers] == ["A100-PCIE-40GB", "A100-PCIE-80GB"]


def test_a_nonsensical_node_memory_is_taken_as_unknown(tmp_path: Path) -> None:
    offer = only(load(tmp_path, ",aws,us-east-1,a,L4,x,1,24,8,1.20016e+07,0.8,,,,s"))
    assert offer.memory_bytes is None


def test_a_file_that_is_no_csv_of_offers_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(MarketError) as caught:
        load(tmp_path, "1,2", heading="a,b\n")
    assert "cloud, gpu or gpu_raw, gpu_count" in caught.value.why
    for name, content in (
        ("broken.csv.gz", b"not gzip"),
        ("cut.csv.gz", gzip.compress(b"x" * 10_000)[:-20]),
        ("binary.csv", b"\xff\xfe\x00"),
        ("empty.csv", b""),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MarketError, match=name):
            load_offers(path)
    with pytest.raises(MarketError, match=r"absent\.csv"):
        load_offers(tmp_path / "absent.csv")


def test_a_market_built_from_a_compressed_csv_rents_and_bills(tmp_path: Path) -> None:
    path = tmp_path / "offers.csv.gz"
    row = "2026-07-01,lambda,us-east-1,x,H100-SXM,x,8,80,208,1800,23.92,,on_demand,,s\n"
    path.write_bytes(gzip.compress((HEADING + row).encode()))
    loaded = load_offers(path)
    with small_world(*loaded.offers) as world:
        world.rent(order(loaded.offers[0].id, gib=0), START)
        (line,) = bill(world, START + timedelta(hours=1))
    assert line.billed_usd == Decimal("23.92")


SNAPSHOT = os.environ.get("GPU_SHOPPER_SNAPSHOT")


@pytest.mark.skipif(SNAPSHOT is None, reason="GPU_SHOPPER_SNAPSHOT names no file")
def test_the_whole_snapshot_loads_and_every_row_is_accounted_for() -> None:
    before = process_seconds()
    loaded = load_offers(Path(SNAPSHOT or ""))
    assert process_seconds() - before < 5
    rows_used = len({offer.capacity_key for offer in loaded.offers})
    assert rows_used + sum(loaded.left_out.values()) == loaded.rows
    assert rows_used > loaded.rows * 3 // 4
    assert len({offer.id for offer in loaded.offers}) == len(loaded.offers)
    with small_world(*loaded.offers) as world:
        assert len(world.list_offers(START)) == len(loaded.offers)

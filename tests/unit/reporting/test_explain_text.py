from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from textwrap import dedent

from reconciler.model.fleet import Fleet
from reconciler.model.offer import Offer, OfferBook
from reconciler.planning.explanation import explain
from reconciler.reporting.explain_text import explain_text
from tests.builders import fleet, listing, offer
from tests.markets import GIB
from tests.unit.reporting.hostile import HOSTILE, assert_clean


def explained(wanted: Fleet, *offers: Offer, **failures: str) -> str:
    broken = [listing(provider=name, failure=why) for name, why in failures.items()]
    return explain_text(explain(wanted, OfferBook((listing(*offers), *broken))))


def test_explain_shows_the_ranking_the_alternatives_and_the_rejections() -> None:
    big = offer("o8", "19.20", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB)
    text = explained(
        fleet(gpu=("RTX4090", "H100:8", "B200:8"), max_gpu_hour_usd=Decimal("2.5")),
        offer(disk_usd_per_gib_hour=Decimal("0.0002")),
        big,
        offer("s1", spot=True),
        offer("s2", spot=True),
        offer("dear", "9.00"),
        vastai="connection refused",
    )
    assert (
        text
        == dedent("""
        fleet.train
          1 node of RTX4090 or H100:8 or B200:8, on-demand, 50GB of disk, at most $2.500
          a GPU and hour, ttl 4h

        Cheapest 2 of 2 matching offers:
          #    $/H  = GPU + DISK $/GPU-H GPU        WHERE                     OFFER
          1  0.410  0.400  0.010   0.410 RTX4090:1  simulated nl-amsterdam/NL o1
          2 19.200 19.200  0.000   2.400 H100-SXM:8 simulated nl-amsterdam/NL o8

        Each alternative at its best:
          RTX4090: $0.410/h, $0.410/GPU-h (1 offer)
          H100:8: $19.20/h, $2.400/GPU-h (1 offer)
          B200:8: none

        Rejected 3 of 5 offers, by first reason:
          2  not on-demand
          1  above max_gpu_hour_usd

        vastai could not be asked: connection refused

        Best now: $0.410/h at simulated nl-amsterdam/NL.
    """).strip()
    )


def test_explain_shows_at_most_ten_of_the_ranking() -> None:
    text = explained(fleet(), *(offer(f"o{n}") for n in range(30)))
    assert "Cheapest 10 of 30 matching offers:" in text
    assert "  11 " not in text


def test_with_ordered_alternatives_the_first_that_can_be_rented_is_the_best() -> None:
    resources = replace(fleet(gpu=("B200:8", "H100:8", "RTX4090")).resources, ordered=True)
    big = offer("o8", "19.20", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB)
    text = explained(fleet(resources=resources), offer(), big)
    assert text.splitlines()[-1].startswith("Best now: $19.20/h")


def test_explain_says_what_to_do_when_nothing_matches() -> None:
    assert explained(fleet(), offer(spot=True)).splitlines()[-1].startswith("No offer matches")
    assert explained(fleet()).splitlines()[-1].startswith("No offers were found at all")


def test_I22_explain_escapes_offers() -> None:
    assert_clean(explained(fleet(), offer(HOSTILE, region=HOSTILE, provider=HOSTILE), x=HOSTILE))

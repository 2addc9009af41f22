from __future__ import annotations

from textwrap import dedent

from reconciler.planning.offer_view import OfferFilter, view_offers
from reconciler.reporting.offer_table import offer_table
from tests.builders import listing, offer
from tests.markets import GIB
from tests.unit.reporting.hostile import HOSTILE, assert_clean

EIGHT = offer(
    "o8", "19.20", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB, spot=True, country=None,
    memory_bytes=None, vcpus=None, reliability=None, hosting=None,
)  # fmt: skip


def page(text: str) -> str:
    return dedent(text).strip("\n")


def test_offers_are_shown_with_what_is_missing_and_why() -> None:
    view = view_offers(
        [
            listing(offer(), EIGHT, unusable={"the price is text": 3}),
            listing(provider="vastai", failure="connection refused"),
        ],
        OfferFilter(),
    )
    assert offer_table(view) == page("""
        GPU      N VRAM CPU REGION       CC SPOT   REL    $/H $/GPU-H PROVIDER  OFFER
        RTX4090  1 24GB  12 nl-amsterdam NL      99.0%  0.400   0.400 simulated o1
        H100-SXM 8 80GB   ? nl-amsterdam ?  spot     ? 19.200   2.400 simulated o8

        vastai could not be asked: connection refused
        3 rows left out as unusable:
          3 of simulated: the price is text
        2 of 2 matching (2 in all); rates in $ with 50GB of disk.
    """)


def test_a_wide_terminal_shows_memory_and_hosting_too() -> None:
    view = view_offers([listing(offer(), EIGHT)], OfferFilter())
    heading, first, *_ = offer_table(view, width=120).splitlines()
    assert heading == (
        "GPU       N  VRAM  CPU   RAM  REGION        CC  SPOT  HOSTING       REL     $/H  $/GPU-H"
        "  PROVIDER   OFFER"
    )
    assert "48GB" in first
    assert "datacenter" in first


def test_a_narrow_terminal_loses_columns_but_never_prices() -> None:
    view = view_offers([listing(offer(region="r" * 60), EIGHT)], OfferFilter())
    text = offer_table(view)
    assert_clean(text)
    assert "HOSTING" not in text
    assert "$/GPU-H" in text.splitlines()[0]


def test_groups_show_the_span_of_rates_per_gpu() -> None:
    view = view_offers(
        [listing(offer(), offer("o2", "0.60"), EIGHT)], OfferFilter(), group_by="gpu"
    )
    assert offer_table(view) == page("""
        GPU       OFFERS  LOWEST  MEDIAN  HIGHEST
        RTX4090        2   0.400   0.500    0.600
        H100-SXM       1   2.400   2.400    2.400

        3 offers of 3 match; rates in $ with 50GB of disk, per GPU and hour.
    """)


def test_no_match_says_how_many_were_looked_at() -> None:
    view = view_offers([listing(offer())], OfferFilter(spot=True))
    assert offer_table(view) == "None of 1 offer matches."


def test_many_reasons_are_summed() -> None:
    view = view_offers(
        [listing(offer(), unusable={f"reason {n:02d}": 1 for n in range(20)})], OfferFilter()
    )
    assert "  12 for other reasons" in offer_table(view)


def test_I22_the_market_cannot_paint_the_terminal() -> None:
    bad = offer(
        HOSTILE, gpu=HOSTILE, region=HOSTILE, country=HOSTILE, provider=HOSTILE, hosting=HOSTILE
    )
    everything = [
        listing(bad, provider=HOSTILE, unusable={HOSTILE: 1}),
        listing(provider="other", failure=HOSTILE),
    ]
    assert_clean(offer_table(view_offers(everything, OfferFilter())))
    assert_clean(offer_table(view_offers(everything, OfferFilter(), group_by="region")))

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from textwrap import dedent

from reconciler.model.fleet import Buying, Fleet, Where
from reconciler.model.host_memory import HostRecord
from reconciler.model.offer import Offer, OfferBook
from reconciler.planning.explanation import explain
from reconciler.reporting.columns import display_width
from reconciler.reporting.explain_json import explain_json
from reconciler.reporting.explain_text import explain_text
from tests.builders import fleet, listing, offer
from tests.markets import GIB, START
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
        offer("s1", "0.10", spot=True),
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
          Order: $/H, then provider and offer; all nodes of a fleet are of one kind.

        Each alternative at its best:
          RTX4090: $0.410/h, $0.410/GPU-h (1 offer)
          H100:8: $19.20/h, $2.400/GPU-h (1 offer)
          B200:8: none

        Rejected 3 of 5 offers, by first reason:
          2  not on-demand
          1  above max_gpu_hour_usd

        vastai could not be asked: connection refused

        Would save most: spot instead of on-demand: -$0.310/GPU-hour
          1 of 1 node: $0.410/h -> $0.100/h, $0.100/GPU-h; spot_policy

        Best now: $0.410/h at simulated nl-amsterdam/NL.
    """).strip()
    )


def test_explain_shows_at_most_ten_of_the_ranking() -> None:
    text = explained(fleet(), *(offer(f"o{n}") for n in range(30)))
    assert "Cheapest 10 of 30 matching offers:" in text
    assert "  11 " not in text


def test_with_ordered_alternatives_the_ranking_begins_with_the_first_one() -> None:
    resources = replace(fleet(gpu=("H100:8", "RTX4090")).resources, ordered=True)
    big = offer("o8", "19.20", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB)
    lines = explained(fleet(resources=resources), offer(), big).splitlines()
    assert "Best 2 of 2 matching offers:" in lines
    assert [line.split()[:2] for line in lines if line.endswith((" o1", " o8"))] == [
        ["1", "1"],
        ["2", "2"],
    ]
    assert "  Order: first the alternatives as written (ALT), then $/H, then provider and" in lines


def test_with_ordered_alternatives_the_first_that_can_be_rented_is_the_best() -> None:
    resources = replace(fleet(gpu=("B200:8", "H100:8", "RTX4090")).resources, ordered=True)
    big = offer("o8", "19.20", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB)
    text = explained(fleet(resources=resources), offer(), big)
    assert text.splitlines()[-1].startswith("Best now: $19.20/h")


def test_explain_says_what_was_learnt_of_a_host_and_what_it_counts_for() -> None:
    known = HostRecord(provider="simulated", host="host of o1", failures=1, seen_at=START)
    buying = Buying("price-capacity-optimized", auto=True, learnt=(known,), as_of=START)
    wanted = fleet(buying=replace(buying, max_share_percent=100))
    text = explained(wanted, offer("o1", "0.40"), offer("o2", "0.50", spot=True))
    assert "spot or on-demand" in text
    first, second = [line for line in text.splitlines() if "RTX4090:1" in line]
    assert (first.split()[-1], second.split()[-1]) == ("o2", "o1")
    assert "RTX4090:1 spot" in first
    learnt = "#2 counts as $0.600/h: +50.0 % 1 of 1 machine failed on host of o1"
    assert learnt in text


def test_explain_says_what_to_do_when_nothing_matches() -> None:
    text = explained(fleet(nodes=2), offer("s1", spot=True), offer("s2", spot=True))
    assert text.splitlines()[-1].startswith("No offer matches")
    assert text.split("\n\n")[-2] == (
        "Would help most: spot instead of on-demand: 2 nodes instead of 0\n"
        "  2 of 2 nodes: $0.800/h, $0.400/GPU-h; spot_policy"
    )
    assert explained(fleet()).splitlines()[-1].startswith("No offers were found at all")


def test_I22_explain_escapes_offers() -> None:
    assert_clean(explained(fleet(), offer(HOSTILE, region=HOSTILE, provider=HOSTILE), x=HOSTILE))


def test_explain_says_when_nothing_would_help_and_what_the_whole_fleet_costs() -> None:
    text = explained(fleet(nodes=3), offer(), offer("o2"))
    assert "No single constraint, loosened, would save anything or fill more nodes." in text
    assert text.splitlines()[-1] == (
        "Best now: $0.400/h at simulated nl-amsterdam/NL; 2 of 3 nodes for $0.800/h."
    )


def test_every_line_fits_80_columns_with_the_longest_names() -> None:
    name = "a-very-long-name-that-some-provider-chose-" * 3
    wanted = fleet(where=Where(regions=frozenset({"here"})))
    text = explained(wanted, offer(), offer(name, "0.10", region=name, provider=name, host=name))
    assert "allow region a-very" in text
    assert all(display_width(line) <= 80 for line in text.splitlines())


def test_a_wider_terminal_shows_the_whole_names_of_the_ranking() -> None:
    name = "a-region-with-a-rather-long-name"[:24]
    book = OfferBook((listing(offer("an-offer-of-some-length-012", region=name)),))
    value = explain(fleet(), book)
    narrow, wide = explain_text(value), explain_text(value, width=120)
    assert f"{name}/NL  an-offer-of-some-length-012" in wide
    assert f"{name}/NL  an-offer" not in narrow
    assert all(display_width(line) <= 80 for line in narrow.splitlines())


def test_the_json_holds_the_same_with_exact_money() -> None:
    german = offer("de", "0.10", country="DE", disk_usd_per_gib_hour=Decimal("0.0002"))
    wanted = fleet(where=Where(countries=frozenset({"NL"})))
    value = explain(wanted, OfferBook((listing(offer(), german, offer("s", spot=True)),)))
    told = json.loads(json.dumps(explain_json(value)))
    assert told["order"] == ["usd_per_hour", "provider", "id"]
    assert [one["id"] for one in told["ranked"]] == ["o1"]
    assert told["rejections"] == {"not on-demand": 1, "other country": 1}
    assert (told["offers"], told["matching"]) == (3, 1)
    assert told["filling"]["usd_per_hour"] == "0.40"
    assert told["relaxation"] == {
        "key": "countries",
        "change": "allow country DE",
        "filling": {
            "nodes": 1,
            "gpus": 1,
            "usd_per_hour": "0.1100",
            "usd_per_gpu_hour": "0.1100",
        },
        "saved_usd_per_hour": "0.2900",
        "saved_usd_per_gpu_hour": "0.2900",
    }


def test_I22_the_json_escapes_offers() -> None:
    bad = offer(HOSTILE, region=HOSTILE, provider=HOSTILE, country=HOSTILE)
    wanted = fleet(where=Where(regions=frozenset({"here"})))
    for one in (fleet(), wanted):
        book = OfferBook((listing(bad), listing(provider=HOSTILE, failure=HOSTILE)))
        told = explain_json(explain(one, book))
        assert_clean("\n".join(map(str, _texts(told))), width=900)


def _texts(value: object) -> list[object]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value]

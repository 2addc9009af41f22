"""Spot, strategies and shares: what they come to, and contradictions with the place of each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError
from reconciler.model.fleet import CHEAPEST, Buying, Fleet

HEAD = """version: 1
workspace: demo
providers: {a: {type: simulated}, b: {type: simulated, market: other}}
"""


def load(keys: str, head: str = HEAD) -> Fleet:
    text = f"{head}fleets:\n  dev: {{resources: {{gpu: RTX4090}}, {keys}}}\n"
    return load_text("fleets.yaml", text.encode()).fleets["dev"]


def test_a_fleet_that_says_nothing_of_it_takes_the_cheapest() -> None:
    assert load("nodes: 2").buying is CHEAPEST
    assert load("spot_policy: spot, allocation_strategy: lowest-price").buying is CHEAPEST


def test_every_key_arrives() -> None:
    fleet = load(
        "nodes: 4, spot_policy: auto, spot: {min_on_demand: 1, fallback_after: 2, bid_usd: 0.3}, "
        "allocation_strategy: prioritized, providers: [b, a], max_share_per_provider: 50%"
    )
    bid = Decimal("0.3")
    assert fleet.buying == Buying("prioritized", True, 1, 2, bid, 50, ("b", "a"))
    assert fleet.kinds == {True, False}


def test_spot_is_merged_key_by_key() -> None:
    head = f"{HEAD}defaults: {{spot_policy: auto, spot: {{min_on_demand: 1, fallback_after: 2}}}}\n"
    buying = load("nodes: 2, spot: {fallback_after: 5}", head).buying
    assert (buying.min_on_demand, buying.fallback_after) == (1, 5)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("spot_policy: spot, spot: {min_on_demand: 1}", "says nothing with spot_policy: spot"),
        ("spot: {fallback_after: 1}", "says nothing with spot_policy: on-demand"),
        ("spot: {bid_usd: 1}", "says nothing with spot_policy: on-demand"),
        ("spot_policy: auto, spot: {min_on_demand: 2}", "nodes is at most 1"),
        ("spot_policy: spot, spot: {bid_usd: 2}, max_node_hour_usd: 1", "above max_node_hour_usd"),
        ("allocation_strategy: prioritized", "order of providers"),
        ("max_share_per_provider: 50%", "less than one node"),
        ("nodes: 4, max_share_per_provider: 40%", "1 at each provider"),
        ("nodes: 2, providers: [a], max_share_per_provider: 50%", "1 of 2 nodes"),
        ("nodes: 2, placement: same_region, max_share_per_provider: 50%", "at one provider"),
        ("max_share_per_provider: 0.5", "max_share_per_provider"),
        ("max_share_per_provider: 0%", "1% to 100%"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(keys: str, told: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(keys)
    (line,) = [one for one in caught.value.lines() if told in one]
    assert line.startswith("fleets.yaml:5:")

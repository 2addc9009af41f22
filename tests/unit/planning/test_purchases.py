"""What is bought for which slot, and what a create may fall back on."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.fleet import Fleet
from reconciler.model.offer import Offer
from reconciler.model.plan import Create, Mode, PlanRequest
from reconciler.planning import joint_choice
from reconciler.planning.planner import compute_plan
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    intent,
    observed,
    offer,
    offer_book,
    record,
    recorded_state,
    specification,
)
from tests.markets import START

EITHER = ("RTX4090", "RTX3090")


def bought(*fleets: Fleet, offers: list[Offer], running: Any = ()) -> tuple[Create, ...]:
    seen = observed(complete(PROVIDER, *map(instance, running)))
    state = recorded_state(*running)
    request = PlanRequest(Mode.APPLY)
    return compute_plan(desired(*fleets), state, seen, offer_book(*offers), START, request).creates


def test_a_new_node_is_like_those_that_run() -> None:
    market = [offer("a", "0.40"), offer("b", "0.30", gpu="RTX3090")]
    wanted = fleet(nodes=2, gpu=EITHER)
    assert [one.offer.id for one in bought(wanted, offers=market, running=[record()])] == ["a"]


def test_a_dearer_kind_that_fills_every_slot_beats_a_cheaper_one_that_does_not() -> None:
    market = [offer("a", "0.30", gpu="RTX3090"), offer("b", "0.40"), offer("c", "0.41")]
    chosen = bought(fleet(nodes=2, gpu=EITHER), offers=market)
    assert [one.offer.id for one in chosen] == ["b", "c"]


def test_one_capacity_is_never_promised_to_two_fleets() -> None:
    market = [offer("a"), offer("b", capacity_key="host of a"), offer("c", "0.50")]
    chosen = bought(fleet("one", nodes=2), fleet("two"), offers=market)
    assert sorted(one.offer.capacity_key for one in chosen) == ["host of a", "host of c"]


def test_what_a_create_may_fall_back_on_is_like_it_and_under_its_ceiling() -> None:
    market = [
        offer("a", "0.40"),
        offer("b", "0.42"),
        offer("c", "0.421"),
        offer("d", "0.40", gpu="RTX3090"),
    ]
    (create,) = bought(fleet(gpu="RTX4090"), offers=market)
    assert [one.id for one in create.ranked] == ["a", "b"]


def test_a_fallback_stands_in_the_place_that_was_chosen() -> None:
    market = [
        offer("a", region="one"),
        offer("b", "0.41", region="one"),
        offer("c", region="two", usd_per_hour="0.405"),
    ]
    (create,) = bought(fleet(placement="same_region"), offers=market)
    assert [one.id for one in create.ranked] == ["a", "b"]


def test_a_fallback_of_a_spread_fleet_stands_on_a_host_that_it_does_not_use() -> None:
    market = [offer("a", host="h1"), offer("b", host="h1"), offer("c", host="h2"), offer("d")]
    creates = bought(fleet(nodes=2, placement="spread"), offers=market)
    assert [one.offer.id for one in creates] == ["a", "c"]
    assert [[spare.id for spare in one.ranked[1:]] for one in creates] == [["d"], ["d"]]
    assert all(one.spread for one in creates)


def test_a_fallback_of_a_mix_may_be_of_another_kind() -> None:
    market = [offer("a"), offer("b", "0.41", gpu="RTX3090")]
    (create,) = bought(fleet(gpu=EITHER, uniform=False), offers=market)
    assert [one.id for one in create.ranked] == ["a", "b"]


def test_what_one_fleet_gets_is_no_fallback_of_another() -> None:
    market = [offer("a"), offer("b", "0.41")]
    creates = bought(fleet("one"), fleet("two"), offers=market)
    assert [[spare.id for spare in one.ranked] for one in creates] == [["a"], ["b"]]


def test_I11_a_create_in_doubt_holds_its_host_and_its_region() -> None:
    doubtful = intent("train", 0, specification=specification(offer("x", host="h1", region="one")))
    market = [
        offer("a", "0.10", host="h1", region="one"),
        offer("b", "0.20", host="h2", region="two"),
        offer("c", "0.30", host="h3", region="one"),
    ]
    for placement, expected in (("spread", "b"), ("same_region", "a"), ("any", "a")):
        wanted = fleet(nodes=2, placement=placement)
        state = recorded_state(doubtful)
        plan = compute_plan(
            desired(wanted),
            state,
            observed(complete(PROVIDER)),
            offer_book(*market),
            START,
            PlanRequest(Mode.APPLY),
        )
        assert [one.offer.id for one in plan.creates] == [expected]


def test_a_plan_whose_search_was_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_choice, "COLUMNS_MAX", 0)
    market = [offer("a"), offer("b", "0.50", gpu="RTX3090"), offer("c", "0.90", gpu="L40S")]
    fleets = [fleet("one", gpu=EITHER), fleet("two", gpu=("RTX4090", "L40S"))]
    plan = compute_plan(
        desired(*fleets),
        recorded_state(),
        observed(complete(PROVIDER)),
        offer_book(*market),
        START,
        PlanRequest(Mode.APPLY),
    )
    (finding,) = plan.findings
    assert finding.message.startswith("fleet.one, fleet.two: not proven to be the cheapest")
    assert finding.code is None
    assert len(plan.creates) == 2

"""What is bought for which slot, and what a create may fall back on."""

from __future__ import annotations

from typing import Any

from reconciler.model.fleet import Fleet
from reconciler.model.offer import Offer
from reconciler.model.plan import Create, Mode, PlanRequest
from reconciler.planning.planner import compute_plan
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    observed,
    offer,
    offer_book,
    record,
    recorded_state,
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

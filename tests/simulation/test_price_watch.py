"""A like machine that is cheaper by now: proposed with the command that takes it, never taken."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faults import Fault
from reconciler.market.ledger import billed_total
from reconciler.market.machine import Order
from reconciler.market.offer import MarketOffer
from reconciler.model.address import Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Plan
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_markdown import plan_markdown
from reconciler.reporting.plan_text import plan_text
from tests.markets import market_offer
from tests.simulation.shop import Shop, story

HOUR = timedelta(hours=1)
GIB = 2**30


def documents(watch: str = "{cheaper_by: 20}", **keys: object) -> str:
    told = {"resources": "{gpu: RTX4090}", "ttl": "10h", "price_watch": watch, **keys}
    fleet = ", ".join(f"{key}: {value}" for key, value in told.items() if value)
    head = "version: 1\nworkspace: demo\nproviders: {simulated: {}}\n"
    return f"{head}fleets:\n  dev: {{{fleet}}}\n"


def offers(*cheap: int) -> tuple[MarketOffer, ...]:
    """Four at $0.40 an hour, and these, in tenths of a cent."""
    dear = [
        market_offer(f"dear{number}", base_microusd=400_000, disk_microusd_per_gib=0)
        for number in range(4)
    ]
    fallen = [
        market_offer(f"cheap{one}", base_microusd=one * 1000, disk_microusd_per_gib=0)
        for one in cheap
    ]
    return (*dear, *fallen)


async def later(shop: Shop, text: str, *taken: str, after: timedelta = HOUR) -> Plan:
    """Fleets are bought while others have the cheap offers; then those come back."""
    rented = [shop.world.rent(Order(one, "other", GIB), shop.now) for one in taken]
    await shop.apply(text)
    for one in rented:
        shop.world.destroy(one.id, shop.now)
    await shop.wait(after)
    return await shop.plan(text)


def proposed(tmp_path: Path, text: str, *cheap: int, **how: Any) -> Plan:
    async def tell(shop: Shop) -> Plan:
        return await later(shop, text, *(f"cheap{one}" for one in cheap), **how)

    return story(tmp_path, tell, *offers(*cheap))


def test_a_cheaper_like_machine_is_proposed_and_its_command_takes_it(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        plan = await later(shop, documents(), "cheap200")
        (swap,) = plan.proposals
        assert not plan.has_changes
        assert plan.findings == ()
        assert (swap.slot, swap.to_offer) == (Slot("dev", 0), "cheap200")
        assert swap.saving_usd == pytest.approx(Decimal("1.8"), abs=Decimal("0.01"))
        for text in (plan_text(plan, PLAIN), plan_markdown(plan)):
            assert "Cheaper: fleet.dev[0] $0.400/h -> $0.200/h at simulated nl-ams" in text
            assert "gpu-shopper apply -replace=fleet.dev[0]" in text
        assert "No changes: what runs is what is declared." in plan_text(plan, PLAIN)

        before = {one.id for one in shop.alive()}
        result = await shop.apply()
        await shop.reconcile(heal=True)
        assert {one.id for one in shop.alive()} == before, "never unasked"
        assert result.code is ExitCode.DONE

        asked = await shop.apply(replace=(swap.slot,))
        assert asked.code is ExitCode.DONE
        (machine,) = shop.alive()
        assert machine.offer_id == swap.to_offer
        began = billed_total(shop.world, shop.now)
        await shop.wait(8 * HOUR)
        assert billed_total(shop.world, shop.now) - began == Decimal("1.6")
        assert (await shop.plan()).proposals == ()

    story(tmp_path, tell, *offers(200))


def test_a_plan_that_watches_no_prices_asks_for_no_offers(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[int, int, tuple[object, ...]]:
        await shop.apply(documents(watch=""))
        before = shop.sent("list_offers")
        plan = await shop.plan()
        unwatched = shop.sent("list_offers") - before
        await shop.plan(documents())
        return unwatched, shop.sent("list_offers") - before, plan.proposals

    assert story(tmp_path, tell, *offers(200)) == (0, 1, ())


@pytest.mark.parametrize(
    ("watch", "after", "number"),
    [
        ("{cheaper_by: 20}", HOUR, 1),
        ("{cheaper_by: 50}", HOUR, 1),
        ("{cheaper_by: 51}", HOUR, 0),
        ("{cheaper_by: 20, setup_cost_usd: 1.79}", HOUR, 1),
        ("{cheaper_by: 20, setup_cost_usd: 1.81}", HOUR, 0),
        ("{cheaper_by: 20, setup_cost_usd: 0.50}", 8 * HOUR, 0),
    ],
)
def test_it_must_be_cheaper_by_the_share_and_save_more_than_the_set_up_costs(
    tmp_path: Path, watch: str, after: timedelta, number: int
) -> None:
    plan = proposed(tmp_path, documents(watch), 200, after=after)
    assert len(plan.proposals) == number


def test_no_offer_is_proposed_to_two_machines(tmp_path: Path) -> None:
    plan = proposed(tmp_path, documents(nodes=3), 200, 250)
    assert sorted(one.to_offer for one in plan.proposals) == ["cheap200", "cheap250"]
    assert len({one.slot for one in plan.proposals}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu": "H100"},
        {"gpu_memory_bytes": 48 * GIB},
        {"reliability": "0.5"},
        {"country": "US"},
        {"spot": True},
    ],
)
def test_what_the_fleet_would_not_take_or_is_not_alike_is_not_proposed(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    text = documents(
        resources="{any_of: [RTX4090, H100]}",
        offers="{min_reliability: 0.9}",
        countries="[NL]",
    )

    async def tell(shop: Shop) -> Plan:
        return await later(shop, text, "odd")

    odd = market_offer("odd", base_microusd=100_000, **changes)
    assert story(tmp_path, tell, *offers(), odd).proposals == ()


def test_a_protected_machine_and_a_failing_search_leave_the_plan_as_it_is(tmp_path: Path) -> None:
    safe = documents(lifecycle="{prevent_destroy: true}")
    assert proposed(tmp_path, safe, 200).proposals == ()
    (tmp_path / "other").mkdir()

    async def tell(shop: Shop) -> Plan:
        await later(shop, documents(), "cheap200")
        shop.world.script_fault(Fault(error="unavailable"), "list_offers")
        return await shop.plan()

    plan = story(tmp_path / "other", tell, *offers(200))
    assert (plan.proposals, plan.findings) == ((), ())

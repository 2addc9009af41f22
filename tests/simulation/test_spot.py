"""Spot machines that the market takes away, and what is bought instead, judged by the ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconciler.market.offer import MarketOffer
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import CreateReason, DestroyReason
from tests.markets import market_offer
from tests.simulation.shop import Shop, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DEV = """
version: 1
workspace: demo
providers: {simulated: {}}
fleets:
  dev:
    resources: {gpu: RTX4090}
    ttl: 12h
"""
SPOT = DEV + "    spot_policy: spot\n"
AUTO = DEV + "    spot_policy: auto\n"


def both_sides(number: int, **changes: Any) -> tuple[MarketOffer, MarketOffer]:
    """One host: on-demand at about 40 cents, spot at about 15."""
    host = {"host": f"h{number}", "capacity_key": f"h{number}", **changes}
    on_demand = market_offer(f"o{number}", base_microusd=400_000 + number, **host)
    spot = market_offer(f"o{number}-spot", base_microusd=150_000 + number, spot=True, **host)
    return on_demand, spot


MARKET = tuple(side for number in range(1, 7) for side in both_sides(number))


def offers_of(shop: Shop) -> list[str]:
    return sorted(machine.offer_id for machine in shop.alive())


async def take_away(shop: Shop) -> None:
    """The market stops every spot machine, for somebody who pays more."""
    for machine in shop.alive():
        if machine.offer_id.endswith("-spot"):
            shop.world.stop(machine.id, shop.now)
    await shop.wait(MINUTE)


def test_a_spot_machine_that_was_taken_away_is_replaced_elsewhere(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT)
        assert offers_of(shop) == ["o1-spot"]
        await take_away(shop)
        noticed = await shop.reconcile()
        (keep,) = noticed.plan.keeps
        assert "taken away" in keep.detail  # noticed, and bought again only where asked to
        healed = await shop.reconcile(heal=True)
        (destroy,), (create,) = healed.plan.destroys, healed.plan.creates
        assert (destroy.reason, create.reason) == (
            DestroyReason.FAILED_READY,
            CreateReason.HEALED,
        )
        await shop.wait(2 * MINUTE)
        assert offers_of(shop) == ["o2-spot"]  # not o1 again, which is the cheapest
        (host,) = shop.state().hosts.values()
        assert (host.host, host.losses) == ("h1", 1)

    story(tmp_path, tell, *MARKET)


def test_all_nodes_of_a_spot_fleet_are_healed_at_once(tmp_path: Path) -> None:
    """The fuse counts what may be a slip; a machine that was taken away is none."""

    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT + "    nodes: 3\n")
        await take_away(shop)
        healed = await shop.reconcile(heal=True)
        assert len(healed.plan.creates) == 3
        await shop.wait(2 * MINUTE)
        assert offers_of(shop) == ["o4-spot", "o5-spot", "o6-spot"]

    story(tmp_path, tell, *MARKET)


def test_a_lost_machine_goes_first_even_with_create_before_destroy(tmp_path: Path) -> None:
    """It serves nobody; and its loss is remembered."""

    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT + "    lifecycle: {create_before_destroy: true}\n")
        await take_away(shop)
        healed = await shop.reconcile(heal=True)
        assert [destroy.after_successor for destroy in healed.plan.destroys] == [False]
        assert [one.slots for one in shop.state().spot_losses.values()] == [{"0": 1}]
        await shop.wait(2 * MINUTE)
        assert offers_of(shop) == ["o2-spot"]

    story(tmp_path, tell, *MARKET)


def test_a_successor_that_was_taken_away_is_a_loss_too(tmp_path: Path) -> None:
    """Else the next one is bought on the very host that took it away."""

    async def tell(shop: Shop) -> None:
        documents = SPOT + "    lifecycle: {create_before_destroy: true}\n"
        await shop.apply(documents)
        changed = documents + "    image: other:1\n"
        await shop.apply(changed, options={"detach": True})
        (new,) = (one for one in shop.state().instances.values() if one.succeeds)
        shop.world.stop(new.instance_id, shop.now)
        await shop.wait(MINUTE)
        await shop.reconcile(heal=True)
        await shop.wait(2 * MINUTE)
        await shop.apply(fused=False)
        assert offers_of(shop) == ["o3-spot"]

    story(tmp_path, tell, *MARKET)


def test_where_a_machine_was_taken_away_is_avoided_for_an_hour(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT)
        await take_away(shop)
        await shop.apply()
        await take_away(shop)
        nothing_left = await shop.apply()
        assert nothing_left.code is ExitCode.NO_OFFER
        await shop.wait(HOUR)
        await shop.apply()
        assert offers_of(shop) == ["o1-spot"]

    story(tmp_path, tell, *both_sides(1), *both_sides(2))


def test_a_machine_that_vanishes_counts_as_taken_away(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT)
        (gone,) = shop.alive()
        shop.world.destroy(gone.id, shop.now)
        for _ in range(4):
            await shop.wait(3 * MINUTE)
            await shop.reconcile(heal=True)
        assert offers_of(shop) == ["o2-spot"]
        assert shop.state().spot_losses["dev"].slots == {"0": 1}

    story(tmp_path, tell, *MARKET)


def test_after_three_losses_a_slot_is_on_demand(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(AUTO)
        for number in (1, 2, 3):
            assert offers_of(shop) == [f"o{number}-spot"]
            await take_away(shop)
            await shop.reconcile(heal=True)
            await shop.wait(2 * MINUTE)
        assert offers_of(shop) == ["o1"]
        later = await shop.apply()
        assert (later.plan.creates, later.plan.destroys) == ((), ())

    story(tmp_path, tell, *MARKET)


def test_only_the_slot_that_lost_too_often_is_on_demand(tmp_path: Path) -> None:
    """Nor does a spot machine stand in for it when its offer is gone."""

    async def tell(shop: Shop) -> None:
        await shop.apply(AUTO + "    nodes: 2\n    spot: {fallback_after: 2}\n")
        records = {one.index: one.instance_id for one in shop.state().instances.values()}
        shop.world.stop(records[0], shop.now)
        await shop.wait(MINUTE)
        await shop.reconcile(heal=True)
        await shop.wait(2 * MINUTE)
        await take_away(shop)
        healed = await shop.reconcile(heal=True)
        kinds = {
            one.slot.index: {offer.spot for offer in one.ranked} for one in healed.plan.creates
        }
        assert kinds[0] == {False}
        assert [one.offer.spot for one in healed.plan.creates] == [False, True]

    story(tmp_path, tell, *MARKET)


def test_another_lease_begins_with_spot_again(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        documents = AUTO + "    spot: {fallback_after: 1}\n"
        await shop.apply(documents)
        await take_away(shop)
        await shop.apply()
        assert offers_of(shop) == ["o2"]
        await shop.destroy()
        await shop.apply()
        assert offers_of(shop) == ["o2-spot"]

    story(tmp_path, tell, *MARKET)


def test_min_on_demand_nodes_are_never_spot(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(AUTO + "    nodes: 3\n    spot: {min_on_demand: 2}\n")
        kinds = [one.endswith("-spot") for one in offers_of(shop)]
        assert kinds.count(False) == 2
        await take_away(shop)
        await shop.reconcile(heal=True)
        await shop.wait(2 * MINUTE)
        kinds = [one.endswith("-spot") for one in offers_of(shop)]
        assert (kinds.count(False), kinds.count(True)) == (2, 1)

    story(tmp_path, tell, *MARKET)


def test_auto_takes_on_demand_where_there_is_no_spot(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(AUTO + "    nodes: 2\n")
        assert offers_of(shop) == ["o1-spot", "o9"]

    story(tmp_path, tell, *both_sides(1), market_offer("o9", host="h9"))


def test_a_budget_that_is_used_up_heals_nothing(tmp_path: Path) -> None:
    """The lost machine goes, and no other is bought: the money would not last for a dearer one."""

    async def tell(shop: Shop) -> None:
        await shop.apply(SPOT + "    budget: {max_total_usd: 2.00}\n")
        await shop.wait(HOUR)
        await take_away(shop)
        healed = await shop.reconcile(heal=True)
        assert healed.plan.creates == ()
        assert ExitCode.REFUSED_BY_BUDGET in [one.code for one in healed.plan.findings]
        await shop.wait(2 * MINUTE)
        assert shop.alive() == ()

    dearer = market_offer("o2-spot", base_microusd=300_000, spot=True, host="h2")
    story(tmp_path, tell, *both_sides(1), dearer)


def test_a_bid_is_the_most_that_counts_and_the_most_that_is_billed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        documents = SPOT + "    spot: {bid_usd: 0.30}\n"
        plan = await shop.plan(documents)
        (create,) = plan.creates
        disk = create.offer.disk_usd_per_hour(create.specification.disk_bytes)
        assert create.usd_per_hour == Decimal("0.30") + disk
        assert plan.worst_case_usd is not None
        assert plan.worst_case_usd > Decimal("0.30") * 12
        await shop.apply(documents)
        assert offers_of(shop) == ["o1-spot"]
        (record,) = shop.state().instances.values()
        assert record.usd_per_hour < create.usd_per_hour

    story(tmp_path, tell, *MARKET)


def test_nothing_is_bought_that_asks_more_than_the_bid(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply(SPOT + "    spot: {bid_usd: 0.10}\n")
        assert result.code is ExitCode.NO_OFFER
        assert shop.alive() == ()

    story(tmp_path, tell, *MARKET)

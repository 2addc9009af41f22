"""`gang`, `placement`, `uniform` and a provider's cap, from documents to the market's ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import DestroyReason
from tests.markets import market_offer
from tests.simulation.shop import Shop, several_offers, story

MINUTE = timedelta(minutes=1)


def documents(*keys: str, nodes: object = 3, gpu: str = "RTX4090", cap: str = "") -> str:
    """A fleet `dev` with ``keys``, at a provider whose cap is ``cap``."""
    provider = f"{{max_hourly_usd: {cap}}}" if cap else "{}"
    lines = [
        "version: 1",
        "workspace: demo",
        f"providers: {{simulated: {provider}}}",
        "fleets:",
        "  dev:",
        f"    resources: {{any_of: [{gpu}]}}",
        f"    nodes: {nodes}",
        "    ttl: 4h",
        *(f"    {key}" for key in keys),
    ]
    return "\n".join(lines) + "\n"


def priced(offer_id: str, cents: int, **changes: object) -> MarketOffer:
    return market_offer(offer_id, base_microusd=cents * 10_000, disk_microusd_per_gib=0, **changes)


def offers_of(machines: tuple[Machine, ...]) -> list[str]:
    return sorted(one.offer_id for one in machines)


# --- gang -------------------------------------------------------------------------------------


def test_a_gang_that_cannot_be_filled_buys_nothing_at_all(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply(documents("gang: true"))
        assert result.code is ExitCode.NO_OFFER
        assert (shop.alive(), shop.sent("create_instance")) == ((), 0)
        assert len((await shop.plan(documents())).creates) == 2, "without the key what fits is had"

    story(tmp_path, tell, *several_offers(2))


@pytest.mark.parametrize("number", ["C1.9", "C1.5"])
def test_a_gang_that_comes_short_while_it_is_bought_is_given_back(
    tmp_path: Path, number: str
) -> None:
    async def tell(shop: Shop) -> None:
        operation, fault = CATALOGUE[number]
        shop.world.script_fault(fault, operation, times=1)
        result = await shop.apply(documents("gang: true"))
        assert result.code is ExitCode.NO_OFFER
        assert shop.alive() == ()
        assert shop.sent("create_instance") == 3
        assert shop.state().instances == {}, "and proven gone"
        assert "gang: 2 of at least 3" in " ".join(one.detail for one in result.outcomes)

    story(tmp_path, tell, *several_offers(3))


def test_what_is_given_back_of_a_gang_is_recorded_as_requested(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        result = await shop.apply(documents("gang: true"), options={"wait": False})
        assert {one.doom.reason for one in shop.state().instances.values() if one.doom} == {
            DestroyReason.REQUESTED
        }
        assert {notice.reason for notice in result.notices} <= {DestroyReason.REQUESTED}

    story(tmp_path, tell, *several_offers(3))


def test_I11_a_gang_with_a_create_in_doubt_is_left_alone_and_completed_later(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="unavailable", done=True), "create_instance", times=1)
        result = await shop.apply(documents("gang: true"))
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert (len(shop.alive()), shop.sent("destroy_instance")) == (3, 0)
        await shop.wait(MINUTE)
        result = await shop.apply()
        assert (result.code, len(shop.alive())) == (ExitCode.DONE, 3)
        assert shop.sent("create_instance") == 3

    story(tmp_path, tell, *several_offers(3))


def test_a_gang_that_cannot_be_whole_is_given_back_though_a_create_is_in_doubt(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="unavailable", done=False), "create_instance", times=1)
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        result = await shop.apply(documents("gang: true"))
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert shop.alive() == ()
        assert sum(one.blocks_slot for one in shop.state().intents.values()) == 1

    story(tmp_path, tell, *several_offers(3))


def test_the_loop_heals_a_gang_as_it_was_applied_and_not_as_a_document_asks_since(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("gang: true", nodes=2))
        shop.world.stop(shop.alive()[0].id, shop.now)
        await shop.wait(10 * MINUTE)
        await shop.reconcile(documents("gang: true", nodes=4), heal=True)
        await shop.wait(10 * MINUTE)
        await shop.reconcile(documents("gang: true", nodes=4), heal=True)
        assert len(shop.alive()) == 2

    story(tmp_path, tell, *several_offers(6))


def test_a_gang_is_bought_whole_though_two_machines_leave_one_of_its_slots(tmp_path: Path) -> None:
    """Given back twice at once, the slots are on their way out twice when it is bought again."""

    async def tell(shop: Shop) -> None:
        for _ in range(2):
            shop.world.script_fault(Fault(error="refused"), "create_instance", times=1)
            result = await shop.apply(documents("gang: true"), options={"wait": False})
            assert result.code is not ExitCode.DONE
        result = await shop.apply(documents("gang: true"))
        assert max(len(one.after) for one in result.plan.creates) == 1
        assert (result.code, len(shop.alive())) == (ExitCode.DONE, 3)

    story(tmp_path, tell, *several_offers(12))


def test_a_gang_above_its_minimum_keeps_what_it_got(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        await shop.apply(documents("gang: true", nodes="{min: 2, target: 3, max: 3}"))
        assert len(shop.alive()) == 2

    story(tmp_path, tell, *several_offers(3))


def test_a_new_node_of_a_whole_gang_that_cannot_be_had_costs_no_other_one(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("gang: true"))
        result = await shop.apply(documents("gang: true", nodes=4))
        assert (result.code, len(shop.alive())) == (ExitCode.NO_OFFER, 3)

    story(tmp_path, tell, *several_offers(3))


# --- placement --------------------------------------------------------------------------------


def in_two_regions() -> tuple[MarketOffer, ...]:
    """The cheapest two are apart; the cheapest three that are together stand in `us-iowa`."""
    here = [priced(f"nl{n}", 40 + 20 * n) for n in range(4)]
    there = [priced(f"us{n}", 45 + n, region="us-iowa", country="US") for n in range(4)]
    return (*here, *there)


def test_all_nodes_go_to_the_region_that_is_cheapest_for_all_of_them(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("placement: same_region"))
        assert offers_of(shop.alive()) == ["us0", "us1", "us2"]

    story(tmp_path, tell, *in_two_regions())


def test_the_machines_that_stay_fix_the_region_of_new_ones(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("placement: same_region", nodes=1))
        assert offers_of(shop.alive()) == ["nl0"]
        await shop.apply(documents("placement: same_region", nodes=3))
        assert {one.region for one in shop.alive()} == {"nl-amsterdam"}

    story(tmp_path, tell, *in_two_regions())


def test_a_node_that_is_healed_or_replaced_goes_where_the_others_are(tmp_path: Path) -> None:
    """Cheaper ones stand elsewhere by then."""

    async def tell(shop: Shop) -> None:
        await shop.apply(documents("placement: same_region", "gang: true", nodes=3))
        shop.world.stop(shop.alive()[0].id, shop.now)
        for _ in range(2):
            await shop.wait(10 * MINUTE)
            await shop.reconcile(heal=True)
        assert {one.region for one in shop.alive()} == {"us-iowa"}
        assert len(shop.alive()) == 3
        await shop.destroy("fleet.dev[1]")
        await shop.apply()
        assert {one.region for one in shop.alive()} == {"us-iowa"}
        assert len(shop.alive()) == 3

    offers = [priced(f"us{n}", 45 + n, region="us-iowa", country="US") for n in range(6)]
    story(tmp_path, tell, *offers, priced("nl0", 40), priced("nl1", 41))


def test_a_vanished_offer_is_replaced_in_the_same_region_only(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        await shop.apply(documents("placement: same_region", nodes=2))
        assert {one.region for one in shop.alive()} == {"us-iowa"}
        assert len(shop.alive()) == 2

    level = [priced(f"us{n}", 40, region="us-iowa") for n in range(3)]
    story(tmp_path, tell, *level, priced("nl0", 40), priced("de0", 40, region="de-berlin"))


def test_a_machine_that_stands_elsewhere_is_not_replaced_for_its_place(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(nodes=2))
        assert offers_of(shop.alive()) == ["nl0", "us0"]
        result = await shop.apply(documents("placement: same_region", nodes=2))
        assert not result.plan.changes_machines

    story(tmp_path, tell, *in_two_regions())


def hosts(shop: Shop) -> list[str]:
    records = shop.state().instances.values()
    return sorted(one.specification.host or "" for one in records if one.specification)


def test_no_two_nodes_of_a_spread_fleet_stand_on_one_host(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("placement: spread", nodes=2))
        assert hosts(shop) == ["host-a", "host-b"]
        await shop.apply(documents("placement: spread", nodes=3))
        assert offers_of(shop.alive()) == ["a1", "b1", "c1"]

    story(
        tmp_path,
        tell,
        priced("a1", 40, host="host-a", stock=5),
        priced("a2", 41, host="host-a"),
        priced("b1", 50, host="host-b"),
        priced("c1", 60, host="host-c"),
    )


def test_two_creates_that_fall_back_at_once_do_not_meet_on_one_host(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=2)
        result = await shop.apply(documents("placement: spread", nodes=2))
        assert result.code is ExitCode.NO_OFFER
        assert hosts(shop) == ["host-c"]
        assert len(shop.alive()) == 1

    story(
        tmp_path,
        tell,
        priced("a", 40, host="host-a"),
        priced("b", 40, host="host-b"),
        priced("c1", 41, host="host-c", stock=3),
        priced("c2", 41, host="host-c"),
    )


def test_what_the_plan_gave_to_one_create_no_other_falls_back_on(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=2)
        result = await shop.apply(documents())
        assert [one.offer.id for one in result.plan.creates] == ["a", "b", "pool"]
        assert offers_of(shop.alive()) == ["pool", "pool"]
        assert shop.sent("create_instance") == 4, "none for a third place in the pool"

    story(tmp_path, tell, priced("a", 40), priced("b", 40), priced("pool", 41, stock=2))


# --- a mix ------------------------------------------------------------------------------------


def test_alternatives_are_mixed_only_where_the_fleet_allows_it(tmp_path: Path) -> None:
    mixed = documents("uniform: false", nodes=2, gpu='RTX4090, "RTX3090:2"')

    async def tell(shop: Shop) -> None:
        alike = await shop.plan(documents(nodes=2, gpu='RTX4090, "RTX3090:2"'))
        assert [one.offer.id for one in alike.creates] == ["a", "c"]
        await shop.apply(mixed)
        assert offers_of(shop.alive()) == ["a", "b"]

    market = (
        priced("a", 40),
        priced("b", 40, gpu="RTX3090", gpu_count=2),
        priced("c", 60),
    )
    story(tmp_path, tell, *market)

    async def tell_of_a_fallback(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        await shop.apply(mixed.replace("nodes: 2", "nodes: 1"))
        (machine,) = shop.alive()
        (record,) = shop.state().instances.values()
        assert record.specification is not None
        assert (machine.gpu_count, record.specification.gpu_count) == (2, 2)

    other = tmp_path / "other"
    other.mkdir()
    story(other, tell_of_a_fallback, *market)


# --- a provider's cap -------------------------------------------------------------------------


def test_nothing_is_bought_beyond_the_cap_of_a_provider(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply(documents(cap="0.81"))
        assert result.code is ExitCode.NO_OFFER
        assert offers_of(shop.alive()) == ["a", "b"]
        said = " ".join(finding.message for finding in result.plan.findings)
        assert "providers.simulated.max_hourly_usd" in said
        assert all(one.ceiling_usd_per_hour <= Decimal("0.405") for one in result.plan.creates)
        result = await shop.apply(documents(cap="1.30"))
        assert (result.code, len(shop.alive())) == (ExitCode.DONE, 3)

    story(tmp_path, tell, priced("a", 40), priced("b", 40), priced("c", 45))


def test_under_a_cap_a_vanished_offer_is_not_replaced_by_a_dearer_one(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        result = await shop.apply(documents(nodes=1, cap="5"))
        assert (result.code, shop.alive()) == (ExitCode.NO_OFFER, ())
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance", times=1)
        assert (await shop.apply(documents(nodes=1))).code is ExitCode.DONE

    story(tmp_path, tell, priced("a", 40), priced("b", 41))


def test_what_runs_above_a_cap_is_reported_and_not_destroyed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(nodes=2))
        result = await shop.apply(documents(nodes=3, cap="0.50"))
        assert len(shop.alive()) == 2
        assert result.code is ExitCode.NO_OFFER
        said = [finding.message for finding in result.plan.findings]
        assert any("above max_hourly_usd $0.500/h" in one for one in said)
        result = await shop.apply(documents(nodes=2, cap="0.50"))
        assert (result.code, result.plan.changes_machines) == (ExitCode.DONE, False)

    story(tmp_path, tell, *(priced(name, 40) for name in "abcd"))


def test_a_machine_in_doubt_counts_for_the_cap(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="unavailable", done=False), "create_instance", times=1)
        await shop.apply(documents(nodes=1, cap="0.50"))
        result = await shop.apply(documents(nodes=2, cap="0.50"))
        assert result.plan.creates == ()

    story(tmp_path, tell, priced("a", 40), priced("b", 40))


def test_a_create_waits_for_machines_beside_which_the_cap_leaves_no_room(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(nodes=1, cap="0.50"))
        (old,) = shop.alive()
        result = await shop.apply(documents(nodes=1, cap="0.50").replace("  dev:", "  lab:"))
        assert [one.after for one in result.plan.creates] == [(old.label,)]
        assert result.code is ExitCode.DONE
        (new,) = shop.alive()
        gone = next(one for one in shop.world.all_machines() if one.id == old.id).gone_at
        assert gone is not None
        assert gone <= new.created_at
        result = await shop.apply(documents(nodes=1, cap="0.90"), max_destroy=5)
        assert [one.after for one in result.plan.creates] == [()]

    story(tmp_path, tell, priced("a", 40), priced("b", 40), priced("c", 40))


def test_I13_beside_a_machine_that_does_not_go_nothing_is_bought_above_the_cap(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(nodes=1, cap="0.50"))
        shop.world.script_fault(Fault(error="unavailable"), "destroy_instance", times=50)
        moved = documents(nodes=1, cap="0.50").replace("  dev:", "  lab:")
        await shop.destroy("fleet.dev")
        result = await shop.apply(moved)
        assert offers_of(shop.alive()) == ["a"]
        assert result.code is ExitCode.DESTROY_UNVERIFIED
        assert "which has to go first, is not gone yet" in str(result.outcomes)

    story(tmp_path, tell, priced("a", 40), priced("b", 40))

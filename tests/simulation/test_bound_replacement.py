"""Replacement by `create_before_destroy` of nodes that belong together, or stand under a cap."""

from __future__ import annotations

from pathlib import Path

from reconciler.market.faults import Fault
from reconciler.model.exit_code import ExitCode
from tests.simulation.shop import Shop, several_offers, story
from tests.simulation.test_shopping_keys import documents, offers_of, priced

CREATE_FIRST = "lifecycle: {create_before_destroy: true}"
NEW_IMAGE = "image: pytorch/pytorch:2.9.0"


def ids(shop: Shop) -> set[str]:
    return {machine.id for machine in shop.alive()}


def test_a_cap_without_room_for_both_keeps_the_old_machine_and_buys_none(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(CREATE_FIRST, nodes=1, cap="0.50"))
        before = ids(shop)
        result = await shop.apply(documents(CREATE_FIRST, NEW_IMAGE, nodes=1, cap="0.50"))
        assert result.code is ExitCode.NO_OFFER
        assert any("max_hourly_usd" in finding.message for finding in result.plan.findings)
        assert (ids(shop), shop.sent("create_instance")) == (before, 1)

    story(tmp_path, tell, priced("a", 40), priced("b", 40))


def test_under_a_cap_with_room_for_both_the_successor_waits_for_nobody(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents(CREATE_FIRST, nodes=1, cap="0.80"))
        (old,) = shop.alive()
        result = await shop.apply(documents(CREATE_FIRST, NEW_IMAGE, nodes=1, cap="0.80"))
        assert [create.after for create in result.plan.creates] == [()]
        assert result.code is ExitCode.DONE
        (new,) = shop.alive()
        gone = next(one for one in shop.world.all_machines() if one.id == old.id).gone_at
        assert gone is not None
        assert gone > new.created_at

    story(tmp_path, tell, priced("a", 40), priced("b", 40))


def test_a_gang_whose_successors_come_short_is_kept_and_they_are_given_back(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("gang: true", CREATE_FIRST))
        before = ids(shop)
        shop.world.script_fault(Fault(error="refused"), "create_instance", times=1)
        changed = documents("gang: true", CREATE_FIRST, NEW_IMAGE)
        result = await shop.apply(changed, max_destroy=9)
        assert result.code is ExitCode.NO_OFFER
        assert "gang: 2 of at least 3" in " ".join(one.detail for one in result.outcomes)
        assert ids(shop) == before, "neither half of a new gang nor half of the old one"
        assert {one.instance_id for one in shop.state().instances.values()} == before
        result = await shop.apply(changed, max_destroy=9)
        assert (result.code, len(ids(shop)), ids(shop) & before) == (ExitCode.DONE, 3, set())

    story(tmp_path, tell, *several_offers(12))


def test_a_gang_that_has_no_whole_successor_is_kept_whole(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents("gang: true", CREATE_FIRST))
        before = ids(shop)
        result = await shop.apply(documents("gang: true", CREATE_FIRST, NEW_IMAGE), max_destroy=9)
        assert result.code is ExitCode.NO_OFFER
        assert (ids(shop), shop.sent("create_instance")) == (before, 3)
        assert any("3 machine(s) stay" in finding.message for finding in result.plan.findings)

    story(tmp_path, tell, *several_offers(5))


def test_a_successor_never_stands_on_the_host_of_a_machine_that_still_runs(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        keys = ("placement: spread", CREATE_FIRST)
        await shop.apply(documents(*keys, nodes=2))
        assert offers_of(shop.alive()) == ["a1", "b1"]
        result = await shop.apply(documents(*keys, NEW_IMAGE, nodes=2), max_destroy=9)
        assert (result.code, offers_of(shop.alive())) == (ExitCode.DONE, ["c", "d"])

    story(
        tmp_path,
        tell,
        *(priced(f"a{n}", 10, host="h1") for n in (1, 2)),
        *(priced(f"b{n}", 11, host="h2") for n in (1, 2)),
        priced("c", 30, host="h3"),
        priced("d", 40, host="h4"),
    )


def test_a_fleet_in_one_region_moves_as_a_whole_when_the_documents_name_another(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        keys = ("placement: same_region", CREATE_FIRST)
        await shop.apply(documents(*keys, "regions: [nl-1]", nodes=2))
        result = await shop.apply(documents(*keys, "regions: [de-1]", nodes=2), max_destroy=9)
        assert result.code is ExitCode.DONE
        assert offers_of(shop.alive()) == ["de1", "de2"]

    story(
        tmp_path,
        tell,
        *(priced(f"nl{n}", 10, region="nl-1", country="NL") for n in (1, 2)),
        *(priced(f"de{n}", 20, region="de-1", country="DE") for n in (1, 2)),
    )

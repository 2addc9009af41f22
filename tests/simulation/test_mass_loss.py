"""Many machines missing from one whole listing (RELIABILITY.md I33, bad input 48)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faults import Fault
from reconciler.model.exit_code import ExitCode
from reconciler.operations.run import RunResult
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
EIGHT = QUICKSTART + "    nodes: 8\n"


def said(result: RunResult) -> str:
    return " ".join(finding.message for finding in result.plan.findings)


@pytest.mark.parametrize("heal", [False, True])
@pytest.mark.parametrize("reads", ["find them", "deny them", "fail"])
def test_bad_input_48_an_empty_listing_while_the_state_has_eight(
    tmp_path: Path, reads: str, heal: bool
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT)
        await shop.wait(MINUTE)
        shop.world.script_fault(Fault(shape="empty"), "list_instances", times=1)
        if reads != "find them":
            denied = Fault(error="not-found" if reads == "deny them" else "unavailable")
            shop.world.script_fault(denied, "get_instance", times=8)
        result = await shop.reconcile(heal=heal)
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert "8 known instances missing" in said(result)
        assert (result.plan.creates, result.plan.forgets, result.plan.destroys) == ((), (), ())
        await shop.wait(SECOND)
        result = await shop.reconcile(heal=heal)
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == len(shop.state().instances) == 8
        assert shop.sent("create_instance") == 8
        assert all(one.absence is None for one in shop.state().instances.values())

    story(tmp_path, tell, *several_offers(9))


def test_I33_a_true_loss_is_proven_one_visibility_window_later(tmp_path: Path) -> None:
    """Liveness: all eight are really gone, by somebody else's hand. V_p is 10 s here."""

    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT)
        window = shop.provider.capabilities.visibility_window
        for machine in shop.alive():
            shop.world.destroy(machine.id, shop.now)
        await shop.wait(MINUTE)
        started = shop.now
        while shop.state().instances:
            before = shop.now
            result = await shop.reconcile()
            assert result.plan.creates == ()
            await shop.wait(SECOND)
        taken = before - started
        assert 3 * window <= taken <= 3 * window + 3 * SECOND, taken
        result = await shop.apply()
        assert len(result.plan.creates) == 8
        assert len(shop.alive()) == 8

    story(tmp_path, tell, *several_offers(18))


def test_I33_one_of_eight_is_believed_as_ever(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT)
        window = shop.provider.capabilities.visibility_window
        shop.world.destroy(shop.alive()[0].id, shop.now)
        await shop.wait(MINUTE)
        started = shop.now
        while len(shop.state().instances) == 8:
            before = shop.now
            await shop.reconcile()
            await shop.wait(SECOND)
        assert 2 * window <= before - started <= 2 * window + 3 * SECOND

    story(tmp_path, tell, *several_offers(9))


def test_I33_what_we_destroyed_ourselves_is_expected_to_vanish(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT)
        result = await shop.destroy("fleet.dev")
        assert result.code is ExitCode.DONE
        assert shop.state().instances == {}
        await shop.apply()
        await shop.wait(5 * 60 * MINUTE)
        for _ in range(4):
            result = await shop.reconcile()
            assert "missing" not in said(result)
            await shop.wait(MINUTE)
        assert shop.alive() == ()
        assert shop.state().instances == {}

    story(tmp_path, tell, *several_offers(18))


def test_I33_machines_too_young_to_be_listed_are_not_missing(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT, options={"detach": True})
        result = await shop.reconcile()
        assert "missing at once" not in said(result)
        assert len(shop.state().instances) == 8

    story(tmp_path, tell, *several_offers(9))


def test_I5_an_expired_machine_goes_although_the_listing_is_not_believed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(EIGHT)
        await shop.wait(4 * 60 * MINUTE)
        shop.world.script_fault(Fault(shape="empty"), "list_instances", times=1)
        result = await shop.reconcile()
        assert len(result.plan.destroys) == 8
        assert result.code is ExitCode.PROVIDER_FAILURE
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell, *several_offers(9))

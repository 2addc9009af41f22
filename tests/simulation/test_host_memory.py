"""A machine that lied is replaced, and its host is remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from reconciler.market.offer import MarketOffer
from reconciler.model.exit_code import ExitCode
from reconciler.operations.market_view import explain_fleet
from reconciler.operations.run import RunResult
from reconciler.transport.ssh_login import Login
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story
from tests.simulation.test_ready import LIE, entering, with_ready
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def offers_taken(shop: Shop) -> list[str]:
    return [one.offer_id for one in shop.world.all_machines()]


def test_a_machine_that_lied_is_replaced_by_one_on_another_host(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        result = await shop.apply()
        assert result.code == 0
        first, second = shop.world.all_machines()
        assert shop.alive() == (second,)
        assert (first.offer_id, second.offer_id) == ("o1", "o2")
        assert second.created >= (first.destroy_asked or 0)
        (record,) = shop.state().instances.values()
        assert record.instance_id == second.id
        assert record.ready_at is not None

    story(tmp_path, tell, *several_hosts())


def several_hosts() -> tuple[MarketOffer, ...]:
    return tuple(
        one._replace(host=f"host-{number}") for number, one in enumerate(several_offers(), 1)
    )


def test_no_more_machines_are_bought_for_a_slot_than_its_attempts(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance")
        result = await shop.apply(with_ready("attempts: 3"))
        assert result.code == ExitCode.PARTIAL
        assert offers_taken(shop) == ["o1", "o2", "o3"]
        assert shop.alive() == ()

    story(tmp_path, tell, *several_hosts())


def test_a_replacement_never_costs_more_than_was_approved(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        result = await shop.apply()
        assert result.code == ExitCode.PARTIAL
        assert offers_taken(shop) == ["o1"]

    cheap, dear = several_hosts()[:2]
    story(tmp_path, tell, cheap, dear._replace(base_microusd=440_000))


def test_the_host_is_shunned_until_its_time_is_over(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        await shop.apply(with_ready("on_fail: destroy"))
        (learnt,) = shop.state().hosts.values()
        assert (learnt.provider, learnt.host, learnt.failures) == ("simulated", "host-1", 1)
        assert "sold RTX4090" in learnt.why
        explained = await explain_fleet(shop.workspace(), "dev")
        assert explained.rejections == {"quarantined host": 1}
        await shop.wait(6 * 24 * HOUR)
        plan = await shop.plan(renew=frozenset({"dev"}))
        assert [one.offer.id for one in plan.creates] == ["o2"]
        await shop.wait(25 * HOUR)
        plan = await shop.plan(renew=frozenset({"dev"}))
        assert [one.offer.id for one in plan.creates] == ["o1"]

    story(tmp_path, tell, *several_hosts())


def test_good_boots_are_remembered_with_their_time(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (learnt,) = shop.state().hosts.values()
        assert (learnt.boots, learnt.failures, learnt.quarantined_until) == (1, 0, None)
        assert 60 <= learnt.ready_seconds <= 160

    story(tmp_path, tell, *several_hosts())


def test_a_host_whose_machine_never_answered_is_shunned_for_a_day(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entering(shop, Login("unreachable", why="Connection refused"))
        await shop.apply(with_ready("on_fail: destroy", VAST_QUICKSTART))
        (learnt,) = shop.state().hosts.values()
        assert learnt.quarantined_until is not None
        assert learnt.quarantined_until - learnt.seen_at == 24 * HOUR

    vast_story(tmp_path, tell, *several_hosts())


def test_a_replacement_bought_after_a_crash_is_not_bought_twice(tmp_path: Path) -> None:
    """The run dies after the destroy of a lie; the next one goes on as with any empty slot."""

    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        await shop.apply(with_ready("on_fail: destroy"))
        assert (await shop.apply(QUICKSTART)).code == 0
        assert (await shop.apply(QUICKSTART)).code == 0
        assert offers_taken(shop) == ["o1", "o2"]

    story(tmp_path, tell, *several_hosts())


async def meanwhile(shop: Shop, documents: str, now: Callable[[], Awaitable[bool]]) -> RunResult:
    """``apply``, and beside it whatever another terminal does once ``now`` says that it is done."""
    results: list[RunResult] = []

    async def apply() -> None:
        results.append(await shop.apply(documents))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(apply)
        while not await now():
            await shop.clock.sleep(0.5)
    return results[0]


@pytest.mark.parametrize("target", ["fleet.dev", "fleet.dev[0]"])
def test_what_a_person_destroys_while_it_is_waited_for_is_not_bought_again(
    target: str, tmp_path: Path
) -> None:
    async def tell(shop: VastShop) -> None:
        entering(shop, Login("unreachable", why="Connection refused"))

        async def destroyed() -> bool:
            if not shop.alive() or shop.now < shop.alive()[0].created_at + 4 * MINUTE:
                return False
            assert (await shop.destroy(target)).code == 0
            return True

        result = await meanwhile(shop, with_ready("attempts: 2", VAST_QUICKSTART), destroyed)
        assert result.code == ExitCode.NOT_READY
        assert offers_taken(shop) == ["o1"]
        assert shop.state().hosts == {}

    vast_story(tmp_path, tell, *several_hosts())


def test_no_machine_is_bought_under_a_lease_that_was_ended_before_its_turn(tmp_path: Path) -> None:
    """The first one lied; a person destroys the fleet before another one is bought."""

    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)

        async def destroyed() -> bool:
            if not any(one.destroy_asked for one in shop.world.all_machines()):
                return False
            assert (await shop.destroy()).code == 0
            return True

        await meanwhile(shop, with_ready("attempts: 2"), destroyed)
        assert offers_taken(shop) == ["o1"]
        assert shop.alive() == ()

    story(tmp_path, tell, *several_hosts())

"""I31: clocks that jump, stand still or lie, and what the ledger behind Vast.ai's face shows.

The wall clock is this machine's alone: the market, its bills and its `Date` go on as they were.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from reconciler.market.faults import Fault
from reconciler.model.errors import UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.operations.status import read_status
from tests.simulation.told import trail_of
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REFUSED = ExitCode.REFUSED_BY_RULE


async def passes(shop: VastShop, minutes: int = 1) -> ExitCode:
    """The loop passes every minute; the last exit code."""
    code = ExitCode.DONE
    for _ in range(minutes):
        code = (await shop.reconcile()).code
        await shop.wait(MINUTE)
    return code


def ended_in_time(
    tmp_path: Path, tell: Callable[[VastShop], Awaitable[None]], *, left: timedelta = 4 * HOUR
) -> None:
    """A machine with four hours to live and a loop; ``tell`` tampers with the clocks, and must
    leave it alive with ``left`` to its end. It dies at its true end, not before, not much later.
    """

    async def told(shop: VastShop) -> None:
        await shop.apply()
        ends_at = shop.state().leases["dev"].ends_at
        assert ends_at is not None
        await passes(shop, 2)
        await tell(shop)
        assert shop.alive(), "destroyed although its end had not come"
        assert shop.sent("destroy_instance") == 0
        while shop.now < ends_at - 2 * MINUTE:
            await shop.wait(min(10 * MINUTE, ends_at - 2 * MINUTE - shop.now))
            await passes(shop)
            assert shop.alive() or shop.now >= ends_at
        await shop.wait(2 * MINUTE)
        await passes(shop, 3)
        assert not shop.alive(), "it outlives its end"
        assert shop.sent("create_instance") == 1

    vast_story(tmp_path, told)


def test_I31_C12_1_a_day_ahead_destroys_nothing_and_the_true_end_still_holds(
    tmp_path: Path,
) -> None:
    async def tell(shop: VastShop) -> None:
        shop.wall.jump(DAY)
        result = await shop.reconcile()
        assert result.code is REFUSED
        said = result.plan.findings[0].message
        assert "console.vast.ai is 1d behind this machine's clock" in said
        assert "1 machine(s) that have ended by this machine's clock alone stay, billed $" in said
        assert "-trust-clock" in result.plan.findings[0].fix
        assert await passes(shop, 30) is REFUSED
        for shown in (await read_status(shop.workspace())).findings, (await shop.plan()).findings:
            assert (shown[0].code, "1d behind" in shown[0].message) == (REFUSED, True)
        shop.wall.jump(-DAY)
        assert await passes(shop, 2) is ExitCode.DONE

    ended_in_time(tmp_path, tell)


def test_I31_a_clock_that_never_comes_back_does_not_keep_a_machine_alive(tmp_path: Path) -> None:
    """Two clocks agree on the true end, so the third is not waited for."""

    async def tell(shop: VastShop) -> None:
        shop.wall.jump(DAY)
        await passes(shop, 2)

    ended_in_time(tmp_path, tell)


def test_I31_C12_2_a_day_back_is_no_extension(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        shop.wall.jump(-DAY)
        assert await passes(shop, 2) is REFUSED

    ended_in_time(tmp_path, tell)


def test_I31_without_any_date_the_boot_clock_alone_holds_against_both_jumps(
    tmp_path: Path,
) -> None:
    """The boot clock was right when the state was saved: a provider had said so."""

    async def tell(shop: VastShop) -> None:
        shop.wire.dates = False
        for jump in (DAY, -2 * DAY):
            shop.wall.jump(jump)
            assert await passes(shop, 5) is REFUSED

    ended_in_time(tmp_path, tell)


def test_I31_after_a_restart_the_provider_alone_holds_against_a_jump_forward(
    tmp_path: Path,
) -> None:
    async def tell(shop: VastShop) -> None:
        shop.boot_id = "boot-2"
        shop.wall.jump(DAY)
        assert await passes(shop, 5) is REFUSED
        shop.wall.jump(-DAY)
        assert await passes(shop, 2) is ExitCode.DONE

    ended_in_time(tmp_path, tell)


@pytest.mark.parametrize("off", [5 * MINUTE, -5 * MINUTE, DAY, -DAY])
def test_C12_4_a_provider_whose_clock_is_wrong_ends_nothing_early_and_nothing_late(
    tmp_path: Path, off: timedelta
) -> None:
    async def tell(shop: VastShop) -> None:
        shop.wire.clock_off = off
        code = await passes(shop, 3)
        assert code is (REFUSED if abs(off) == DAY else ExitCode.DONE)

    ended_in_time(tmp_path, tell)


def test_C12_10_a_paused_virtual_machine_catches_up_once_its_wall_clock_is_set(
    tmp_path: Path,
) -> None:
    """Both of its clocks stood still for a day; then a time server sets the wall clock. The boot
    clock stays behind, and the provider agrees with the wall clock: what ended meanwhile goes.
    """

    async def told(shop: VastShop) -> None:
        await shop.apply()
        await passes(shop, 2)
        shop.boot_seconds_lost = DAY.total_seconds()
        await shop.wait(DAY)
        result = await shop.reconcile()
        assert "its boot clock is 23h59m behind" in result.plan.findings[0].message
        assert result.code is ExitCode.DONE
        await passes(shop, 3)
        assert not shop.alive()
        assert (await shop.reconcile()).plan.findings == ()

    vast_story(tmp_path, told)


def test_I31_a_wrong_clock_opens_no_lease_and_buys_nothing_but_destroys_on_request(
    tmp_path: Path,
) -> None:
    async def told(shop: VastShop) -> None:
        await shop.apply()
        shop.documents = VAST_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 2")
        for jump in (DAY, -2 * DAY):
            shop.wall.jump(jump)
            with pytest.raises(UnsafePlan, match="this machine's clock") as caught:
                await shop.apply()
            assert caught.value.exit_code is REFUSED
        shop.world.stop(shop.alive()[0].id, shop.now)
        await shop.reconcile(heal=True)
        assert shop.sent("create_instance") == 1
        assert (await shop.destroy()).plan.destroys
        assert not shop.alive()

    vast_story(tmp_path, told)


def test_I31_the_first_run_ever_with_a_wrong_clock_buys_nothing(tmp_path: Path) -> None:
    async def told(shop: VastShop) -> None:
        shop.wall.jump(DAY)
        with pytest.raises(UnsafePlan, match="until two agree"):
            await shop.apply()
        assert shop.workspace().backend.read() is None
        shop.wall.jump(-DAY)
        assert (await shop.apply()).code is ExitCode.DONE

    vast_story(tmp_path, told)


def test_I31_a_person_can_say_that_the_clock_is_right_and_it_is_remembered(
    tmp_path: Path,
) -> None:
    """The provider's clock is wrong and this machine was just started: nobody could tell."""

    async def told(shop: VastShop) -> None:
        shop.wire.clock_off = -DAY
        with pytest.raises(UnsafePlan):
            await shop.apply()
        shop.trust_clock = True
        assert (await shop.apply()).code is ExitCode.DONE
        shop.trust_clock = False
        await shop.wait(4 * HOUR)
        await passes(shop, 3)
        assert not shop.alive()

    vast_story(tmp_path, told)


def test_I31_a_listing_that_fails_tells_the_time_all_the_same(tmp_path: Path) -> None:
    """What is known to have ended goes also while no listing can be read (I5), and the clock of
    the one who refuses it is a witness: the wall clock was set while the boot clock stood still.
    """

    async def told(shop: VastShop) -> None:
        await shop.apply()
        await passes(shop, 2)
        shop.boot_seconds_lost = DAY.total_seconds()
        await shop.wait(DAY)
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=40)
        result = await shop.reconcile()
        assert "could not be read" in " ".join(one.message for one in result.plan.findings)
        await shop.wait(MINUTE)
        assert not shop.alive()

    vast_story(tmp_path, told)


def test_I31_a_jump_between_two_looks_is_no_time_in_which_a_machine_would_have_shown_up(
    tmp_path: Path,
) -> None:
    """I12: an unknown create is proven absent by two listings that lie a window apart. By the
    wall clock they do at once, and the slot would be bought twice.
    """

    async def told(shop: VastShop) -> None:
        late = Fault(error="unavailable", done=True, appears_after=100 * SECOND)
        shop.world.script_fault(late, "create_instance", times=1)
        await shop.apply(options={"detach": True})
        for _ in range(6):
            shop.wall.jump(HOUR)
            await shop.reconcile(heal=True)
        assert shop.sent("create_instance") == 1
        shop.wall.jump(-6 * HOUR)
        await shop.wait(2 * MINUTE)
        await shop.reconcile(heal=True)
        assert len(shop.state().instances) == len(shop.alive()) == 1

    vast_story(tmp_path, told)


def test_I31_the_trail_tells_when_the_clock_was_wrong_and_when_it_was_right_again(
    tmp_path: Path,
) -> None:
    async def told(shop: VastShop) -> None:
        await shop.apply()
        await passes(shop, 2)
        shop.wall.jump(DAY)
        await passes(shop, 3)
        shop.wall.jump(-DAY)
        await passes(shop, 3)
        told = [one for one in trail_of(tmp_path / "state" / "demo.json") if one.action == "clock"]
        assert [one.outcome for one in told] == ["refused", "done"]
        assert "behind this machine's clock" in (told[0].detail or "")

    vast_story(tmp_path, told)


@pytest.mark.parametrize("restarted", [False, True])
def test_I31_a_release_under_a_wrong_clock_ends_the_lease_now_and_not_a_day_later(
    tmp_path: Path, restarted: bool
) -> None:
    async def told(shop: VastShop) -> None:
        await shop.apply()
        await passes(shop, 2)
        shop.boot_id = "boot-2" if restarted else shop.boot_id
        shop.wall.jump(DAY)
        await shop.release("dev")
        assert not shop.alive()

    vast_story(tmp_path, told)


def test_C10_17_a_laptop_that_sleeps_in_the_middle_of_an_apply(tmp_path: Path) -> None:
    """Eight hours pass at once, for this machine and for the provider: the leases have ended."""

    async def told(shop: VastShop) -> None:
        shop.documents = VAST_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 2")

        async def sleep() -> None:
            await shop.wait(20 * SECOND)
            assert len(shop.alive()) == 2
            for clock in (shop.wall, shop.true_clock, shop.clock):
                clock.jump(8 * HOUR)
            shop.boot_seconds_lost = -(8 * HOUR).total_seconds()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleep)
            await shop.apply()
        assert shop.sent("create_instance") == 2
        await passes(shop, 8)
        assert not shop.alive()
        assert shop.state().instances == {}

    vast_story(tmp_path, told)

"""Machines that destroy themselves: at Vast.ai's face, with the loop switched off."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from reconciler.cli.running import show_result
from reconciler.market.faults import Fault
from reconciler.market.offer import MarketOffer
from reconciler.market.world import World
from reconciler.model.errors import UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.transport.ssh_login import Login
from tests.markets import START
from tests.simulation.face_shop import face_story
from tests.simulation.shop import several_offers
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop

Result = TypeVar("Result")
TIMED = VAST_QUICKSTART + "safety: {node_timer: 30m}\n"
LEASE, MARGIN, HOUR = timedelta(hours=4), timedelta(minutes=30), timedelta(hours=1)
_SETS = re.compile(r"-ge ([0-9]+) \] \|\| echo \1 > /root/\.gpu-shopper-ends\n")


class TimedShop(VastShop):
    """On its machines a later time in the timer's file moves the market's timer."""

    reachable = True
    login_seconds = 1
    shown = True
    """Whether a login is good for anything but the timer."""
    answers = True
    """Whether the machine's answer arrives."""
    other_key = False
    timer_runs = True
    ahead = timedelta(0)
    lie: str | None = None

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.documents = TIMED
        self.logins = 0
        self.ends: dict[str, datetime] = {}
        """What stands in the file on each machine, by id."""

    def make_anew(self, margin: timedelta = MARGIN) -> None:
        """The host makes every container anew: the file is lost and the start script runs again."""
        for machine in self.alive():
            end = max(START + LEASE + margin, self.now + margin)
            self.ends[machine.id] = end
            self.world.set_timer(machine.id, end, self.now)

    async def log_in(
        self, endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
    ) -> Login:
        told = _SETS.search(command)
        if told is None:
            found = await super().log_in(endpoint, alias, files, command, seconds)
            return found if self.shown else Login("unreachable", why="Connection refused")
        await self.clock.sleep(self.login_seconds)
        self.logins += 1
        if self.other_key:
            return Login("other-key", why="another key")
        if not self.reachable:
            return Login("unreachable", why="Connection refused")
        if self.lie is not None:
            return Login("done", self.lie)
        if not self.timer_runs:
            return Login("done", f"0 0 {int(self.now.timestamp())}\n")
        where = (endpoint.host, endpoint.port)
        machine = next(one for one in self.alive() if (one.ssh_host, one.ssh_port) == where)
        ends_at = datetime.fromtimestamp(int(told[1]), UTC)
        was = self.ends.get(machine.id, START + LEASE + MARGIN)
        self.ends[machine.id] = max(was, ends_at)
        self.world.set_timer(machine.id, self.ends[machine.id], self.now)
        if not self.answers:
            return Login("unreachable", why="Connection reset")
        times = (was, self.ends[machine.id], self.now + self.ahead)
        figures = " ".join(str(int(one.timestamp())) for one in times)
        return Login("done", f"Welcome to 24 GB of fun\n{figures}\n")

    async def until(self, moment: datetime) -> None:
        await self.wait(moment - self.now)


def told(
    directory: Path, tell: Callable[[TimedShop], Awaitable[Result]], *offers: MarketOffer
) -> Result:
    return face_story(TimedShop, directory, tell, *offers)


def test_a_machine_is_gone_though_nobody_ever_looks_again(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        result = await shop.apply()
        assert result.code == 0, result.outcomes
        assert result.plan.enforced_by == "node timer (vastai)"
        end = START + LEASE + MARGIN
        until = result.plan.worst_case_until
        assert until is not None, "the margin counts where nobody else ends it"
        assert until >= end + timedelta(minutes=1)
        await shop.until(end - timedelta(minutes=1))
        assert len(shop.alive()) == 1
        await shop.until(end + timedelta(minutes=3))
        assert not shop.alive()
        assert shop.wire.count("DELETE", "instances") == 0, "it asked by itself"
        # Who comes back finds it gone, proves it, and buys nothing.
        again = await shop.reconcile()
        await shop.wait(timedelta(minutes=6))
        again = await shop.reconcile()
        await shop.wait(timedelta(minutes=6))
        again = await shop.reconcile()
        assert not shop.state().instances, again.outcomes
        assert shop.sent("create_instance") == 1

    told(tmp_path, tell)


def test_without_the_key_it_lives_on_and_the_plan_says_that_nobody_ends_it(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        result = await shop.apply(VAST_QUICKSTART)
        assert result.plan.enforced_by.startswith("NOTHING")
        await shop.until(START + 2 * LEASE)
        assert len(shop.alive()) == 1
        assert not shop.state().node_timers

    told(tmp_path, tell)


def test_extend_moves_the_timer_on_the_machine(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        await shop.until(START + HOUR)
        end = await shop.extend("dev", 2 * HOUR)
        await shop.until(START + LEASE + HOUR)
        assert len(shop.alive()) == 1
        await shop.until(end + MARGIN - timedelta(minutes=1))
        assert len(shop.alive()) == 1
        await shop.until(end + MARGIN + timedelta(minutes=3))
        assert not shop.alive()

    told(tmp_path, tell)


def test_extend_is_refused_where_the_timer_cannot_be_moved(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        before = shop.state().leases["dev"].ends_at
        shop.reachable = False
        with pytest.raises(UnsafePlan, match="would destroy itself before that") as refused:
            await shop.extend("dev", 2 * HOUR)
        assert "Connection refused" in refused.value.why
        assert shop.state().leases["dev"].ends_at == before

    told(tmp_path, tell)


def test_an_extension_within_half_the_margin_needs_no_login(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        shop.reachable = False
        await shop.extend("dev", timedelta(minutes=10))
        with pytest.raises(UnsafePlan):
            await shop.extend("dev", timedelta(minutes=10))

    told(tmp_path, tell)


def test_a_longer_ttl_moves_it_at_apply_and_every_run_tries_again(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        shop.reachable = False
        longer = TIMED.replace("ttl: 4h", "ttl: 8h")
        result = await shop.apply(longer)
        assert result.code is ExitCode.PARTIAL
        (outcome,) = [one for one in result.outcomes if one.action == "timer"]
        assert "still ends it 2026-" in outcome.detail
        assert outcome.detail.endswith("UTC: Connection refused")
        assert (await shop.reconcile()).code is ExitCode.PARTIAL
        shop.reachable = True
        assert (await shop.reconcile()).code == 0
        await shop.until(START + 2 * LEASE - HOUR)
        assert len(shop.alive()) == 1
        await shop.until(START + 2 * LEASE + MARGIN + timedelta(minutes=3))
        assert not shop.alive()

    told(tmp_path, tell)


def test_a_loop_goes_first_and_the_timer_of_a_machine_that_is_gone_is_forgotten(
    tmp_path: Path,
) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        await shop.until(START + LEASE + timedelta(minutes=1))
        await shop.reconcile()
        assert shop.wire.count("DELETE", "instances") == 1
        await shop.until(START + LEASE + timedelta(minutes=3))
        assert not shop.alive()
        result = await shop.apply(renew=frozenset({"dev"}))
        assert result.code in (0, ExitCode.PARTIAL)
        await shop.wait(timedelta(minutes=3))
        await shop.reconcile()
        assert set(shop.state().node_timers) == set(shop.state().instances)
        assert len(shop.state().instances) == 1

    told(tmp_path, tell)


def test_a_machine_whose_create_was_never_answered_has_its_timer_too(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        lost = Fault(error="unavailable", done=True)
        shop.world.script_fault(lost, "create_instance", times=1)
        result = await shop.apply()
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert len(shop.alive()) == 1
        await shop.until(START + LEASE + MARGIN + timedelta(minutes=3))
        assert not shop.alive()

    told(tmp_path, tell)


def test_a_stopped_spot_machine_runs_no_timer_and_nobody_relies_on_it(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        spot = TIMED.replace("    ttl:", "    spot_policy: spot\n    ttl:")
        result = await shop.apply(spot)
        assert result.plan.enforced_by.startswith("NOTHING")
        (machine,) = shop.alive()
        shop.world.stop(machine.id, shop.now)
        await shop.until(START + 2 * LEASE)
        assert len(shop.alive()) == 1

    face_story(TimedShop, tmp_path, tell, *several_offers(spot=1))


def test_a_timer_is_moved_before_another_machine_is_waited_for(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        short = TIMED.replace("30m", "10m")
        await shop.apply(short)
        (old,) = shop.alive()
        await shop.until(START + LEASE - timedelta(minutes=1))
        shop.shown = False
        longer = short.replace("ttl: 4h", "ttl: 8h\n    nodes: 2")
        result = await shop.apply(longer)
        assert shop.now > START + LEASE + timedelta(minutes=11), "it waited for the second one"
        assert old.id in {one.id for one in shop.alive()}, result.outcomes

    told(tmp_path, tell)


@pytest.mark.parametrize("by_documents", [False, True], ids=["extend", "apply"])
def test_the_timers_of_several_machines_are_moved_to_the_same_end(
    tmp_path: Path, by_documents: bool
) -> None:
    async def tell(shop: TimedShop) -> None:
        several = TIMED.replace("ttl: 4h", "ttl: 4h\n    nodes: 3")
        await shop.apply(several)
        if by_documents:
            await shop.apply(several.replace("ttl: 4h", "ttl: 6h"))
        else:
            await shop.extend("dev", 2 * HOUR)
        lease_end = shop.state().leases["dev"].ends_at
        assert lease_end is not None
        assert len(shop.alive()) == 3
        assert set(shop.ends.values()) == {(lease_end + MARGIN).replace(microsecond=0)}
        await shop.until(lease_end + MARGIN + timedelta(minutes=3))
        assert not shop.alive(), "nobody else ends them"

    told(tmp_path, tell, *several_offers(3))


def test_extend_keeps_a_loop_waiting_for_a_minute_at_most(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply(TIMED.replace("ttl: 4h", "ttl: 4h\n    nodes: 24"))
        shop.login_seconds = 45
        begun = shop.now
        with pytest.raises(UnsafePlan, match="could not all be told in time"):
            await shop.extend("dev", 2 * HOUR)
        assert shop.now - begun <= timedelta(seconds=61)
        await shop.extend("dev", 2 * HOUR)
        await shop.until(START + LEASE + HOUR)
        assert len(shop.alive()) == 24

    told(tmp_path, tell, *several_offers(24))


def test_a_time_that_may_have_reached_a_machine_counts_until_the_machine_says_which_it_is(
    tmp_path: Path,
) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        shop.answers = False
        with pytest.raises(UnsafePlan, match="would destroy itself before that"):
            await shop.extend("dev", 2 * HOUR)
        plan = await shop.plan()
        assert plan.worst_case_until is not None
        assert plan.worst_case_until >= START + LEASE + 2 * HOUR + MARGIN
        shop.answers = True
        assert (await shop.reconcile()).code == 0
        (timer,) = shop.state().node_timers.values()
        assert timer.asked is None
        assert timer.ends_at >= START + LEASE + 2 * HOUR + MARGIN

    told(tmp_path, tell)


def test_a_time_that_may_have_reached_a_machine_counts_also_after_a_login_that_failed_for_sure(
    tmp_path: Path,
) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        shop.answers = False
        with pytest.raises(UnsafePlan):
            await shop.extend("dev", 2 * HOUR)
        shop.other_key = True
        with pytest.raises(UnsafePlan):
            await shop.extend("dev", 2 * HOUR)
        plan = await shop.plan()
        assert plan.worst_case_until is not None
        assert plan.worst_case_until >= START + LEASE + 2 * HOUR + MARGIN

    told(tmp_path, tell)


def test_a_slow_login_does_not_undo_what_extend_told_the_machine_meanwhile(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        shop.reachable = False
        await shop.apply(TIMED.replace("ttl: 4h", "ttl: 5h"))
        shop.reachable = True
        shop.login_seconds = 50

        async def extend() -> None:
            await shop.clock.sleep(30)
            shop.login_seconds = 1
            await shop.extend("dev", 3 * HOUR)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(extend)
            await shop.reconcile()
        end = START + 8 * HOUR + MARGIN
        (timer,) = shop.state().node_timers.values()
        assert timer.ends_at >= end
        await shop.until(end - timedelta(minutes=1))
        assert len(shop.alive()) == 1

    told(tmp_path, tell)


def test_a_moved_timer_that_was_lost_is_noticed_and_set_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        await shop.extend("dev", 8 * HOUR)
        await shop.until(START + LEASE + MARGIN - timedelta(minutes=2))
        await shop.reconcile()
        shop.make_anew()
        before = shop.logins
        assert not (await shop.reconcile()).outcomes, "nobody asks twice within half a margin"
        assert shop.logins == before
        await shop.wait(MARGIN / 2)
        result = await shop.reconcile()
        (outcome,) = [one for one in result.outcomes if one.action == "timer"]
        assert outcome.detail.endswith(" again: it had lost that")
        assert show_result(result) == 0
        assert "fleet.dev[0]: timer: its own timer ends it 2026-" in capsys.readouterr().err
        assert result.code == 0
        await shop.until(START + LEASE + 8 * HOUR - timedelta(minutes=1))
        assert len(shop.alive()) == 1

    told(tmp_path, tell)


def test_a_moved_timer_behind_another_host_key_is_a_doubt_that_is_said(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        await shop.extend("dev", 8 * HOUR)
        await shop.wait(MARGIN)
        shop.reachable = False
        assert (await shop.reconcile()).code == 0, "one that cannot be reached says nothing"
        shop.other_key = True
        result = await shop.reconcile()
        assert result.code is ExitCode.PARTIAL
        (outcome,) = [one for one in result.outcomes if one.action == "timer"]
        assert "its own timer may end it before" in outcome.detail

    told(tmp_path, tell)


def test_a_timer_that_was_never_moved_is_asked_for_once_and_never_again(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        assert shop.logins == 1
        await shop.wait(2 * HOUR)
        await shop.reconcile()
        assert shop.logins == 1

    told(tmp_path, tell)


def test_a_machine_without_the_timer_that_it_was_ordered_with_is_relied_on_by_nobody(
    tmp_path: Path,
) -> None:
    """An image without curl and Python, say."""

    async def tell(shop: TimedShop) -> None:
        shop.timer_runs = False
        result = await shop.apply()
        assert result.plan.enforced_by == "node timer (vastai)"
        (outcome,) = [one for one in result.outcomes if one.action == "timer"]
        assert not outcome.done
        assert outcome.detail.startswith("no timer runs on it")
        assert result.code is ExitCode.PARTIAL
        plan = await shop.plan()
        assert plan.enforced_by.endswith("(no machine here has a node timer)")
        end = await shop.extend("dev", 2 * HOUR)
        assert shop.state().leases["dev"].ends_at == end, "nothing there would end it before"
        assert (await shop.reconcile()).code == 0, "it is said once"
        shop.timer_runs = True  # it was only slow to start
        assert (await shop.reconcile()).code == 0
        await shop.until(end)
        assert len(shop.alive()) == 1, "and so it was told after all"
        assert shop.state().node_timers.popitem()[1].runs

    told(tmp_path, tell)


def test_an_answer_that_is_no_plain_time_moves_nothing(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        await shop.apply()
        (was,) = shop.state().node_timers.values()
        far = "99999999999"
        for lie in (
            "",
            "0 0",
            "Welcome",
            "9 9 9",
            f"{far} {far} 9",
            "\u0661 \u0662 \u0663",
            "-1 x 9",
        ):
            shop.lie = lie
            with pytest.raises(UnsafePlan, match="would destroy itself"):
                await shop.extend("dev", 2 * HOUR)
            (now,) = shop.state().node_timers.values()
            assert (now.ends_at, now.runs) == (was.ends_at, True), lie

    told(tmp_path, tell)


def test_a_clock_that_would_end_a_machine_before_its_lease_is_said(tmp_path: Path) -> None:
    async def tell(shop: TimedShop) -> None:
        shop.ahead = MARGIN / 2 - timedelta(seconds=30)
        assert (await shop.apply()).code == 0, "the margin is there for that"
        shop.ahead = 2 * HOUR
        result = await shop.apply(shop.documents.replace("ttl: 4h", "ttl: 4h\n    nodes: 2"))
        (outcome,) = [one for one in result.outcomes if one.action == "timer"]
        assert outcome.detail == "its clock is wrong by 1h59m: its own timer ends it so much early"
        assert result.code is ExitCode.PARTIAL
        with pytest.raises(UnsafePlan, match="would destroy itself before that"):
            await shop.extend("dev", HOUR)
        shop.ahead = -2 * HOUR
        await shop.extend("dev", HOUR)

    told(tmp_path, tell, *several_offers(2))

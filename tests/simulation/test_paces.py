"""As fast as each provider allows and never faster: creates, reads and destroys apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from reconciler.execution.interruption import Interruption
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Call, Fault
from reconciler.market.settings import MarketSettings
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import Instance
from reconciler.model.mark import Mark, workspace_part
from tests.markets import START, market_offer
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

NODES = 500
RATE = 20
INTERVAL = timedelta(seconds=1) / RATE
MINUTE = timedelta(minutes=1)


class StrictDoor:
    """Refuses what comes sooner than the rate allows, for each kind of call on its own."""

    def __init__(self) -> None:
        self.refused = 0
        self._last: dict[str, deque[Call]] = {}

    def __call__(self, call: Call) -> Fault | None:
        begun = self._last.setdefault(call.operation, deque(maxlen=RATE))
        full = len(begun) == RATE and call.at - begun[0].at < timedelta(milliseconds=999)
        begun.append(call)
        if not full:
            return None
        self.refused += 1
        return Fault(error="rate-limited", done=False)


def paced_story(
    directory: Path, latency: timedelta, tell: Callable[[Shop, StrictDoor], Awaitable[None]]
) -> None:
    door = StrictDoor()
    settings = MarketSettings(
        price_swing_percent=0, others_rent_percent=0, spot_life=None, call_latency=latency
    )

    async def told(shop: Shop) -> None:
        shop.provider.capabilities = replace(
            shop.provider.capabilities,
            parallel_calls=4,
            create_interval=INTERVAL,
            destroy_interval=INTERVAL,
            read_interval=INTERVAL,
        )
        await tell(shop, door)

    offer = market_offer("o1", stock=NODES)
    story(directory, told, offer, settings=settings, fault_hook=door)


def nodes(count: int) -> str:
    return QUICKSTART.replace("    ttl: 4h\n", f"    ttl: 4h\n    nodes: {count}\n")


def calls_of(shop: Shop, operation: str) -> list[Call]:
    return [one for one in shop.world.calls() if one.operation == operation]


@pytest.mark.parametrize("seconds", [0.2, 2.0])
def test_I26_500_creates_at_20_a_second_take_what_the_rate_allows_and_none_is_refused(
    tmp_path: Path, seconds: float
) -> None:
    latency = timedelta(seconds=seconds)
    bound = (NODES - 1) * INTERVAL + latency

    async def tell(shop: Shop, door: StrictDoor) -> None:
        await shop.apply(nodes(NODES), options={"detach": True})
        assert door.refused == 0
        assert len(shop.alive()) == NODES
        first, *_, last = (one.at for one in calls_of(shop, "create_instance"))
        # The clock of the market counts a call when it arrives, half a latency after it left.
        assert last - first + latency <= 1.05 * bound

    paced_story(tmp_path, latency, tell)


def test_I9_destroys_keep_their_own_pace_and_wait_for_no_read_and_no_create(
    tmp_path: Path,
) -> None:
    latency = timedelta(seconds=2)

    async def tell(shop: Shop, door: StrictDoor) -> None:
        await shop.apply(nodes(NODES), options={"detach": True})
        await shop.wait(timedelta(hours=4))
        started = shop.now
        other = "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n    nodes: 100\n"
        await shop.reconcile(nodes(NODES) + other, max_destroy=NODES)
        assert door.refused == 0
        sent = [one.at for one in calls_of(shop, "destroy_instance")]
        assert len(sent) == NODES
        # One listing, then the queue: nothing else is in the way of what has ended.
        assert sent[-1] - started <= 1.05 * (2 * latency + NODES * INTERVAL)

    paced_story(tmp_path, latency, tell)


def test_I9_destroys_and_reads_take_turns_of_their_own(tmp_path: Path) -> None:
    """A provider that takes a destroy in 40 s: what proves the first ones gone is read at once."""

    async def tell(shop: Shop, _: StrictDoor) -> None:
        shop.provider.capabilities = replace(
            shop.provider.capabilities, parallel_calls=1, destroy_interval=timedelta(seconds=40)
        )
        await shop.apply(nodes(2), options={"detach": True})
        await shop.wait(MINUTE)
        await shop.destroy()
        sent = calls_of(shop, "destroy_instance")[1].at
        reads = [one.at for one in calls_of(shop, "get_instance") if one.at > sent]
        assert reads[1] - sent < timedelta(seconds=10)

    paced_story(tmp_path, timedelta(seconds=1), tell)


def test_an_interval_holds_also_where_one_write_sets_many_creates_free_at_once(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop, _: StrictDoor) -> None:
        shop.provider.capabilities = replace(
            shop.provider.capabilities, create_interval=timedelta(seconds=5), parallel_calls=4
        )
        await shop.apply(nodes(6), options={"detach": True})
        moments = [one.at for one in calls_of(shop, "create_instance")]
        assert len(moments) == 6
        assert min(later - sooner for sooner, later in pairwise(moments)) >= timedelta(seconds=5)

    paced_story(tmp_path, timedelta(0), tell)


def test_I11_an_intent_is_not_given_up_while_its_create_waits_for_its_turn(
    tmp_path: Path,
) -> None:
    """Twelve in the queue of a provider that takes one in 30 s: the deadline counts that too."""
    late: list[bool] = []

    async def tell(shop: Shop, _: StrictDoor) -> None:
        def hook(call: Call) -> Fault | None:
            if call.operation == "create_instance":
                pending = shop.state().intents[call.label or ""]
                answered_by = call.at + shop.provider.capabilities.create_deadline
                late.append(answered_by > pending.deadline_at)
            return None

        shop.provider._fault_hook = hook
        shop.provider.capabilities = replace(
            shop.provider.capabilities, create_interval=timedelta(seconds=30), parallel_calls=12
        )
        await shop.apply(nodes(12), options={"detach": True})
        assert late == [False] * 12

    paced_story(tmp_path, timedelta(0), tell)


def test_an_interruption_in_the_queue_leaves_no_intent_behind(tmp_path: Path) -> None:
    async def tell(shop: Shop, _: StrictDoor) -> None:
        def hook(call: Call) -> Fault | None:
            if call.operation == "create_instance":
                shop.interruption.request(ExitCode.INTERRUPTED)
            return None

        shop.provider._fault_hook = hook
        shop.provider.capabilities = replace(
            shop.provider.capabilities, create_interval=timedelta(seconds=5), parallel_calls=8
        )
        await shop.apply(nodes(8), options={"detach": True})
        assert shop.sent("create_instance") == len(shop.alive()) == 1
        assert shop.state().intents == {}

    paced_story(tmp_path, timedelta(0), tell)


def test_what_an_unknown_create_may_have_taken_is_no_other_nodes_fallback(
    tmp_path: Path,
) -> None:
    """The claim outlives the run that made it: it is the intent in the state."""

    async def tell(shop: Shop) -> None:
        operation, taken = CATALOGUE["C1.9"]
        shop.world.script_fault(taken, operation, times=1)
        shop.world.script_fault(Fault(error="unavailable", done=False), operation, times=1)
        shop.world.script_fault(taken, operation, times=1)
        await shop.apply(options={"detach": True})
        (pending,) = shop.state().intents.values()
        await shop.apply(nodes(2), options={"detach": True})
        asked = [one.offer_id for one in calls_of(shop, "create_instance")]
        assert len(asked) == 4
        assert asked[2] != pending.specification.offer_id
        assert asked.count(pending.specification.offer_id) == 1

    offers = tuple(one._replace(base_microusd=400_000) for one in several_offers(4))
    story(tmp_path, tell, *offers)


def test_I4_an_id_that_the_provider_gave_to_somebody_else_is_not_destroyed_again(
    tmp_path: Path,
) -> None:
    """Listed as ours a moment ago; asked directly, another one stands under that id."""
    theirs = str(Mark(workspace_part("other", "else"), "dev", 0, START, "00000000"))

    async def tell(shop: Shop) -> None:
        await shop.apply()
        (ours,) = shop.alive()
        operation, fault = CATALOGUE["C4.1"]
        shop.world.script_fault(fault, operation, times=1)

        def hook(call: Call) -> Fault | None:
            if call.operation == "get_instance" and shop.sent("destroy_instance"):
                shop.world.relabel(ours.id, theirs)
            return None

        shop.provider._fault_hook = hook
        result = await shop.destroy("fleet.dev", verify_timeout=MINUTE)
        assert result.code is ExitCode.DESTROY_UNVERIFIED
        assert shop.sent("destroy_instance") == 1
        await shop.reconcile()
        assert shop.sent("destroy_instance") == 1
        assert [one.id for one in shop.alive()] == [ours.id]

    story(tmp_path, tell)


def test_I4_a_machine_made_after_the_destroy_of_ours_is_not_ours(tmp_path: Path) -> None:
    """The provider gave the id away again, to a machine without any mark."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        (ours,) = shop.alive()
        operation, fault = CATALOGUE["C4.1"]
        shop.world.script_fault(fault, operation, times=1)
        await shop.destroy("fleet.dev", wait=False)
        assert shop.sent("destroy_instance") == 1
        real = shop.provider.get_instance

        async def younger(instance_id: str) -> Instance:
            return replace(await real(instance_id), label=None, created_at=shop.now)

        shop.provider.get_instance = younger  # type: ignore[method-assign]
        await shop.wait(MINUTE)
        await shop.reconcile()
        assert shop.sent("destroy_instance") == 1
        assert [one.id for one in shop.alive()] == [ours.id]

    story(tmp_path, tell)


def test_who_asks_to_stop_waits_for_what_is_in_flight_and_for_no_queue(tmp_path: Path) -> None:
    """SPEC.md section 4, 6: nothing new is started, and the next run goes on with the rest."""

    async def tell(shop: Shop, door: StrictDoor) -> None:
        await shop.apply(nodes(200), options={"detach": True})
        await shop.wait(timedelta(hours=4))
        started = shop.now
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                await shop.wait(timedelta(seconds=5))
                shop.interruption.request(ExitCode.INTERRUPTED)

            tasks.start_soon(stop)
            stopped = await shop.reconcile(nodes(200))
        assert shop.now - started < timedelta(seconds=9)
        sent = len(calls_of(shop, "destroy_instance"))
        assert 0 < sent < 120
        state = shop.state()
        assert sum(bool(one.doom and one.doom.attempts) for one in state.instances.values()) == sent
        assert stopped.code is ExitCode.DESTROY_UNVERIFIED, "money flows: that outranks 130"
        shop.interruption = Interruption()
        await shop.reconcile(nodes(200))
        assert door.refused == 0
        assert {one.instance_id for one in calls_of(shop, "destroy_instance")} == {
            one.id for one in shop.world.all_machines()
        }

    paced_story(tmp_path, timedelta(seconds=2), tell)

"""I8: what a run still sends after another process has taken its turn."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.clock import wall_now
from reconciler.market.faults import Call, Fault
from reconciler.model.exit_code import ExitCode
from reconciler.statefile.local_file import LocalFile
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
ON_THE_WIRE = 8  # as many calls as the market takes at a time may have left already
TWENTY = QUICKSTART.replace("    ttl", "    nodes: 20\n    ttl")


class TakesOver:
    """At the N-th call of one kind the lock's files vanish and another process has a turn."""

    def __init__(self, directory: Path, operation: str, number: int) -> None:
        self.path = directory / "state" / "demo.json"
        self.operation = operation
        self.number = number
        self.calls = 0

    def __call__(self, call: Call) -> Fault | None:
        if call.operation == self.operation:
            self.calls += 1
            if self.calls == self.number:
                self.take()
        return None

    def take(self) -> None:
        for name in ("demo.json.lock", "demo.json.lock.info"):
            (self.path.parent / name).unlink()
        with LocalFile(self.path, "demo", wall_now).lock("reconcile", timeout_seconds=0):
            pass


@pytest.mark.parametrize("number", [1, 3])
def test_I8_after_a_take_over_no_create_is_sent_and_what_was_sent_is_recorded(
    tmp_path: Path, number: int
) -> None:
    hook = TakesOver(tmp_path, "create_instance", number)

    async def tell(shop: Shop) -> None:
        result = await shop.apply(TWENTY)
        assert number <= hook.calls < number + ON_THE_WIRE
        assert result.code is ExitCode.LOCKED
        state = shop.state()
        assert {one.instance_id for one in state.instances.values()} == {
            machine.id for machine in shop.alive()
        }
        assert not any(one.blocks_slot for one in state.intents.values())
        await shop.apply()
        assert len(shop.alive()) == shop.sent("create_instance") == 20

    story(tmp_path, tell, *several_offers(30), fault_hook=hook)


def test_I8_after_a_take_over_no_destroy_is_sent_under_the_lost_lock(tmp_path: Path) -> None:
    hook = TakesOver(tmp_path, "destroy_instance", 2)

    async def tell(shop: Shop) -> None:
        await shop.apply(TWENTY)
        result = await shop.destroy(wait=False)
        assert 2 <= hook.calls < 2 + ON_THE_WIRE
        assert result.code in (ExitCode.LOCKED, ExitCode.DESTROY_UNVERIFIED)
        assert all(one.doom for one in shop.state().instances.values())
        await shop.wait(HOUR)
        await shop.reconcile()
        await shop.wait(HOUR)
        assert shop.alive() == ()

    story(tmp_path, tell, *several_offers(30), fault_hook=hook)

"""A destroy is a request: repeated until it is accepted, and again until there is proof."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault
from reconciler.model.exit_code import ExitCode
from tests.simulation.shop import QUICKSTART, Shop, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TWO = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")
BIGGER = QUICKSTART.replace("RTX4090}", "RTX4090, disk: 200GB}")


def inject(shop: Shop, number: str, times: int | None = None) -> None:
    operation, fault = CATALOGUE[number]
    shop.world.script_fault(fault, operation, times=times)


def test_C4_3_one_failure_is_tried_again_in_the_same_pass(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(4 * HOUR)
        inject(shop, "C4.3", 2)
        assert (await shop.reconcile()).code is ExitCode.DONE
        assert shop.sent("destroy_instance") == 3
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_C4_3_a_destroy_that_was_never_accepted_is_exit_11_at_once(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(4 * HOUR)
        inject(shop, "C4.3")
        assert (await shop.reconcile()).code is ExitCode.DESTROY_UNVERIFIED
        (record,) = shop.state().instances.values()
        assert record.doom is not None
        assert (record.doom.attempts, record.doom.failures) == (3, 3)
        assert record.doom.accepted_at is None
        assert "server error" in record.doom.last_error

    story(tmp_path, tell)


def test_C4_1_a_destroy_without_effect_is_sent_again_while_proof_is_awaited(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        inject(shop, "C4.1", 1)
        assert (await shop.destroy("fleet.dev")).code is ExitCode.DONE
        assert shop.sent("destroy_instance") >= 2
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_I9_a_repeated_destroy_that_hangs_holds_up_no_other_one(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO)
        inject(shop, "C4.1", 2)
        first, second = shop.alive()
        hanging = Fault(hang=HOUR, done=False)
        shop.world.script_fault(hanging, "destroy_instance", times=1, instance_id=first.id)
        await shop.destroy("fleet.dev")
        again: dict[str, list[datetime]] = {first.id: [], second.id: []}
        for call in shop.world.calls():
            if call.operation == "destroy_instance":
                again[call.instance_id or ""].append(call.at)
        assert again[first.id][1] == again[second.id][1]
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_machine_that_is_denied_and_was_not_destroyed_is_not_replaced(tmp_path: Path) -> None:
    """C2.14 with C4.3: "not found" counts only after an accepted destroy (section 12, 7)."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        inject(shop, "C4.3")
        inject(shop, "C2.14")
        result = await shop.apply(BIGGER, max_destroy=1, options={"wait": False})
        assert result.code is ExitCode.DESTROY_UNVERIFIED
        assert shop.sent("create_instance") == 1
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_who_waits_for_the_proof_is_told_now_and_then_how_long(tmp_path: Path) -> None:
    said: list[tuple[datetime, str]] = []

    async def tell(shop: Shop) -> None:
        def remark(line: str) -> None:
            said.append((shop.now, line))

        await shop.apply(TWO)
        assert (await shop.destroy("fleet.dev", remark=remark)).code is ExitCode.DONE
        assert said[0][1].startswith("Waiting for proof that 2 machines are gone")
        assert said[0][1].endswith(" left, then exit 11.")
        await shop.apply(TWO)
        inject(shop, "C4.3")
        del said[:]
        await shop.destroy("fleet.dev", remark=remark, verify_timeout=MINUTE)

    story(tmp_path, tell)
    times = [at for at, _ in said]
    assert len(times) >= 2
    assert all(b - a >= timedelta(seconds=15) for a, b in pairwise(times))
    assert all("2 not accepted yet by the provider" in line for _, line in said)

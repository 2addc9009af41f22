"""Machines that no run has waited for are looked into by the next one, whoever that is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from reconciler.transport.ssh_login import Login
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story
from tests.simulation.test_host_memory import several_hosts
from tests.simulation.test_ready import LIE, detail_of, entering, with_ready
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

MINUTE = timedelta(minutes=1)
DETACHED = {"detach": True}
AWAY = Login("unreachable", why="Connection refused")


def ready_at(shop: Shop) -> list[object]:
    return [one.ready_at for one in shop.state().instances.values()]


@pytest.mark.parametrize("finisher", ["loop", "apply"])
def test_what_detach_left_is_looked_into_by_the_next_run(finisher: str, tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply(VAST_QUICKSTART, options=DETACHED)
        finish = shop.reconcile if finisher == "loop" else shop.apply
        await finish()
        assert ready_at(shop) == [None], "it boots"
        await shop.wait(5 * MINUTE)
        result = await finish()
        assert "1 x NVIDIA RTX4090, driver 550.54.14" in detail_of(result, "ready")
        assert (result.code, ready_at(shop).count(None)) == (0, 0)

    vast_story(tmp_path, tell)


@pytest.mark.parametrize("finisher", ["loop", "apply"])
def test_a_lie_is_found_late_as_well(finisher: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        await shop.apply(with_ready("on_fail: replace"), options=DETACHED)
        (liar,) = shop.alive()
        await shop.wait(5 * MINUTE)
        result = await (shop.reconcile() if finisher == "loop" else shop.apply())
        assert result.code is (ExitCode.DONE if finisher == "apply" else ExitCode.PARTIAL)
        await shop.wait(MINUTE)
        assert liar.id not in {one.id for one in shop.alive()}
        assert len(shop.alive()) == (1 if finisher == "apply" else 0), "apply buys another"
        if finisher == "loop":
            await shop.reconcile(heal=True)
            await shop.wait(5 * MINUTE)
            await shop.reconcile()
            assert [one for one in shop.state().instances.values() if one.ready_at]

    story(tmp_path, tell, *several_hosts())


def test_who_does_not_answer_yet_is_asked_again_and_never_destroyed_for_it(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entered = entering(shop, AWAY)
        await shop.apply(VAST_QUICKSTART, options=DETACHED)
        await shop.wait(5 * MINUTE)
        result = await shop.reconcile()
        assert detail_of(result, "ready") == "ssh: Connection refused; the next run looks again"
        assert (result.code, len(entered)) == (0, 1)
        assert (await shop.apply()).code is ExitCode.NOT_READY
        await shop.wait(30 * MINUTE)
        result = await shop.reconcile()
        assert "by its provider's word alone: ssh: Connection refused" in detail_of(result, "ready")
        assert (len(shop.alive()), ready_at(shop).count(None)) == (1, 0)
        await shop.reconcile()
        assert len(entered) == 3, "who is ready is left alone"

    vast_story(tmp_path, tell)


def test_a_plan_and_a_detached_run_look_into_nothing(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entered = entering(shop, AWAY)
        await shop.apply(VAST_QUICKSTART, options=DETACHED)
        await shop.wait(5 * MINUTE)
        await shop.plan()
        assert ready_at(shop) == [None], "a plan changes nothing"
        await shop.apply(options=DETACHED)
        assert (ready_at(shop).count(None), entered) == (0, []), "its provider's word has to do"

    vast_story(tmp_path, tell)


def test_the_old_machine_stays_until_its_successor_was_looked_into(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        first = "lifecycle: {create_before_destroy: true}\n    ready: {on_fail: destroy}"
        documents = QUICKSTART.replace("ttl: 4h", f"ttl: 4h\n    {first}")
        await shop.apply(documents)
        (old,) = shop.alive()
        shop.world.script_fault(LIE, "create_instance", times=1)
        await shop.apply(f"{documents}    image: other:1\n", options=DETACHED)
        await shop.wait(5 * MINUTE)
        assert len(shop.alive()) == 2
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert [one.id for one in shop.alive()] == [old.id], "the liar alone goes"

    story(tmp_path, tell, *several_hosts())


def test_the_old_machine_goes_once_its_successor_was_found_good(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        first = "lifecycle: {create_before_destroy: true}"
        documents = QUICKSTART.replace("ttl: 4h", f"ttl: 4h\n    {first}")
        await shop.apply(documents)
        (old,) = shop.alive()
        await shop.apply(f"{documents}    image: other:1\n", options=DETACHED)
        await shop.wait(5 * MINUTE)
        result = await shop.reconcile()
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1
        assert old.id not in {one.id for one in shop.alive()}, result.outcomes

    story(tmp_path, tell, *several_hosts())


def test_a_liar_that_is_kept_is_held_against_its_host_once(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        await shop.apply(with_ready("on_fail: keep"), options=DETACHED)
        await shop.wait(5 * MINUTE)
        codes = [(await shop.reconcile()).code for _ in range(3)]
        assert codes == [ExitCode.NOT_READY, 0, 0], "said once"
        (host,) = shop.state().hosts.values()
        assert (host.failures, len(shop.alive())) == (1, 1)

    story(tmp_path, tell, *several_hosts())


def test_a_protected_machine_is_not_ended_for_a_lie_that_is_found_late(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        protected = QUICKSTART.replace("ttl: 4h", "ttl: 4h\n    lifecycle: {prevent_destroy: true}")
        await shop.apply(protected, options=DETACHED)
        await shop.wait(5 * MINUTE)
        result = await shop.reconcile()
        assert "prevent_destroy" in detail_of(result, "ready")
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1

    story(tmp_path, tell, *several_hosts())


def test_another_host_key_after_the_time_to_get_ready_ends_nobody(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entering(shop, Login("other-key", why="its SSH server has another key"))
        await shop.apply(VAST_QUICKSTART, options=DETACHED)
        await shop.wait(60 * MINUTE)
        result = await shop.reconcile()
        assert "by its provider's word alone: its SSH server has" in detail_of(result, "ready")
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1

    vast_story(tmp_path, tell)


def test_machines_that_do_not_answer_hold_no_pass_up(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        async def silent(*_: object) -> Login:
            await shop.clock.sleep(30)
            return AWAY

        shop.log_in = silent  # type: ignore[method-assign, assignment]
        many = VAST_QUICKSTART.replace("ttl: 4h", "nodes: 60\n    ttl: 4h")
        await shop.apply(many, options=DETACHED)
        await shop.wait(10 * MINUTE)
        assert ready_at(shop).count(None) == 60
        begun = shop.now
        await shop.reconcile()
        assert shop.now - begun <= 1.5 * MINUTE

    vast_story(tmp_path, tell, *several_offers(60))

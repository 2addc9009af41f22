"""Decisions of whole stories, made once more from their bytes alone (SPEC.md promise 6, I21)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.market.settings import CALM
from reconciler.model.errors import GpuShopperError
from reconciler.model.plan import Mode, PlanRequest
from reconciler.operations.look import look
from reconciler.operations.reconcile import preview_pass, reconcile_once
from reconciler.operations.recording import decision_of, replay, replay_file
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_text import plan_text
from reconciler.statefile.decision_file import decode_decision, encode_decision
from tests.markets import small_world
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story
from tests.simulation.walk import HOUR, Walk
from tests.virtual_time import run_virtual

SEEDS = range(1000, 1024)
REQUESTS = (
    PlanRequest(Mode.APPLY, max_destroy=3),
    PlanRequest(Mode.LOOP, heal=True),
    PlanRequest(Mode.DESTROY, fused=False),
)


class ReplayedWalk(Walk):
    """After every move somebody looks in three ways, and each look is replayed."""

    replayed = 0

    async def _move(self, move: Callable[[], Awaitable[object]]) -> None:
        await super()._move(move)
        life = self.shop.life
        left, life.left = life.left, None  # it is the next move that dies, not the onlooker
        await self._look_and_replay()
        life.left = left

    async def _look_and_replay(self) -> None:
        for request in REQUESTS:
            try:
                seen = await look(self.shop.workspace(), request)
            except GpuShopperError:
                continue
            kept = decision_of(seen.inputs, seen.plan, seen.plan)
            again = replay(decode_decision(encode_decision(kept), "d.json"))
            assert again.text == plan_text(seen.plan, PLAIN)
            assert again.same
            assert again.plan == seen.plan
            self.replayed += 1


@pytest.mark.parametrize("seed", SEEDS)
def test_I21_whatever_happened_the_replay_gives_the_same_bytes(tmp_path: Path, seed: int) -> None:
    async def told() -> int:
        with small_world(*several_offers(12), settings=CALM, seed=seed) as world:
            walk = ReplayedWalk(seed, tmp_path, world)
            await walk.walk()
            return walk.replayed

    assert run_virtual(told) > 20


def test_a_pass_keeps_its_decision_before_it_acts(tmp_path: Path) -> None:
    path = tmp_path / "pass.json"

    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(5 * HOUR)
        options = shop.options(wait=False, record=path)
        result = await reconcile_once(shop.workspace(), PlanRequest(Mode.LOOP), options)
        assert result.code == 0
        assert shop.sent("destroy_instance") == 1
        again = replay_file(path)
        assert again.same
        assert "- fleet.dev[0] (expired)" in again.text
        assert "enforced by: this loop" in again.text or not again.plan.worst_case_until
        assert again.text == plan_text(shop.plans[-1], PLAIN)

    story(tmp_path, tell)


def test_what_cannot_be_recorded_holds_no_destroy_back_and_is_told(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(5 * HOUR)
        options = shop.options(wait=False, record=tmp_path / "nowhere" / "pass.json")
        result = await reconcile_once(shop.workspace(), PlanRequest(Mode.LOOP), options)
        await shop.wait(HOUR)
        assert shop.alive() == ()
        assert result.code == 1
        assert "the decision was not recorded: cannot write" in result.warnings[-1]

    story(tmp_path, tell)


def test_I30_a_preview_writes_the_decision_and_nothing_else(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(5 * HOUR)
        before = {path: path.read_bytes() for path in (tmp_path / "state").iterdir()}
        options = shop.options(record=tmp_path / "pass.json")
        await preview_pass(shop.workspace(), PlanRequest(Mode.LOOP), options)
        assert {path: path.read_bytes() for path in (tmp_path / "state").iterdir()} == before
        assert shop.sent("destroy_instance") == 0
        assert sorted(os.listdir(tmp_path)) == ["pass.json", "state"]
        assert replay_file(tmp_path / "pass.json").same

    story(tmp_path, tell)


def test_the_words_of_the_loop_are_replayed_too(tmp_path: Path) -> None:
    path = tmp_path / "pass.json"

    async def tell(shop: Shop) -> None:
        await shop.apply(QUICKSTART)
        await shop.wait(HOUR)
        options = shop.options(wait=False, record=path)
        await reconcile_once(shop.workspace(), PlanRequest(Mode.LOOP), options)
        again = replay_file(path)
        assert "enforced by: this loop" in again.text
        assert again.same

    story(tmp_path, tell)

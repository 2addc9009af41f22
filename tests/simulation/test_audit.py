"""I20: a trail that cannot be written keeps no machine alive, and its gap is told later."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from reconciler.operations.workspace import Workspace
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop, several_offers, story
from tests.simulation.told import (
    check_all_came_to_an_end,
    check_effects_are_told,
    check_verifies,
    trail_of,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TWO_NODES = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")


class SickFiles(Files):
    """While it is ``sick`` no trail can be written; ``read_only``: nothing can be made or renamed,
    as in a directory without its write bit; ``full``: nothing can be written at all.
    """

    sick = read_only = full = False

    def open(self, path: Path, flags: int) -> int:
        if self.read_only and flags & os.O_CREAT and not path.exists():
            raise OSError(errno.EACCES, "Permission denied")
        return super().open(path, flags)

    def replace(self, source: Path, target: Path) -> None:
        if self.read_only:
            raise OSError(errno.EACCES, "Permission denied")
        super().replace(source, target)

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.full or (self.sick and bytes(data[:5]) == b'{"n":'):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(descriptor, data)


class SickShop(Shop):
    """A shop whose disk can fall ill."""

    def __init__(self, healthy: Shop) -> None:
        super().__init__(healthy.directory, healthy.world)
        self.files = SickFiles()

    @property
    def path(self) -> Path:
        return self.directory / "state" / "demo.json"

    def workspace(self, documents: str | None = None) -> Workspace:
        made = super().workspace(documents)
        made.backend = LocalFile(self.path, "demo", self.clock.now, files=self.files, audited=True)
        return made

    def told(self) -> list[str]:
        return [f"{one.action} {one.outcome}" for one in trail_of(self.path)]


async def expire(shop: SickShop) -> None:
    """One pass after the lease's end must end the machine, whatever the disk does."""
    await shop.wait(4 * HOUR)
    await shop.reconcile()
    await shop.wait(MINUTE)
    assert shop.alive() == ()


async def passes(shop: SickShop) -> None:
    for _ in range(4):
        await shop.reconcile()
        await shop.wait(MINUTE)
    assert shop.state().instances == {}


def test_a_whole_life_is_told_with_the_marks_of_the_market(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply(TWO_NODES)
        await shop.destroy()
        check_effects_are_told(shop.path, shop.world)
        check_all_came_to_an_end(shop.path)
        marks = {one.label for one in shop.world.all_machines()}
        for outcome in ("intent", "done"):
            found = {
                one.mark
                for one in trail_of(shop.path)
                if one.action == "create" and one.outcome == outcome
            }
            assert found == marks
        for outcome in ("intent", "accepted", "gone"):
            found = {
                one.mark
                for one in trail_of(shop.path)
                if one.action == "destroy" and one.outcome == outcome
            }
            assert found == marks
        reasons = {one.reason for one in trail_of(shop.path) if one.outcome == "intent"}
        assert reasons == {"new", "requested"}

    story(tmp_path, tell)


def test_a_trail_that_cannot_be_written_stops_no_destroy_and_tells_its_gap(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply()
        shop.files.sick = True
        await shop.wait(4 * HOUR)
        result = await shop.reconcile()
        assert any("audit trail could not be written" in line for line in result.warnings)
        assert result.code is ExitCode.DONE
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        known = shop.state().trail
        assert known is not None
        assert known.missed >= 2
        shop.files.sick = False
        await passes(shop)
        check_verifies(shop.path)
        (gap,) = [one for one in trail_of(shop.path) if one.action == "gap"]
        assert gap.outcome == "unwritten"
        assert f"{known.missed} entries could not be written" in (gap.detail or "")
        assert "No space left" in (gap.detail or "")
        known = shop.state().trail
        assert known is not None
        assert known.missed == 0

    story(tmp_path, tell)


def test_a_read_only_directory_stops_no_destroy_and_the_trail_knows(tmp_path: Path) -> None:
    """What exists can still be appended to: the trail tells what the state could not."""

    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply()
        shop.files.read_only = True
        await expire(shop)
        assert {"destroy intent", "destroy accepted"} <= set(shop.told())
        assert all(one.doom is None for one in shop.state().instances.values())
        shop.files.read_only = False
        await passes(shop)
        assert "gap unsaved" in shop.told()
        check_effects_are_told(shop.path, shop.world)

    story(tmp_path, tell)


def test_a_disk_without_any_room_stops_no_destroy_and_the_end_is_told_later(
    tmp_path: Path,
) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply()
        shop.files.full = True
        await expire(shop)
        shop.files.full = False
        await passes(shop)
        check_verifies(shop.path)
        check_all_came_to_an_end(shop.path)
        assert "destroy gone" in shop.told()

    story(tmp_path, tell)


def test_a_damaged_trail_stops_no_destroy_and_stays_damaged(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply()
        trail = shop.path.with_name("demo.json.audit.jsonl")
        trail.write_bytes(b"\0\xff{]\n" * 50)
        await expire(shop)
        await passes(shop)
        assert "gap lost" in shop.told()
        assert "destroy gone" in shop.told()

    story(tmp_path, tell)


def test_what_the_provider_refuses_and_what_stays_unknown_is_told(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=1)
        await shop.apply()
        assert "create refused" in shop.told()
        operation, fault = CATALOGUE["C1.1"]
        shop.world.script_fault(fault, operation, times=1)
        await shop.apply(TWO_NODES)
        open_ones = {one.mark for one in trail_of(shop.path) if one.outcome == "intent"}
        open_ones -= {one.mark for one in trail_of(shop.path) if one.outcome != "intent"}
        assert len(open_ones) == 1, "an intent without an outcome is what is not known"
        await shop.wait(MINUTE)
        await shop.apply()
        check_all_came_to_an_end(shop.path)

    story(tmp_path, tell, *several_offers(6))


def test_a_machine_that_goes_by_itself_and_one_that_is_announced_are_told(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = SickShop(healthy)
        await shop.apply(TWO_NODES)
        lost, _ = shop.alive()
        shop.world.destroy(lost.id, shop.now)
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.reconcile()
        gone = [one for one in trail_of(shop.path) if one.action == "lose"]
        assert [one.mark for one in gone] == [lost.label]
        assert gone[0].usd is not None
        await shop.reconcile(
            NO_FLEETS.replace("fleets: {}", "safety: {allow_empty: true}\nfleets: {}")
        )
        assert "announce done" in shop.told()
        (moved,) = [one for one in trail_of(shop.path) if one.action == "announce"][:1]
        assert moved.reason == "undeclared"

    story(tmp_path, tell)

"""The window is closed, and the command runs on without a terminal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from reconciler.market.faults import Fault
from reconciler.model.exit_code import ExitCode
from tests.end_to_end.workplace import MINUTE, SLOW_TIME, Workplace, workplace

SLOW_LISTING = Fault(hang=timedelta(seconds=9))


def told_to_nobody(shop: Workplace, *command: str) -> int:
    """The window is closed while the command waits for the first answer; its exit code."""
    asked = shop.sent("list_instances")
    shop.world.script_fault(SLOW_LISTING, "list_instances", times=1)
    with shop.person(*command, "-auto-approve") as person:
        person.waits(until=lambda: shop.sent("list_instances") > asked)
        person.goes_away()
        shop.advance(MINUTE)
        return person.end()


def test_what_was_asked_for_is_done_when_nobody_can_be_told_any_more(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        told = told_to_nobody(shop, "apply", "-detach")
        assert told == ExitCode.UNEXPECTED, "what it said was lost"
        assert len(shop.alive()) == len(shop.state().instances) == 1
        code = told_to_nobody(shop, "destroy", "-no-wait")
        assert shop.sent("destroy_instance") == 1
        assert code == ExitCode.PARTIAL

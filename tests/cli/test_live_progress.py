"""What a person sees in a terminal while machines are bought: all, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.cli.terminal import LiveProgress
from reconciler.clock import LoopClock
from reconciler.model.address import Slot
from reconciler.model.progress import SlotProgress, Stage
from tests.markets import START
from tests.virtual_time import run_virtual

STAGES: tuple[Stage, ...] = ("waiting", "placed", "ssh", "ready")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was written to the terminal since it was asked for last."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return lambda: capsys.readouterr().err


def step(index: int, stage: Stage) -> SlotProgress:
    return SlotProgress(Slot("train", index), stage, "", timedelta(seconds=1))


def test_a_thousand_changes_at_once_are_drawn_once_and_the_last_ones_at_the_end(
    drawn: Callable[[], str],
) -> None:
    async def buy() -> None:
        with LiveProgress() as view:
            for stage in STAGES:
                for index in range(250):
                    view.show(step(index, stage))

    run_virtual(buy)
    text = drawn()
    assert text.count("fleet.train[0] ") == 1, "the first line at once"
    assert text.count("fleet.train[249] ") <= 2
    assert "fleet.train[249]   ready" in text


def test_what_changes_within_a_tenth_of_a_second_is_seen_at_its_end(
    drawn: Callable[[], str],
) -> None:
    async def boot() -> None:
        clock = LoopClock(START)
        with LiveProgress() as view:
            view.show(step(0, "waiting"))
            view.show(step(0, "placed"))
            assert "placed" not in drawn()
            await clock.sleep(0.2)
            assert "placed" in drawn()
            await clock.sleep(60)
            view.show(step(0, "ready"))
            assert "ready" in drawn(), "at once, where nothing was drawn just now"

    run_virtual(boot)

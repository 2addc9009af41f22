"""A command of the nursery behaves as the installed script does, so that tests may use either."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.command import Ended, at_a_terminal, gpu_shopper
from tests.end_to_end.workplace import SLOW_TIME, workplace


def test_the_same_words_come_from_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*arguments: str) -> list[Ended]:
        with monkeypatch.context() as surroundings:
            warm = gpu_shopper(*arguments, cwd=shop.directory)
            surroundings.setenv("GPU_SHOPPER_COLD_STARTS", "1")
            return [warm, gpu_shopper(*arguments, cwd=shop.directory)]

    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        for words in ("validate", "plan -json", "status", "no-such-command", "ledger show"):
            warm, cold = both(*words.split())
            assert (warm.code, warm.err) == (cold.code, cold.err), words
            if "-json" not in words:  # it tells the time
                assert warm.out == cold.out, words


def test_it_is_a_process_of_its_own_that_a_signal_ends(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop, shop.start("apply", "-auto-approve") as one:
        one.until(lambda: "placed" in one.err)
        assert one.pid != os.getpid()
        assert Path(f"/proc/{one.pid}/cwd").resolve() == shop.directory.resolve()
        one.signal(signal.SIGKILL)
        assert one.end().code == -signal.SIGKILL


def test_it_sees_the_terminal_that_it_is_given(tmp_path: Path) -> None:
    with (
        workplace(tmp_path, speed=SLOW_TIME) as shop,
        at_a_terminal("apply", cwd=shop.directory) as person,
    ):
        person.reads("yes")
        person.types("no")
        assert person.end() == 0
        assert shop.ever() == 0

"""SPEC.md section 12, 3: one state, one host. Reading it is free, deciding from it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.pins import HostPin
from tests.cli.in_process import run
from tests.end_to_end.workplace import SLOW_TIME, workplace

DECIDES = (
    "plan",
    "plan -out=p",
    "apply -auto-approve",
    "destroy -auto-approve",
    "reconcile --once",
    "reconcile --dry-run",
    "extend fleet.dev 1h",
    "release fleet.dev",
    "state mv fleet.dev fleet.lab",
    "state rm fleet.dev -auto-approve",
    "state resolve fleet.dev[0] -absent -auto-approve",
    "state rebuild -auto-approve",
    "state restore state/demo.json -auto-approve",
)
ONLY_READS = ("state list", "state show fleet.dev", "state pull", "state history", "orphans")
TAKES_OVER = ("apply -auto-approve -take-over", "reconcile --once -take-over")


def test_what_decides_from_the_state_of_another_host_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        state = shop.state()
        other = HostPin(id="0" * 32, name="old\x1b[31mlaptop")
        shop.backend().write(state.with_(host=other), expected_serial=state.serial)
        before = shop.state_path.read_bytes()
        for command in DECIDES:
            said = run(capsys, *command.split(), directory=shop.directory)
            assert said.code == 13, (command, said)
            assert "belongs to host old\\x1b[31mlaptop" in said.err
            assert "-take-over" in said.err
        for command in ONLY_READS:
            assert run(capsys, *command.split(), directory=shop.directory).code == 0, command
        assert shop.state_path.read_bytes() == before
        assert shop.sent_changes() == 1


@pytest.mark.parametrize("command", TAKES_OVER)
def test_a_host_that_takes_over_is_the_host_from_then_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        state = shop.state()
        other = HostPin(id="0" * 32, name="old")
        shop.backend().write(state.with_(host=other), expected_serial=state.serial)
        assert run(capsys, "plan", "-take-over", directory=shop.directory).code == 0
        assert shop.state().host == other
        assert run(capsys, *command.split(), "-lock-timeout=1s", directory=shop.directory).code == 0
        assert shop.state().host == state.host
        assert run(capsys, "plan", directory=shop.directory).code == 0

"""`runpod` over a real socket, where it differs from other providers."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.exit_code import ExitCode
from tests.end_to_end.test_vastai import RUNPOD, rehearsal


def test_what_is_destroyed_is_gone_in_the_ledger_of_the_served_market(tmp_path: Path) -> None:
    with rehearsal(tmp_path, RUNPOD) as shop:
        assert shop.run("apply", "-auto-approve").code == 0
        (machine,) = shop.alive()
        assert machine.label is not None
        assert "1 machine(s) alive" in shop.run("simulate", "ledger").out
        # the proof takes as long as a listing may lag; the destroy itself does not
        ended = shop.run("destroy", "-auto-approve", "--verify-timeout", "3s")
        assert ended.code == ExitCode.DESTROY_UNVERIFIED, ended.err
        shop.server.until(lambda: shop.alive() == ())
        ledger = shop.run("simulate", "ledger").out
        assert "0 machine(s) alive" in ledger
        assert machine.label in ledger
        assert shop.sent("create_instance") == 1


def test_one_address_is_enough_and_the_other_one_alone_is_refused(tmp_path: Path) -> None:
    with rehearsal(tmp_path, RUNPOD) as shop:
        assert shop.run("plan", RUNPOD_GRAPHQL_URL="").code == 0
        refused = shop.run("plan", RUNPOD_API_URL="")
        assert refused.code == ExitCode.USAGE
        assert "RUNPOD_API_URL" in refused.err

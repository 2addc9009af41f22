"""Accounts, keys, turns and faults, through the installed command and a real socket."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from reconciler.model.exit_code import ExitCode
from tests.end_to_end.command import started
from tests.end_to_end.hurried_clock import SETTING
from tests.end_to_end.test_vastai import DOCUMENTS, rehearsal


def test_the_documents_name_the_key_and_the_state_keeps_the_name_alone(tmp_path: Path) -> None:
    """Section 12, 4: the loop goes on with the recorded reference when documents are lost."""
    with rehearsal(tmp_path) as shop:
        named = DOCUMENTS.replace("vastai: {}", "vastai: {key: '${env:KEY_OF_THE_LAB}'}")
        shop.declare(named)
        assert shop.run("apply", "-auto-approve").code == ExitCode.CREDENTIALS
        lab = {"KEY_OF_THE_LAB": shop.key, "VAST_API_KEY": shop.key[::-1]}
        checked = shop.run("providers", "check", **lab)
        assert "found in ${env:KEY_OF_THE_LAB}" in checked.out
        assert shop.run("apply", "-auto-approve", **lab).code == 0
        assert len(shop.alive()) == 1
        assert shop.state().providers["vastai"].key == "${env:KEY_OF_THE_LAB}"
        assert shop.key not in (shop.directory / "state" / "demo.json").read_text()
        shop.advance(timedelta(hours=4))
        shop.declare("version: 1\nworkspace: demo\nproviders: [broken\n")
        without = shop.run("reconcile", "--once", VAST_API_KEY=shop.key)
        assert without.code == ExitCode.DESTROY_UNVERIFIED
        assert "${env:KEY_OF_THE_LAB}: the environment variable is not set" in without.err
        assert len(shop.alive()) == 1
        shop.run("reconcile", "--once", **lab)
        shop.server.until(lambda: shop.alive() == ())


def test_I26_commands_at_once_take_turns_together(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        outputs = tmp_path / "outputs"
        (tmp_path / "home").mkdir()
        changes = {**shop.settings, "HOME": str(tmp_path / "home")}
        with ExitStack() as stack:
            commands = [
                stack.enter_context(
                    started("status", cwd=shop.directory, outputs=outputs / name, **changes)
                )
                for name in ("one", "two", "three")
            ]
            assert [command.end().code for command in commands] == [0, 0, 0]
        assert shop.server.err.count("GET /api/v1/instances/ 200") == 3
        turns = tmp_path / "home/.cache/gpu-shopper/turns"
        assert len(list(turns.iterdir())) == 2  # of two endpoints, each taken by all three
        assert shop.key[:16] not in "".join(path.read_text() for path in turns.iterdir())


def test_faults_are_switched_on_and_off_while_the_market_is_served(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        nobody = shop.run("simulate", "fault", "vast:list=500")
        assert nobody.code == ExitCode.USAGE
        assert "only these are served: vastai, lambda, runpod, tensordock" in nobody.err
        assert shop.run("simulate", "fault").out == "Every call goes as it should.\n"
        shop.run("simulate", "fault", "vastai:list=500")
        failed = shop.run("providers", "check")
        assert failed.code == ExitCode.PROVIDER_FAILURE
        shop.run("simulate", "fault", "--clear")
        checked = shop.run("providers", "check", "-json")
        assert checked.code == 0, checked.err
        assert json.loads(checked.out)["providers"][0]["balance_usd"] == "100.000000"
        shop.run("simulate", "fault", "vastai:create=500-done", "--times", "1")
        assert shop.run("apply", "-auto-approve").code == ExitCode.PROVIDER_FAILURE
        assert len(shop.alive()) == 1
        assert shop.run("simulate", "fault").out == "Every call goes as it should.\n"


def test_faults_of_a_serving_end_with_it_and_others_do_not(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        words = ("simulate", "serve", "--port", "0", "--fault", "vastai:list=429")
        outputs, clock = tmp_path / "second", {SETTING: shop.settings[SETTING]}
        shop.secret_files.add(outputs / "out")  # who serves says the key
        with started(*words, cwd=shop.directory, outputs=outputs, **clock) as second:
            second.until(lambda: second.out.endswith("\n"))
            second.until(lambda: "list=429" in shop.run("simulate", "fault").out)
            shop.run("simulate", "fault", "C4.2", "--for", "1h")
            second.signal(signal.SIGINT)
            second.end()
        assert shop.run("simulate", "fault").out.startswith("destroy=404, until ")


def test_the_offers_of_one_command_serve_the_next_one(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        (tmp_path / "home").mkdir()
        first = shop.run("offers", "--gpu", "RTX4090:1", "--on-demand")
        assert first.code == 0, first.err
        second = shop.run("offers", "--gpu", "RTX4090:1", "--on-demand")
        assert " ago; --fresh searches again." in second.out
        assert shop.server.err.count("POST /api/v0/bundles/ 200") == 1
        shop.run("offers", "--gpu", "RTX4090:1", "--on-demand", "--fresh")
        assert shop.server.err.count("POST /api/v0/bundles/ 200") == 2
        (kept,) = (tmp_path / "home/.cache/gpu-shopper/offers").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not list((shop.directory / "state").glob("*offers*"))

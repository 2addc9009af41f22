"""The loop as a daemon, and the entries that make cron and systemd run it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.command import environment, stand_in
from tests.end_to_end.workplace import HOUR, MINUTE, Workplace, workplace
from tests.simulation.shop import QUICKSTART

CRONTAB = """
printf '%s\\n' "$@" >> "$CRONTAB_FILE.arguments"
case "$1" in
    -l) cat "$CRONTAB_FILE" 2>/dev/null || { echo "no crontab for you" >&2; exit 1; } ;;
    -) cat > "$CRONTAB_FILE" ;;
    *) exit 64 ;;
esac
"""


def test_the_daemon_finds_an_expiry_at_its_deadline_not_an_interval_later(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=30) as shop:
        assert shop.apply("-detach").code == 0
        before = shop.state().serial
        end = shop.state().leases["dev"].ends_at
        assert end is not None
        with shop.start("reconcile", "--interval", "12h") as loop:
            loop.until(lambda: shop.state().serial > before)
            shop.advance(end - shop.now - MINUTE)
            loop.until(lambda: shop.sent("destroy_instance") == 1)
            (destroy,) = [one for one in shop.world.calls() if one.operation == "destroy_instance"]
            assert end <= destroy.at < end + 10 * MINUTE
            loop.signal(signal.SIGTERM)
            assert loop.end().code == 143
        shop.advance(MINUTE)
        assert shop.alive() == ()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_daemon_in_an_orderly_way(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with workplace(tmp_path) as shop, shop.start("reconcile", "--interval=1h") as loop:
        loop.until(lambda: "Reconciling demo" in loop.err)
        loop.signal(number)
        assert loop.end().code == code


def test_the_daemon_survives_documents_that_break_and_sees_them_mended(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=120) as shop:
        assert shop.apply("-detach").code == 0
        with shop.start("reconcile", "--interval", "1m") as loop:
            loop.until(lambda: shop.sent("list_instances") > 3)
            shop.declare(QUICKSTART.replace("fleets:", "fleets: ["))
            loop.until(lambda: "cannot be used" in loop.err)
            shop.advance(5 * HOUR)
            loop.until(lambda: shop.sent("destroy_instance") > 0)
            shop.declare(QUICKSTART)
            loop.until(lambda: shop.knows(0))
            loop.signal(signal.SIGTERM)
            assert loop.end().code == 143
        assert shop.alive() == ()


def with_crontab(shop: Workplace) -> dict[str, str]:
    """A ``crontab`` that keeps its table in a file."""
    folder = stand_in(shop.directory.parent / "bin", "crontab", CRONTAB)
    path = f"{folder}{os.pathsep}{environment(folder)['PATH']}"
    return {"PATH": path, "CRONTAB_FILE": str(folder.parent / "crontab")}


def test_cron_gets_one_entry_beside_what_was_there_and_it_runs(tmp_path: Path) -> None:
    table = tmp_path / "crontab"
    table.write_text("0 4 * * * backup\n")
    with workplace(tmp_path) as shop:
        env = with_crontab(shop)
        assert shop.apply("-detach").code == 0
        for flags in ((), ("--heal", "--schedule")):
            installed = shop.run("reconcile", "--install", "cron", "--yes", *flags, **env)
            assert installed.code == 0, installed.err
            assert "reconcile --once" in installed.out
        assert (tmp_path / "crontab.arguments").read_text() == "-l\n-\n" * 2
        others, mine = table.read_text().splitlines()
        assert others == "0 4 * * * backup"
        assert "reconcile --once --heal --schedule" in mine

        shop.advance(5 * HOUR)
        times, command = mine[: len("* * * * * ")], mine[len("* * * * * ") :]
        assert times == "* * * * * "
        # As cron does it: its own small environment, the home directory, and % as a new line.
        subprocess.run(
            ["/bin/sh", "-c", command.replace(r"\%", "%")],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            check=True,
        )
        assert "(expired)" in (shop.directory / "state" / "demo.loop.log").read_text()
        shop.advance(MINUTE)
        assert shop.alive() == ()
        assert "loop seen" in shop.run("plan", "-destroy").out


def test_an_entry_is_written_only_after_it_was_shown_and_agreed_to(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        env = with_crontab(shop)
        unasked = shop.run("reconcile", "--install", "cron", **env)
        assert unasked.code == 64
        assert "--yes" in unasked.err
        with shop.person("reconcile", "-install=cron", **env) as person:
            person.reads("* * * * *")
            person.reads('Only "yes" is accepted')
            person.types("no")
            assert person.end() == 0
        assert not (tmp_path / "crontab").exists()


def test_a_place_without_cron_is_told_so(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        refused = shop.run("reconcile", "--install", "cron", "--yes", PATH=str(tmp_path))
        assert refused.code == 1
        assert "--install systemd" in refused.err


def test_systemd_gets_a_service_and_a_timer_that_it_accepts(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        config = tmp_path / "config"
        for _ in range(2):
            done = shop.run("reconcile", "-install", "systemd", "-yes", XDG_CONFIG_HOME=str(config))
            assert done.code == 0, done.err
        units = sorted((config / "systemd" / "user").iterdir())
        assert [unit.name for unit in units] == [
            "gpu-shopper-demo.service",
            "gpu-shopper-demo.timer",
        ]
        assert "enable --now gpu-shopper-demo.timer" in done.err
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            pytest.skip("no systemd-analyze here")
        checked = subprocess.run(
            [analyze, "verify", "--user", "--man=no", *map(str, units)],
            env=environment(tmp_path, XDG_RUNTIME_DIR=str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stderr) == (0, "")

"""Odd surroundings: time zones, encodings, proxies, files that are none (bad inputs 38 to 44)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.end_to_end.workplace import SLOW_TIME, workplace


@pytest.mark.parametrize(
    "surroundings",
    [
        {"TZ": "nonsense/zone", "LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "nonsense"},
        {"TZ": "Pacific/Kiritimati", "NO_COLOR": "1", "CI": "true"},
    ],
    ids=["no time zone", "no UTF-8", "ASCII output", "far time zone"],
)
def test_bad_input_40_surroundings_do_not_change_what_is_planned(
    tmp_path: Path, surroundings: dict[str, str]
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        plain = shop.run("plan")
        odd = shop.run("plan", **surroundings)
        assert (odd.code, odd.out) == (0, plain.out), odd.err
        assert "2026-07-01 12:00 UTC" in odd.out


def test_bad_input_38_no_home_directory_is_needed(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        homeless = shop.run("apply", "-auto-approve", "-detach", HOME="/nonexistent")
        assert homeless.code == 0, homeless.err
        assert not any(path.name.startswith(".") for path in shop.directory.iterdir())


def test_bad_input_41_a_proxy_in_the_surroundings_is_not_used(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        proxied = shop.run("plan", HTTP_PROXY=nobody, HTTPS_PROXY=nobody, ALL_PROXY=nobody)
        assert proxied.code == 0, proxied.err


def test_bad_input_42_a_pipe_or_a_device_is_no_document(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        os.mkfifo(shop.directory / "pipe.yaml")
        for path, kind in (("pipe.yaml", "pipe"), ("/dev/zero", "device"), (".", "directory")):
            refused = shop.run("validate", path)
            assert refused.code == 12, path
            assert kind in refused.err
        (shop.directory / "fleets.yaml").unlink()
        os.mkfifo(shop.directory / "fleets.yaml")
        assert shop.run("plan").code == 12


def test_bad_input_44_a_lock_is_not_taken_from_the_living_nor_by_a_wrong_id(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        with shop.backend().lock("a test", timeout_seconds=0) as lock:
            for name in (lock.info.id, "another"):
                refused = shop.run("state", "unlock", name)
                assert refused.code == 4
                assert f"pid {os.getpid()}" in refused.err
        assert "not locked" in shop.run("state", "unlock", "another").err


def test_a_directory_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.run("-chdir=nowhere", "plan").code == 64
        assert shop.run("--chdir", str(shop.directory), "plan").code == 0
        assert shop.run(f"-chdir={shop.directory}", "plan").code == 0

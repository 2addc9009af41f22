"""I10: what watches all tests for a credential sees one, however it comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.providers.lambda_cloud import opening as lambda_opening
from reconciler.providers.runpod import opening as runpod_opening
from reconciler.providers.tensordock import opening as tensordock_opening
from reconciler.providers.vastai import opening as vast_opening
from tests.canaries import KEY_VARIABLES, PLANTED, found_in, spellings

ROOT = Path(__file__).parents[2]
LEAKS = """
import base64, logging, os, subprocess, sys
import httpx
import pytest
from reconciler.model.errors import CredentialsMissing
from reconciler.providers.credentials import find_key
from tests.faces import VastWire, vast_provider
from tests.canaries import PLANTED
from tests.markets import small_world

KEY = PLANTED["VAST_API_KEY"]

@pytest.fixture
def late():
    yield
    print(KEY)

def test_leak_printed(): print("the key is", KEY)
def test_leak_printed_by_a_child(): subprocess.run(["env"])
def test_leak_read_back(capsys):
    print(KEY)
    capsys.readouterr()
def test_leak_at_the_end(late): pass
def test_leak_written(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"\\0" + base64.b64encode(b"x" + KEY.encode()))
def test_leak_logged(): logging.getLogger("httpx").info("GET /?key=%s", KEY)
def test_leak_as_an_argument(): subprocess.run(["true", KEY])
def test_leak_in_an_error():
    with pytest.raises(CredentialsMissing):
        raise CredentialsMissing("refused", why=f"the key {KEY} is wrong")
def test_leak_of_a_key_of_its_own(tmp_path):
    (tmp_path / "key").write_text("a-key-that-a-test-made")
    find_key(["KEY"], [], {"KEY_FILE": str(tmp_path / "key")})
    (tmp_path / "log").write_text("'a-key-that-a-test-made'")
def test_leak_on_the_way():
    wire = VastWire(small_world(), None)
    vast_provider(wire)
    try:
        import asyncio
        url = httpx.URL("http://x/?api_key=0123456789abcdef")
        headers = {"Authorization": "Bearer 0123456789abcdef"}
        asyncio.run(wire.handle_async_request(httpx.Request("GET", url, headers=headers)))
    except AttributeError:
        pass  # there is no clock
def test_none_is_seen(tmp_path, capsys):
    (tmp_path / "key").write_text("a-key-that-a-test-made")
    find_key(["KEY"], [], {"KEY_FILE": str(tmp_path / "key")})
    print("nothing")
    capsys.readouterr()
def test_leak_in_what_tests_share(tmp_path_factory):
    (tmp_path_factory.mktemp("shared") / "file").write_text(KEY.encode().hex())
"""


def test_I10_a_credential_is_seen_wherever_it_comes_out() -> None:
    """A run of its own over tests that leak; elsewhere, for this one is watched too."""
    with TemporaryDirectory() as place:
        Path(place, "test_leaks.py").write_text(LEAKS)
        Path(place, "conftest.py").write_text("from tests.conftest import *\n")
        words = [
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=no",
            "-n0",
            "-c",
            "/dev/null",
        ]
        told = subprocess.run(
            [sys.executable, *words, "--rootdir", place, place],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    leaks = re.findall(r"def (test_leak\w+)", LEAKS)
    assert re.findall(r"^ERROR \S+::(\w+)", told, re.MULTILINE) == leaks, told
    assert f"{len(leaks) + 1} passed, {len(leaks)} errors" in told


def test_a_canary_stands_in_every_variable_that_holds_a_providers_key() -> None:
    openings = (vast_opening, lambda_opening, runpod_opening, tensordock_opening)
    assert {*KEY_VARIABLES} == {name for one in openings for name in one.KEY_VARIABLES}


def test_one_search_finds_all_that_is_planted_in_each_spelling() -> None:
    for name in (*KEY_VARIABLES, "HF_TOKEN", "HOOK_URL"):
        for spelled in spellings(PLANTED[name]):
            assert found_in(b"before " + spelled + b" after"), (name, spelled)

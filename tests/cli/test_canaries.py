"""I10: a secret shows up in nothing that is printed or written, in no spelling."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.cli.in_process import run
from tests.cli.test_hostile_strings import COMMANDS
from tests.end_to_end.workplace import HOUR, SLOW_TIME, Workplace, workplace
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART

ENV_CANARY = 'canary-"4f8a0c\\2e9b/7d61+é%41 end'
FILE_CANARY = "canary-5c1e77aa903b44d2"
WEBHOOK_CANARY = "canary-b3310f6be8a24c19"
CANARIES = (ENV_CANARY, FILE_CANARY, WEBHOOK_CANARY)
DOCUMENTS = (
    QUICKSTART
    + '    env: {HF_TOKEN: "${env:HF_TOKEN}", OTHER: "${file:secret.txt}"}\n'
    + 'notifiers:\n  ops: {type: webhook, url: "${env:HOOK}"}\n'
)


def spellings(secret: str) -> Iterator[bytes]:
    """As it may be written elsewhere: escaped, percent-encoded, hex, base64 at any offset."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield secret.encode().hex().encode()
    for offset in range(3):
        data = base64.b64encode(b"\0" * offset + secret.encode())
        yield data[4 if offset else 0 : -4]
        yield data[4 if offset else 0 : -4].replace(b"+", b"-").replace(b"/", b"_")


def found_in(data: bytes) -> list[str]:
    return [
        f"{secret[:12]}... as {spelled[:40]!r}"
        for secret in CANARIES
        for spelled in spellings(secret)
        if spelled in data
    ]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    monkeypatch.setenv("HF_TOKEN", ENV_CANARY)
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:9/{WEBHOOK_CANARY}")
    monkeypatch.setenv("GPU_SHOPPER_ALLOW_ENV", "HF_TOKEN,HOOK")
    with workplace(tmp_path, market_offer("o1"), market_offer("o2"), speed=SLOW_TIME) as made:
        (made.directory / "secret.txt").write_text(FILE_CANARY)
        monkeypatch.setenv("GPU_SHOPPER_ALLOW_FILES", str(made.directory / "secret.txt"))
        made.declare(DOCUMENTS)
        yield made


def written(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name != "secret.txt":
            yield path


def test_I10_no_command_prints_or_writes_a_secret(
    shop: Workplace, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bought = 0
    for command in COMMANDS:
        said = run(capsys, *command.split(), directory=shop.directory)
        assert found_in((said.out + said.err).encode()) == [], command
        assert "Traceback" not in said.err
        bought = max(bought, len(shop.alive()))
    assert bought == 1, "the secrets were really used"
    shop.advance(6 * HOUR)
    run(capsys, "reconcile", "--once", directory=shop.directory)
    for path in written(shop.directory.parent):
        assert found_in(path.read_bytes()) == [], path
    assert found_in(caplog.text.encode()) == []


def test_the_search_finds_a_secret_in_each_of_its_spellings() -> None:
    for spelled in spellings(ENV_CANARY):
        assert found_in(b"before " + spelled + b" after")

"""I10: a secret shows up in nothing that is printed or written, in no spelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canaries import found_below, found_in, spellings
from tests.cli.every_view import COMMANDS
from tests.cli.in_process import run
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


def test_I10_no_command_prints_or_writes_a_secret(
    shop: Workplace, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bought = 0
    for command in COMMANDS:
        said = run(capsys, *command.split(), directory=shop.directory)
        assert found_in((said.out + said.err).encode(), CANARIES) == [], command
        assert "Traceback" not in said.err
        bought = max(bought, len(shop.alive()))
    assert bought == 1, "the secrets were really used"
    shop.advance(6 * HOUR)
    run(capsys, "reconcile", "--once", directory=shop.directory)
    given = shop.directory / "secret.txt"
    assert found_below(shop.directory.parent, CANARIES, but=[given]) == []
    assert found_in(given.read_bytes(), CANARIES), "what is searched for is found where it is"
    assert found_in(caplog.text.encode(), CANARIES) == []


def test_the_search_finds_a_secret_in_each_of_its_spellings() -> None:
    for spelled in spellings(ENV_CANARY):
        assert found_in(b"before " + spelled + b" after", [ENV_CANARY])

"""I22, C13: what a terminal draws as it happens, and what a webhook is sent, is as harmless as what
is printed once (``every_view.py``).
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.lowlevel import checkpoint

from reconciler.cli.exits import run_command
from reconciler.cli.root import root
from reconciler.clock import SystemClock
from reconciler.model.errors import CreateRefused, ProviderUnavailable
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom
from reconciler.model.text import printable
from reconciler.providers.simulated.provider import SimulatedProvider
from reconciler.statefile.local_file import LocalFile
from tests.cli.every_view import MARKUP, WORDS_OF_THEIR_OWN, is_clean, says
from tests.cli.in_process import run
from tests.end_to_end.workplace import HOUR, MINUTE, Workplace, workplace
from tests.simulation.shop import QUICKSTART
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.telemetry.receiver import plainly, receiver

OURS = re.compile(r"\r|\x1b\[(?:0|1|2|3[123]|1;31)m|\x1b\[(?:\?25[lh]|2?[JKH]|1A|3J|1;1H)")
"""What the terminal is told by us: colours, the cursor, and what is to be drawn anew."""
DOCUMENTS = QUICKSTART + WORDS_OF_THEIR_OWN
TEXTS = pytest.mark.parametrize("text", [HOSTILE + MARKUP], ids=["text"])


class Screen(io.TextIOWrapper):
    """A terminal, and what was ever written to it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)
        self.shown = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.shown += text
        return super().write(text)


@pytest.fixture(autouse=True)
def _at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("CI", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def _between_looks(monkeypatch: pytest.MonkeyPatch, *happens: Callable[[], None]) -> None:
    """What happens in the time between two looks; then whoever looks presses Ctrl-C."""
    left: list[Callable[[], object]] = [*happens, lambda: os.kill(os.getpid(), signal.SIGINT)]

    async def sleep(*_: object) -> None:
        if left:
            left.pop(0)()
        await checkpoint()

    monkeypatch.setattr(SystemClock, "sleep", sleep)


def _shown(
    monkeypatch: pytest.MonkeyPatch, shop: Workplace, screen: Screen, line: str, *, on: str
) -> int:
    with monkeypatch.context() as patch:
        patch.setattr(sys, on, screen)
        code = int(run_command(root, [f"--chdir={shop.directory}", *line.split()]))
    left = OURS.sub("", screen.shown)
    assert is_clean(left), ascii(left)
    assert HOSTILE[:9] not in screen.shown, "a colour that nobody of us chose"
    return code


@pytest.fixture
def shop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> Iterator[Workplace]:
    """One machine at a provider that says ``text``, of a fleet with words of its own."""
    with workplace(tmp_path, speed=60) as place:
        place.declare(DOCUMENTS)
        says(monkeypatch, text)
        bought = run(capsys, "apply", "-auto-approve", "-detach", directory=place.directory)
        assert bought.code == 0
        yield place


@TEXTS
def test_I22_C13_status_that_is_watched_stays_inert(
    shop: Workplace, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    _between_looks(monkeypatch, lambda: None)
    screen = Screen()
    assert _shown(monkeypatch, shop, screen, "status --watch --every 1s", on="stdout") == 130
    assert screen.shown.count("Total: 1 machine") == screen.shown.count("\x1b[2J") > 1
    assert _trace(text, 10) in screen.shown


@TEXTS
@pytest.mark.parametrize("form", ["", " -json"])
def test_I22_C13_events_that_are_followed_stay_inert(
    shop: Workplace, monkeypatch: pytest.MonkeyPatch, text: str, form: str
) -> None:
    """One that is there, and one that comes while somebody looks."""
    _a_destroy_fails(shop, text)
    _between_looks(monkeypatch, lambda: _a_destroy_fails(shop, text))
    screen = Screen()
    assert _shown(monkeypatch, shop, screen, f"events --follow{form}", on="stdout") == 130
    assert screen.shown.count("failed") == 2
    if form:
        told = [json.loads(line) for line in screen.shown.splitlines()]
        assert sum(text in one.get("detail", "") for one in told) == 2
    else:
        assert screen.shown.count(_trace(text, 60)) == 2


def _trace(text: str, length: int) -> str:
    """How it begins where it was made harmless, and was shown at all."""
    return printable(text, 1000)[:length]


def _a_destroy_fails(shop: Workplace, text: str) -> None:
    """Once more, as the loop writes it down: its provider said ``text``."""
    backend = LocalFile(shop.state_path, "demo", lambda: shop.now, audited=True)
    before = backend.read()
    assert before is not None
    ((mark, record),) = before.instances.items()
    failures = record.doom.failures + 1 if record.doom else 1
    doom = Doom(
        reason=DestroyReason.EXPIRED,
        since=shop.now,
        attempts=failures,
        failures=failures,
        last_error=text,
    )
    after = before.with_(instances={mark: record.with_(doom=doom)})
    backend.write(after, expected_serial=before.serial)


@pytest.mark.parametrize("text", [HOSTILE, MARKUP], ids=["controls", "markup"])
def test_I22_C13_what_is_drawn_while_machines_are_bought_stays_inert(
    shop: Workplace, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    shop.declare(DOCUMENTS.replace("dev:", "dev:\n    nodes: 3"))
    screen = Screen()
    assert _shown(monkeypatch, shop, screen, "apply -auto-approve", on="stderr") == 0
    assert screen.shown.startswith("\x1b[?25l")
    assert _trace(text, 10) in screen.shown
    assert len(shop.alive()) == 3


@TEXTS
def test_I22_C13_what_is_drawn_while_a_provider_refuses_stays_inert(
    shop: Workplace, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise CreateRefused("simulated", text)

    monkeypatch.setattr(SimulatedProvider, "create_instance", refused)
    shop.declare(DOCUMENTS.replace("dev:", "dev:\n    nodes: 2"))
    screen = Screen()
    assert _shown(monkeypatch, shop, screen, "apply -auto-approve", on="stderr") != 0
    assert _trace(text, 10) in screen.shown
    assert len(shop.alive()) == 1


@TEXTS
def test_I22_C13_what_a_webhook_is_sent_stays_inert(
    shop: Workplace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    """A warning, a destroy, and an alert: whoever shows them to people reads the text in JSON."""

    async def refused(*_: object, **__: object) -> None:
        raise ProviderUnavailable("simulated", text)

    monkeypatch.setattr(SimulatedProvider, "destroy_instance", refused)
    with receiver(plainly(204)) as ears:
        ops = f"notifiers: {{ops: {{type: webhook, url: '{ears.url()}'}}}}\n"
        shop.declare(DOCUMENTS.replace("dev:", "lab:") + ops)
        for passed in (MINUTE, HOUR, HOUR):
            run(capsys, "reconcile", "--once", directory=shop.directory)
            shop.advance(passed)
        run(capsys, "reconcile", "--once", directory=shop.directory)
    said = [json.loads(one.body) for one in ears.received]
    assert {one["data"]["kind"] for one in said} >= {"soft-destroy", "destroyed", "alert"}
    for one in said:
        assert one["data"]["message"]
        for value in (*one.values(), *one["data"].values()):
            assert not isinstance(value, str) or value.isprintable(), ascii(value)
            assert "evil" not in str(value)

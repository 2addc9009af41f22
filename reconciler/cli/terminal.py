"""What the terminal can do, and how a person is asked."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

import click

from reconciler.cli.closed_output import forsake, say

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Iterator

    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Slot
    from reconciler.model.progress import SlotProgress
    from reconciler.reporting.palette import Palette

ASK_AT_MOST_SECONDS = 600
"""How long a person may think (SPEC.md section 4, 1)."""
_FRAME_SECONDS = 0.1


def palette_for(stream: TextIO) -> Palette:
    """Colours on a terminal only; NO_COLOR, CI and TERM=dumb switch them off."""
    from reconciler.reporting.palette import ANSI, PLAIN

    off = any(os.environ.get(name) for name in ("NO_COLOR", "CI"))
    plain = off or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return PLAIN if plain else ANSI


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


async def ask_yes(question: str, interruption: Interruption) -> bool:
    """True only for the word "yes", within ten minutes. A signal or the end of input means no."""
    import anyio

    click.echo(question, nl=False, err=True)
    answer = ""
    with anyio.move_on_after(ASK_AT_MOST_SECONDS):
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                await interruption.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(stop)
            await anyio.wait_readable(sys.stdin)
            answer = sys.stdin.readline()
            tasks.cancel_scope.cancel()
    return answer.strip().lower() == "yes"


class ProgressView(Protocol):
    """Where progress is shown; a context manager around the run."""

    def __enter__(self) -> ProgressView: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, progress: SlotProgress) -> None:
        """Must not raise."""


def progress_view() -> ProgressView:
    """Live lines on a terminal, plain lines elsewhere; both on standard error."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        return LiveProgress()
    return PlainProgress()


class PlainProgress:
    """One line whenever a slot reaches another stage."""

    def __init__(self) -> None:
        from reconciler.reporting.progress_text import progress_line

        self._line = progress_line
        self._stages: dict[Slot, str] = {}

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, progress: SlotProgress) -> None:
        if self._stages.get(progress.slot) != progress.stage:
            self._stages[progress.slot] = progress.stage
            say(self._line(progress))


class LiveProgress:
    """One line per slot, redrawn in place; the newest twenty where there are more. When the
    terminal goes away the run goes on, and is shown nowhere.
    """

    _LINES_MAX = 20

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines: dict[Slot, str] = {}
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._frame: TimerHandle | None = None
        """Until it ends nothing is drawn."""
        self._drawn = True
        self._lost = False

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._live.is_started:
            return
        with self._until_lost():
            if not self._drawn:
                self._draw()
            self._live.stop()

    def show(self, progress: SlotProgress) -> None:
        """Inside an event loop. What changes within a tenth of a second is drawn at once: drawing
        each of four thousand lines took twice as long as buying a thousand machines.
        """
        from reconciler.reporting.progress_text import progress_line

        self._lines.pop(progress.slot, None)
        self._lines[progress.slot] = progress_line(progress)
        self._drawn = False
        # Not before there is something to show: it hides the cursor, and a question may come first.
        if not self._live.is_started and not self._lost:
            with self._until_lost():
                self._live.start()
        if self._frame is None:
            self._next_frame()

    def _next_frame(self) -> None:
        import asyncio

        self._frame = None
        if not self._drawn and self._live.is_started:
            with self._until_lost():
                self._draw()
            self._frame = asyncio.get_running_loop().call_later(_FRAME_SECONDS, self._next_frame)

    @contextmanager
    def _until_lost(self) -> Iterator[None]:
        """That a terminal cannot be written to must not keep a machine alive."""
        try:
            yield
        except OSError:
            self._lost = True
            forsake(2)
            with suppress(IndexError):  # where it could not even start
                self._live.stop()

    def _draw(self) -> None:
        from rich.text import Text

        self._drawn = True
        newest = sorted(list(self._lines.items())[-self._LINES_MAX :])
        self._live.update(Text("\n".join(line for _, line in newest)), refresh=True)

"""In which form a command tells what it sees and does: text for people, events for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.cli.closed_output import say
from reconciler.cli.running import show_plan, show_result
from reconciler.cli.terminal import PlainProgress, progress_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cli.terminal import ProgressView
    from reconciler.model.errors import DocumentError
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.outcome import SlotOutcome
    from reconciler.model.plan import Plan
    from reconciler.operations.run import RunResult


class Voice(Protocol):
    """None of its methods raises."""

    asks: bool
    """Whether a person is there who can be asked."""

    def listed(self, provider: str, found: ProviderInventory | None) -> None:
        """A provider is asked (None), or has answered."""

    def plan(self, plan: Plan, next_step: str | None = None) -> None:
        """The plan; ``next_step`` is said where it would change something."""

    def progress(self, *, live: bool = True) -> ProgressView:
        """Where progress is shown while a plan is carried out."""

    def outcome(self, outcome: SlotOutcome) -> None:
        """One action has ended."""

    def remark(self, line: str) -> None:
        """One sentence beside the plan."""

    def documents_unusable(self, error: DocumentError) -> None:
        """The loop goes on with what the state holds."""

    def result(self, result: RunResult, *, acted: bool = True) -> int:
        """What a run came to; the exit code."""


class TextVoice:
    """Results on standard output, everything else on standard error."""

    asks = True

    def listed(self, provider: str, found: ProviderInventory | None) -> None:
        return None

    def plan(self, plan: Plan, next_step: str | None = None) -> None:
        show_plan(plan, next_step)

    def progress(self, *, live: bool = True) -> ProgressView:
        return progress_view() if live else PlainProgress()

    def outcome(self, outcome: SlotOutcome) -> None:
        return None

    def remark(self, line: str) -> None:
        say(line)

    def documents_unusable(self, error: DocumentError) -> None:
        say("The documents cannot be used; only lease ends recorded in the state are enforced:")
        for line in error.lines()[:10]:
            say(f"  {line}")

    def result(self, result: RunResult, *, acted: bool = True) -> int:
        return show_result(result)


def speaking(as_json: bool, body: Callable[[Voice], int]) -> int:
    """Run ``body`` with the voice that was asked for; its exit code."""
    if not as_json:
        return body(TextVoice())
    from reconciler.cli.event_stream import stream_events

    return stream_events(body)

"""``-json``: one event a line on standard output, errors included, and nothing else there."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import put
from reconciler.cli.exits import innermost
from reconciler.clock import wall_now
from reconciler.model.errors import DocumentError, GpuShopperError
from reconciler.model.exit_code import ExitCode
from reconciler.model.notice import NoticeKind
from reconciler.model.text import printable
from reconciler.reporting import event_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.address import Slot
    from reconciler.model.event import Event
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.outcome import SlotOutcome
    from reconciler.model.plan import Plan
    from reconciler.model.progress import SlotProgress
    from reconciler.operations.run import RunResult


def stream_events(body: Callable[[EventStream], int]) -> int:
    """Run ``body``; an error becomes diagnostics and the exit code that it has without -json."""
    stream = EventStream()
    try:
        return body(stream)
    except click.ClickException as error:
        stream.error(error.format_message(), ExitCode.USAGE)
        return ExitCode.USAGE
    except click.Abort:
        raise
    except Exception as error:
        if click.get_current_context().meta.get("debug"):
            traceback.print_exc()
        return stream.failure(innermost(error))


class EventStream:
    """A voice for programs. It never asks."""

    asks = False

    def __init__(self) -> None:
        self._steps: dict[Slot, str] = {}
        self._stages: dict[Slot, str] = {}
        self._told: list[SlotOutcome] = []
        self._shown: Plan | None = None
        self._put(event_json.version_event(wall_now()))

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def progress(self, *, live: bool = True) -> EventStream:
        return self

    def listed(self, provider: str, found: ProviderInventory | None) -> None:
        self._put(event_json.listing_event(provider, found, wall_now()))

    def plan(self, plan: Plan, next_step: str | None = None) -> None:
        self._shown = plan
        for event in event_json.plan_events(plan, wall_now(), next_step):
            self._put(event)

    def show(self, progress: SlotProgress) -> None:
        """One event whenever a slot reaches another stage."""
        slot, step = progress.slot, event_json.step_of(progress)
        if self._stages.get(slot) == progress.stage:
            return
        begins = self._steps.get(slot) != step
        self._stages[slot], self._steps[slot] = progress.stage, step
        self._put(event_json.progress_event(progress, wall_now(), begins=begins))

    def outcome(self, outcome: SlotOutcome) -> None:
        self._told.append(outcome)
        self._put(event_json.outcome_event(outcome, wall_now()))

    def remark(self, line: str) -> None:
        self._put(event_json.diagnostic_event("warning", line, wall_now()))

    def documents_unusable(self, error: DocumentError) -> None:
        self.remark("the documents cannot be used; only recorded lease ends are enforced")
        self.failure(error)

    def result(self, result: RunResult, *, acted: bool = True) -> int:
        for text in (*result.warnings, *result.notice_failures):
            self.remark(text)
        for notice in result.notices:
            if notice.kind is not NoticeKind.DESTROYED:
                self._put(event_json.notice_event(notice, wall_now()))
        for outcome in result.outcomes[len(self._told) :]:
            self.outcome(outcome)
        if acted:
            code = int(result.code)
            plan = self._shown or result.plan
            done = event_json.done_event(plan, result.outcomes, code, wall_now())
            self._put(done)
        return int(result.code)

    def error(self, what: str, code: ExitCode, *, why: str = "", fix: str = "") -> None:
        """The error that ends the command."""
        event = event_json.diagnostic_event(
            "error", what, wall_now(), detail=why, fix=fix, code=code
        )
        self._put(event)

    def failure(self, error: Exception) -> int:
        """One diagnostic for an error, or for each problem of the documents; its exit code."""
        if isinstance(error, DocumentError):
            for problem in error.problems:
                self.error(str(problem), error.exit_code)
            return int(error.exit_code)
        if isinstance(error, GpuShopperError):
            self.error(error.what, error.exit_code, why=error.why, fix=error.fix)
            return int(error.exit_code)
        name = type(error).__name__
        what = f"unexpected {name}: {printable(str(error), 300)}"
        self.error(what, ExitCode.UNEXPECTED, fix="run it again with --debug and report it")
        return int(ExitCode.UNEXPECTED)

    def _put(self, event: Event) -> None:
        put(event_json.event_line(event))

"""What happens, as events for other programs: values in, one event each out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler import __version__
from reconciler.model.action_document import ForgetAction, KeepAction, RateAction, UpdateAction
from reconciler.model.event import (
    ApplyCompleteEvent,
    ApplyErroredEvent,
    ApplyProgressEvent,
    ApplyStartEvent,
    ChangeSummaryEvent,
    Diagnostic,
    DiagnosticEvent,
    Done,
    Listing,
    PlannedChangeEvent,
    RefreshCompleteEvent,
    RefreshStartEvent,
    ResourceDriftEvent,
    Step,
    VersionEvent,
)
from reconciler.model.observation import Complete, Unknown
from reconciler.model.published import ascii_json
from reconciler.model.text import printable
from reconciler.reporting.notice_text import notice_lines
from reconciler.reporting.plan_json import plan_actions, plan_counts, plan_money
from reconciler.reporting.plan_text import closing_step
from reconciler.reporting.progress_text import progress_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.action_document import Action
    from reconciler.model.event import Event
    from reconciler.model.exit_code import ExitCode
    from reconciler.model.notice import Notice
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.outcome import SlotOutcome
    from reconciler.model.plan import Finding, Plan
    from reconciler.model.progress import SlotProgress, Stage

StepName = Literal["create", "ready", "destroy", "prove"]
_LONGEST = 400
_STEP_OF: dict[Stage, StepName] = {
    "waiting": "create",
    "placed": "create",
    "created": "ready",
    "booting": "ready",
    "ssh": "ready",
    "gpu check": "ready",
    "ready": "ready",
    "failed": "ready",
    "destroying": "destroy",
    "gone": "prove",
}


def event_line(event: Event) -> str:
    """One line of plain ASCII; control characters of any kind are escaped (I22)."""
    return ascii_json(event.model_dump(mode="json"))


def version_event(now: datetime) -> Event:
    """The first line of every stream."""
    text = f"gpu-shopper {__version__}"
    return VersionEvent(message=text, timestamp=now, gpu_shopper=__version__)


def listing_event(provider: str, found: ProviderInventory | None, now: datetime) -> Event:
    """A provider is asked what exists (``found`` None), or has answered."""
    name = printable(provider)
    if found is None:
        text = f"{name}: asking what exists"
        return RefreshStartEvent(message=text, timestamp=now, hook=Listing(provider=provider))
    if isinstance(found, Unknown):
        hook = Listing(provider=provider, listing="unknown", why=found.why)
        text = printable(f"{name}: no listing: {found.why}", _LONGEST)
        return RefreshCompleteEvent(level="warn", message=text, timestamp=now, hook=hook)
    number = len(found.instances)
    whole = isinstance(found, Complete)
    hook = Listing(
        provider=provider,
        listing="complete" if whole else "partial",
        machines=number,
        why="" if isinstance(found, Complete) else found.why,
    )
    text = f"{name}: {number} machine(s)" + ("" if whole else ", more may exist")
    return RefreshCompleteEvent(message=text, timestamp=now, hook=hook)


def plan_events(plan: Plan, now: datetime, next_step: str | None = None) -> Iterator[Event]:
    """Drift, one event for each action but those that keep, findings, and what it comes to.

    ``next_step`` is said instead of the usual one where the plan would change something.
    """
    actions = [one for one in plan_actions(plan) if not _is_quiet(one, plan)]
    for action in actions:
        if isinstance(action, ForgetAction) and action.unexpected:
            text = printable(f"{action.address}: {action.detail}", _LONGEST)
            yield ResourceDriftEvent(level="warn", message=text, timestamp=now, change=action)
    for action in actions:
        yield PlannedChangeEvent(message=_action_text(action), timestamp=now, change=action)
    yield from (finding_event(one, now) for one in plan.findings)
    counts = plan_counts(plan)
    text = f"Plan: {counts.create} to create, {counts.destroy} to destroy."
    yield ChangeSummaryEvent(
        message=text,
        timestamp=now,
        operation="plan",
        mode=plan.request.mode.value,
        changes=counts,
        money=plan_money(plan),
        next_step=(plan.has_changes and not plan.blocked and next_step) or closing_step(plan),
    )


def _is_quiet(action: Action, plan: Plan) -> bool:
    """Not worth a line, as in the text."""
    match action:
        case KeepAction():
            return True
        case RateAction():
            return not plan.request.only_record
        case UpdateAction():
            return not action.what
        case _:
            return False


def _action_text(action: Action) -> str:
    reason = getattr(action, "reason", "")
    why = f" ({reason})" if reason else ""
    return printable(f"{action.sign} {action.address}{why}", _LONGEST)


def finding_event(finding: Finding, now: datetime) -> Event:
    """An error where it blocks the plan, else a warning."""
    severity: Literal["error", "warning"] = "error" if finding.blocks else "warning"
    return diagnostic_event(severity, finding.message, now, fix=finding.fix, code=finding.code)


def diagnostic_event(
    severity: Literal["error", "warning"],
    summary: str,
    now: datetime,
    *,
    detail: str = "",
    fix: str = "",
    address: str | None = None,
    code: ExitCode | None = None,
) -> Event:
    """Something that the reader has to know."""
    diagnostic = Diagnostic(
        severity=severity,
        summary=summary,
        detail=detail,
        fix=fix,
        address=address,
        exit_code=None if code is None else int(code),
        exit_word=None if code is None else code.word,
    )
    level: Literal["error", "warn"] = "error" if severity == "error" else "warn"
    text = printable(f"{severity.capitalize()}: {summary}", _LONGEST)
    return DiagnosticEvent(level=level, message=text, timestamp=now, diagnostic=diagnostic)


def notice_event(notice: Notice, now: datetime) -> Event:
    """What a person is told, with the command that keeps the machine."""
    first, *_ = notice_lines(notice)
    return diagnostic_event(
        "warning",
        first,
        now,
        fix=notice.keep_command or "",
        address=None if notice.slot is None else str(notice.slot),
    )


def step_of(progress: SlotProgress) -> StepName:
    """Which step of its slot a stage belongs to."""
    return _STEP_OF[progress.stage]


def progress_event(progress: SlotProgress, now: datetime, *, begins: bool) -> Event:
    """A slot has reached another stage; ``begins``: with it a step."""
    kind = ApplyStartEvent if begins else ApplyProgressEvent
    hook = Step(
        address=str(progress.slot),
        fleet=progress.slot.fleet,
        index=progress.slot.index,
        action=step_of(progress),
        stage=progress.stage,
        elapsed_seconds=round(progress.elapsed.total_seconds(), 3),
        usd_per_hour=progress.usd_per_hour,
        detail=progress.detail,
    )
    text = " ".join(progress_line(progress).split())
    return kind(message=text, timestamp=now, hook=hook)


def outcome_event(outcome: SlotOutcome, now: datetime) -> Event:
    """A step is done, or is not."""
    code = outcome.code
    hook = Step.model_validate(
        {
            "address": str(outcome.slot),
            "fleet": outcome.slot.fleet,
            "index": outcome.slot.index,
            "action": outcome.action,
            "mark": outcome.mark or None,
            "detail": outcome.detail,
            "exit_code": None if code is None else int(code),
            "exit_word": None if code is None else code.word,
        }
    )
    text = printable(f"{outcome.slot}: {outcome.action}: {outcome.detail}", _LONGEST)
    if outcome.done:
        return ApplyCompleteEvent(message=text, timestamp=now, hook=hook)
    return ApplyErroredEvent(level="error", message=text, timestamp=now, hook=hook)


def done_event(
    plan: Plan, outcomes: Iterable[SlotOutcome], code: int, now: datetime
) -> ChangeSummaryEvent:
    """The last line of a run that carried a plan out: what was really done."""
    ended = list(outcomes)
    proven = {one.mark for one in ended if one.action == "prove" and one.done}

    def number(action: str) -> int:
        return sum(1 for one in ended if one.action == action and one.done)

    done = Done(
        created=number("create"),
        ready=number("ready"),
        destroyed=number("destroy"),
        proven_gone=number("prove"),
        failed=sum(1 for one in ended if not one.done and one.mark not in proven),
        exit_code=code,
    )
    text = f"Done: {done.created} created, {done.destroyed} destroyed."
    return ChangeSummaryEvent(
        message=text,
        timestamp=now,
        operation="apply",
        mode=plan.request.mode.value,
        changes=plan_counts(plan),
        money=plan_money(plan),
        next_step=None,
        done=done,
    )

"""What ``-json`` prints: one object a line (``schemas/events.schema.json``).

The keys that every line has, and the types, are Terraform's, so that its readers work; what an
action is, is told as in a plan's document.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from reconciler.model.action_document import Action, ForgetAction
from reconciler.model.plan_document import CountsDocument, MoneyDocument
from reconciler.model.published import DecimalText, Moment, Published

UI_VERSION: Literal["1.0"] = "1.0"
MODULE: Literal["gpu-shopper.ui"] = "gpu-shopper.ui"
Level = Literal["info", "warn", "error"]


class _Event(Published):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    level: Level = Field(default="info", alias="@level")
    message: str = Field(alias="@message", description="For people, safe to print.")
    module: Literal["gpu-shopper.ui"] = Field(default=MODULE, alias="@module")
    timestamp: Moment = Field(alias="@timestamp")


class VersionEvent(_Event):
    """The first line."""

    type: Literal["version"] = "version"
    ui: Literal["1.0"] = UI_VERSION
    gpu_shopper: str


class Listing(Published):
    """One provider's account. ``listing`` and ``machines`` are null until it has answered;
    ``why`` says what is missing.
    """

    provider: str
    listing: Literal["complete", "partial", "unknown"] | None = None
    machines: int | None = None
    why: str = ""


class RefreshStartEvent(_Event):
    """A provider is asked what exists."""

    type: Literal["refresh_start"] = "refresh_start"
    hook: Listing


class RefreshCompleteEvent(_Event):
    """What the provider said, or that it said nothing."""

    type: Literal["refresh_complete"] = "refresh_complete"
    hook: Listing


class ResourceDriftEvent(_Event):
    """A machine has gone at its provider, and not by us."""

    type: Literal["resource_drift"] = "resource_drift"
    change: ForgetAction


class PlannedChangeEvent(_Event):
    """One action of the plan; kept machines are only counted."""

    type: Literal["planned_change"] = "planned_change"
    change: Action


class Done(Published):
    """What was really done; ``failed`` steps are not. The command ends with ``exit_code``."""

    created: int
    ready: int
    destroyed: int
    proven_gone: int
    failed: int
    exit_code: int


class ChangeSummaryEvent(_Event):
    """After the planned changes: what the plan comes to. Last of a run: ``done`` is set."""

    type: Literal["change_summary"] = "change_summary"
    operation: Literal["plan", "apply"]
    mode: Literal["apply", "destroy", "loop"]
    changes: CountsDocument
    money: MoneyDocument
    next_step: str | None
    done: Done | None = None


class Step(Published):
    """One step on a slot.

    ``action``: a ``create`` is followed by ``ready``, a ``destroy`` by ``prove``, because an
    accepted destroy is a request and not a fact. ``elapsed_seconds`` counts from the step's start.
    """

    address: str
    fleet: str
    index: int
    action: Literal["create", "ready", "destroy", "prove", "timer"]
    stage: str | None = None
    elapsed_seconds: float | None = None
    usd_per_hour: DecimalText | None = None
    mark: str | None = None
    detail: str = ""
    exit_code: int | None = None
    exit_word: str | None = None


class ApplyStartEvent(_Event):
    """A step has begun."""

    type: Literal["apply_start"] = "apply_start"
    hook: Step


class ApplyProgressEvent(_Event):
    """A slot has reached another stage."""

    type: Literal["apply_progress"] = "apply_progress"
    hook: Step


class ApplyCompleteEvent(_Event):
    """A step is done."""

    type: Literal["apply_complete"] = "apply_complete"
    hook: Step


class ApplyErroredEvent(_Event):
    """A step is not done, or not yet; a step that never began has no start."""

    type: Literal["apply_errored"] = "apply_errored"
    hook: Step


class Diagnostic(Published):
    """``detail`` says why or where, ``fix`` what to do; both may be empty.

    ``exit_code`` is the code that this asks for, which a more urgent one may outrank.
    """

    severity: Literal["error", "warning"]
    summary: str
    detail: str = ""
    fix: str = ""
    address: str | None = None
    exit_code: int | None = None
    exit_word: str | None = None


class DiagnosticEvent(_Event):
    """Something to know: a finding, a warning, a notice, or the error that ended the command."""

    type: Literal["diagnostic"] = "diagnostic"
    diagnostic: Diagnostic


Event = Annotated[
    VersionEvent
    | RefreshStartEvent
    | RefreshCompleteEvent
    | ResourceDriftEvent
    | PlannedChangeEvent
    | ChangeSummaryEvent
    | ApplyStartEvent
    | ApplyProgressEvent
    | ApplyCompleteEvent
    | ApplyErroredEvent
    | DiagnosticEvent,
    Field(discriminator="type"),
]

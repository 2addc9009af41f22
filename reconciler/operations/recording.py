"""Decisions kept for later, and made once more from what was kept (SPEC.md section 11)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.documents.resource_blocks import NODES_MAX
from reconciler.model.decision import RecordedDecision
from reconciler.model.errors import StateError
from reconciler.model.value import dataclass
from reconciler.planning.fingerprint import plan_fingerprint
from reconciler.planning.planner import compute_plan
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_text import plan_text
from reconciler.statefile.decision_file import read_decision, write_decision

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.decision import DecisionInputs
    from reconciler.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Replay:
    """A plan made again, beside the decision that was recorded."""

    plan: Plan
    text: str
    recorded: RecordedDecision

    @property
    def same_text(self) -> bool:
        return self.text == self.recorded.text

    @property
    def same(self) -> bool:
        """Word for word, and action for action."""
        return self.same_text and _digest(self.plan) == self.recorded.digest


def decision_of(inputs: DecisionInputs, plan: Plan, shown: Plan) -> RecordedDecision:
    """What is worth keeping of a decision. ``shown``: ``plan`` as its reader saw it."""
    return RecordedDecision(
        inputs=inputs,
        text=plan_text(shown, PLAIN),
        digest=_digest(plan),
        program=__version__,
        enforced_by=None if shown.enforced_by == plan.enforced_by else shown.enforced_by,
    )


def record_decision(path: Path, inputs: DecisionInputs, plan: Plan, shown: Plan) -> None:
    """Write the decision to ``path``. Raises ``GpuShopperError`` when that is not possible."""
    write_decision(path, decision_of(inputs, plan, shown))


def replay_file(path: Path) -> Replay:
    """Decide again from the file alone: no documents, no state, no provider, no clock.

    Raises ``StateError`` (13) for a file that is damaged or that no plan can be made of.
    """
    recorded = read_decision(path)
    desired = recorded.inputs.desired
    if desired and any(one.nodes.maximum > NODES_MAX for one in desired.fleets.values()):
        raise StateError(f"a fleet of more than {NODES_MAX} nodes was recorded; it was altered")
    try:
        return replay(recorded)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise StateError(
            "the recorded decision holds values of which no plan can be made",
            why=f"{type(error).__name__} while deciding; it was altered, or this is a mistake",
            fix="record another one; if this one is untouched, report it",
        ) from error


def replay(recorded: RecordedDecision) -> Replay:
    """The plan of the recorded inputs, with the words that its reader was shown."""
    inputs = recorded.inputs
    plan = compute_plan(
        inputs.desired,
        inputs.recorded,
        inputs.observed,
        inputs.offers,
        inputs.now,
        inputs.request,
    )
    if recorded.enforced_by is not None:
        plan = replace(plan, enforced_by=recorded.enforced_by)
    return Replay(plan, plan_text(plan, PLAIN), recorded)


def _digest(plan: Plan) -> str:
    told = json.dumps(plan_fingerprint(plan), default=lambda lease: lease.model_dump(mode="json"))
    return hashlib.sha256(told.encode()).hexdigest()

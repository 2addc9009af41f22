"""A decision with everything that it was made from: the same inputs give the same plan (I21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.fleet import DesiredState
    from reconciler.model.observation import ObservedState
    from reconciler.model.offer import OfferBook
    from reconciler.model.plan import PlanRequest
    from reconciler.model.record import RecordedState


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """All that a plan depends on. ``desired`` None: the documents could not be read."""

    desired: DesiredState | None
    recorded: RecordedState
    observed: ObservedState
    offers: OfferBook
    now: datetime
    request: PlanRequest


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """Inputs with the plan that came of them, as it was shown, by which version of this program.

    ``digest`` identifies the actions of the plan. ``enforced_by``: the words that stood in place
    of the plan's own (a loop that passes enforces); None for the plan's own.
    """

    inputs: DecisionInputs
    text: str
    digest: str
    program: str
    enforced_by: str | None = None

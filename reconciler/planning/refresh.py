"""``-refresh-only`` and ``-refresh=false``: plans that do not act on what they see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Keep
from reconciler.planning.verdicts import doubt_about

if TYPE_CHECKING:
    from reconciler.planning.scene import Decisions, Scene


def recording_only(decisions: Decisions, scene: Scene) -> Decisions:
    """``decisions`` without anything that would destroy or announce: what is left is recorded.

    A create that was found under its mark is adopted; an orphan, or a late arrival, would be
    adopted only to be destroyed, and so is left for another run.
    """
    ours = set(scene.recorded.instances)
    ours |= {mark for mark, intent in scene.recorded.intents.items() if intent.blocks_slot}
    spared = [(one.record, one.reason) for one in decisions.destroys]
    spared += [(one.record, one.reason) for one in decisions.announces]
    return replace(
        decisions,
        adopts=[one for one in decisions.adopts if one.record.mark in ours],
        destroys=[],
        announces=[],
        keeps=[
            *decisions.keeps,
            *(
                Keep(record, None, f"{reason}, not touched by -refresh-only")
                for record, reason in spared
                if record.mark in ours
            ),
        ],
        protected=[],
        reported=[],
    )


def unread(decisions: Decisions) -> Decisions:
    """Every machine that may go on living is in doubt: nobody asked for it.

    A machine whose recorded lease has ended goes whatever it would have said of itself.
    """
    doubts = [doubt_about(keep.record, keep.detail or "as recorded") for keep in decisions.keeps]
    return replace(decisions, keeps=[], doubts=[*decisions.doubts, *doubts])

"""What carrying out a plan came to, action by action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.model.address import Slot
    from reconciler.model.exit_code import ExitCode


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What became of one action."""

    slot: Slot
    action: str
    done: bool
    detail: str
    code: ExitCode | None = None
    mark: str = ""

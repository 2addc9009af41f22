"""What a person is told while the end of machines is awaited (SPEC.md section 12, 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.quantity import about
from reconciler.planning.absence import earliest_proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.record import InstanceRecord

_FIRST_SECONDS = 5.0
_THEN_SECONDS = 15.0


class ProofCountdown:
    """One sentence every fifteen seconds: a wait of minutes looked as if it hung. None where the
    proof comes within five.
    """

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context
        self._due = context.clock.elapsed_seconds() + _FIRST_SECONDS

    def tell(self, waiting: Sequence[InstanceRecord], deadline_seconds: float) -> None:
        """``waiting``: those that are not proven gone yet, at least one."""
        elapsed = self._context.clock.elapsed_seconds()
        if elapsed < self._due:
            return
        self._due = elapsed + _THEN_SECONDS
        left = about(timedelta(seconds=max(0.0, deadline_seconds - elapsed)))
        self._context.remark(f"{self._what(waiting)}; {left} left, then exit 11.")

    def _what(self, waiting: Sequence[InstanceRecord]) -> str:
        accepted = sum(one.doom is not None and one.doom.accepted_at is not None for one in waiting)
        machines = "1 machine is" if len(waiting) == 1 else f"{len(waiting)} machines are"
        said = f"Waiting for proof that {machines} gone"
        if accepted < len(waiting):
            return f"{said}: {len(waiting) - accepted} not accepted yet by the provider"
        proof = self._earliest(waiting)
        return f"{said}: expected in {about(proof)}" if proof else said

    def _earliest(self, waiting: Sequence[InstanceRecord]) -> timedelta | None:
        """Until a listing can prove it for all of them; None where one was seen just now."""
        now, longest = self._context.clock.now(), timedelta(seconds=1)
        for record in waiting:
            provider = self._context.providers.get(record.provider)
            if provider is None or record.absence is None or not record.absence.first_absent_at:
                return None
            window = provider.capabilities.visibility_window
            longest = max(longest, earliest_proof(record.absence, window) - now)
        return longest

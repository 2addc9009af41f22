"""The lines that one save of the state adds to its audit trail."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from reconciler.model.audit import Effect
from reconciler.model.published import moment_text
from reconciler.statefile.audit_chain import START, sealed

if TYPE_CHECKING:
    from reconciler.model.audit import Actor, AuditOutcome
    from reconciler.model.record import RecordedState

CHECKPOINT_EVERY = 1000
_FIELDS = tuple(field.name for field in fields(Effect))
_values_of = attrgetter(*_FIELDS)


class Batch:
    """Lines behind ``head``, which moves with each. ``state`` is the one about to be saved."""

    def __init__(self, state: RecordedState, actor: Actor, now: datetime) -> None:
        self.head = START
        self.gaps: list[str] = []
        self._state = state
        self._at = moment_text(now)
        self._actor: dict[str, Any] = {
            "serial": state.serial,
            "operation": actor.operation,
            "who": actor.who,
            "pid": actor.pid,
            **({"run": actor.run} if actor.run else {}),
        }
        self._program = actor.program
        self._lines: list[bytes] = []

    @property
    def serial(self) -> int:
        """Of the state about to be saved."""
        return self._state.serial

    @property
    def data(self) -> bytes:
        """All of it, to be written in one go."""
        return b"".join(self._lines)

    def end_line(self) -> None:
        """A crash cut the line before of its end, and of nothing else."""
        self._lines.append(b"\n")

    def end_torn_line(self, torn: bytes) -> None:
        """Leave what a crash cut as a line by itself, and say what it was."""
        self._lines.append(b"\n")
        digest = hashlib.sha256(torn).hexdigest()
        detail = f"the line before was cut after {len(torn)} bytes, as by a crash"
        self.gap("torn", detail, torn_sha256=digest)

    def gap(self, outcome: AuditOutcome, detail: str, **more: Any) -> None:
        """Something is not in the trail, or has no state behind it."""
        self.gaps.append(detail)
        self._add(action="gap", outcome=outcome, detail=detail, follows=self.head.digest, **more)

    def checkpoint(self, kept_from: int | None = None) -> None:
        """Where trail and state stand now. The first line of each file names ``kept_from``."""
        self._add(
            action="checkpoint",
            outcome="done",
            program=self._program,
            lineage=self._state.lineage,
            follows=self.head.digest,
            kept_from=kept_from,
            machines=len(self._state.instances),
        )

    def tell(self, effect: Effect) -> None:
        """One effect; a checkpoint follows it now and then."""
        self._add(**dict(zip(_FIELDS, _values_of(effect), strict=True)))
        if self.head.n % CHECKPOINT_EVERY == 0:
            self.checkpoint()

    def _add(self, **told: Any) -> None:
        shown = {name: _plain(value) for name, value in told.items() if value is not None}
        line, self.head = sealed({"at": self._at, **shown, **self._actor}, self.head)
        self._lines.append(line)


def _plain(value: object) -> object:
    if type(value) is str:
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return moment_text(value) if isinstance(value, datetime) else value

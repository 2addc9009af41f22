"""One line of the audit trail (SPEC.md section 11, ``schemas/audit.schema.json``).

A line is one JSON object with its number first and its hash last. ``hash`` covers the line and the
hash before it, so that a line cannot be changed, left out or moved without a trace.
"""

from __future__ import annotations

from pydantic import Field

from reconciler.model.audit import AuditAction, AuditOutcome
from reconciler.model.published import DecimalText, Moment, Published


class AuditEntry(Published):
    """One line of the trail. What does not apply to it is left out."""

    n: int = Field(description="Its number; the next line has the next one.")
    at: Moment
    action: AuditAction
    outcome: AuditOutcome = Field(
        description="`intent` is written before the order is sent; every other word after it."
    )
    slot: str | None = None
    mark: str | None = None
    provider: str | None = None
    instance_id: str | None = None
    reason: str | None = Field(default=None, description="The word that the plan gave.")
    usd_per_hour: DecimalText | None = None
    usd: DecimalText | None = Field(default=None, description="About what it has cost so far.")
    ends_at: Moment | None = None
    detail: str | None = None
    serial: int = Field(description="Of the state that was saved with it.")
    operation: str = Field(description="The command.")
    who: str = Field(description="User and host.")
    pid: int
    run: str | None = Field(default=None, description="The CI run, where there is one.")
    program: str | None = Field(default=None, description="Version of gpu-shopper.")
    lineage: str | None = None
    follows: str | None = Field(default=None, description="The hash before, once more.")
    kept_from: int | None = Field(default=None, description="The oldest entry that is kept.")
    machines: int | None = Field(default=None, description="How many the state then held.")
    torn_sha256: str | None = Field(default=None, description="Of the line before, cut by a crash.")
    hash: str

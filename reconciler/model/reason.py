"""The closed list of reasons (SPEC.md section 3). The same word stands in plan, notice, state."""

from __future__ import annotations

from enum import StrEnum


class CreateReason(StrEnum):
    """Why a machine is bought."""

    NEW = "new"
    SCALED_UP = "scaled-up"
    REPLACED = "replaced"
    HEALED = "healed"

    @property
    def sentence(self) -> str:
        """Why, in words."""
        return _CREATE_SENTENCES[self]


class DestroyReason(StrEnum):
    """Why a machine is destroyed."""

    EXPIRED = "expired"
    OVER_BUDGET = "over-budget"
    UNDECLARED = "undeclared"
    SCALED_DOWN = "scaled-down"
    FAILED_READY = "failed-ready"
    DRIFTED = "drifted"
    OVERPRICED = "overpriced"
    ORPHANED = "orphaned"
    REQUESTED = "requested"
    OUTSIDE_HOURS = "outside-hours"

    @property
    def may_be_a_slip(self) -> bool:
        """True for the reasons that the fuse counts (SPEC.md section 5)."""
        return self not in _PROMISES

    @property
    def sentence(self) -> str:
        """Why, in words, for a notice or an explanation."""
        return _SENTENCES[self]


_CREATE_SENTENCES = {
    CreateReason.NEW: "its lease opens with it: the fleet is new, renewed, or was destroyed before",
    CreateReason.SCALED_UP: "the documents ask for more nodes than were applied last",
    CreateReason.REPLACED: "it takes the place of a machine that goes",
    CreateReason.HEALED: "the machine of its slot was lost while the lease runs",
}
_PROMISES = frozenset(
    {
        DestroyReason.EXPIRED,
        DestroyReason.OVER_BUDGET,
        DestroyReason.REQUESTED,
        DestroyReason.FAILED_READY,
        DestroyReason.OUTSIDE_HOURS,
    }
)
_SENTENCES = {
    DestroyReason.EXPIRED: "its lease has ended",
    DestroyReason.OVER_BUDGET: "a budget that pays for it is used up",
    DestroyReason.UNDECLARED: "its fleet is no longer in the documents",
    DestroyReason.SCALED_DOWN: "its slot is no longer in the documents",
    DestroyReason.FAILED_READY: "it failed, was not ready in time, or (spot) was taken away",
    DestroyReason.DRIFTED: "it does not match the documents any more",
    DestroyReason.OVERPRICED: "it is billed above the approved ceiling",
    DestroyReason.ORPHANED: "it carries our mark and no record knows it",
    DestroyReason.REQUESTED: "it was asked for",
    DestroyReason.OUTSIDE_HOURS: "its office hours are over",
}

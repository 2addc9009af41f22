"""Exit codes of the command (SPEC.md section 10) and which one wins (section 12, 13)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the shell sees. The values are a published contract and never change."""

    DONE = 0
    UNEXPECTED = 1
    CHANGES = 2
    PARTIAL = 3
    LOCKED = 4
    REFUSED_BY_RULE = 5
    REFUSED_BY_BUDGET = 6
    NO_OFFER = 7
    PROVIDER_FAILURE = 8
    NOT_READY = 9
    STALE_PLAN = 10
    DESTROY_UNVERIFIED = 11
    DOCUMENTS_INVALID = 12
    STATE_UNUSABLE = 13
    USAGE = 64
    CREDENTIALS = 77
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def word(self) -> str:
        """Its name for other programs: ``refused-by-rule``."""
        return self.name.lower().replace("_", "-")


# The first one present wins: money that may still flow outranks everything.
_PRECEDENCE = (
    ExitCode.DESTROY_UNVERIFIED,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.STATE_UNUSABLE,
    ExitCode.DOCUMENTS_INVALID,
    ExitCode.CREDENTIALS,
    ExitCode.LOCKED,
    ExitCode.STALE_PLAN,
    ExitCode.REFUSED_BY_RULE,
    ExitCode.REFUSED_BY_BUDGET,
    ExitCode.PROVIDER_FAILURE,
    ExitCode.NO_OFFER,
    ExitCode.NOT_READY,
    ExitCode.PARTIAL,
    ExitCode.UNEXPECTED,
    ExitCode.USAGE,
    ExitCode.CHANGES,
)


def most_urgent(codes: Iterable[ExitCode]) -> ExitCode:
    """The code to exit with when several apply; DONE when none does."""
    present = set(codes)
    for code in _PRECEDENCE:
        if code in present:
            return code
    return ExitCode.DONE

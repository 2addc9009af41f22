"""The error tree. Every error says what, where, why and the fix, and carries its exit code.

GpuShopperError                     1   unexpected or local I/O error
├── DocumentError                  12   documents invalid, all problems of all files at once
│   └── EmptyDocuments              12   they hold nothing at all (5 where a state would lose nodes)
├── UnsafePlan                      5   refused by a safety rule
├── BudgetExceeded                  6   refused by a budget or an account balance
├── NoOfferMatches                  7   below the minimum of a fleet
├── StateError                     13   state unusable
│   ├── StateLocked                 4   lock held by someone else
│   └── StateConflict              13   someone else wrote in between (compare-and-swap failed)
├── StalePlan                      10   what was approved is no longer what would be done
├── CredentialsMissing             77   credentials missing or refused
├── UsageRefused                   64   the command line asks for something that cannot be
└── ProviderError                   8   provider failure
    ├── ProviderUnavailable             no answer, or an answer that says nothing
    ├── RateLimited                     asked to wait (`delay_seconds`)
    ├── AuthenticationFailed            the key is refused
    ├── OfferGone                       the offer was taken: pick another
    ├── InsufficientCapacity            the provider has none now: pick another place
    ├── CreateRefused                   the provider says no, and surely created nothing
    ├── CreateOutcomeUnknown            it may exist: look for our mark before anything else
    ├── InstanceNotFound                evidence of absence, never proof by itself
    └── UnexpectedResponse              an answer in an unknown shape
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.model.problem import Problem


class GpuShopperError(Exception):
    """Base of every error we raise on purpose.

    ``what`` is one sentence; ``fix`` the next step for the reader, may be empty. Text that came
    from outside must have passed ``reconciler.model.text.printable`` before it gets here.
    """

    exit_code: ExitCode = ExitCode.UNEXPECTED

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def lines(self) -> list[str]:
        """The message as printed, at most ten lines."""
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return lines


class DocumentError(GpuShopperError):
    """The documents cannot be used. ``problems`` holds all that were found, in reading order."""

    exit_code = ExitCode.DOCUMENTS_INVALID

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the documents")

    def lines(self) -> list[str]:
        return [*(str(problem) for problem in self.problems), self.what]


class EmptyDocuments(DocumentError):
    """Every document is empty or only comments: nothing may be destroyed because of it.

    The caller who finds a state turns it into ``UnsafePlan`` (RELIABILITY.md, bad input 20).
    """


class UnsafePlan(GpuShopperError):
    """A safety rule refuses the plan; the message names the rule, the numbers and the flag."""

    exit_code = ExitCode.REFUSED_BY_RULE


class BudgetExceeded(GpuShopperError):
    """A budget or a balance cannot carry the plan; the message names the shortfall."""

    exit_code = ExitCode.REFUSED_BY_BUDGET


class NoOfferMatches(GpuShopperError):
    """A fleet cannot reach its minimum with the offers there are."""

    exit_code = ExitCode.NO_OFFER


class StateError(GpuShopperError):
    """The state cannot be used: corrupt, newer than this program, or of another lineage or host."""

    exit_code = ExitCode.STATE_UNUSABLE


class StateLocked(StateError):
    """Someone else holds the lock; the message names holder, host, pid and age."""

    exit_code = ExitCode.LOCKED


class StateConflict(StateError):
    """The state changed under us: lineage or serial is not what we read. Nothing was written."""


class StalePlan(GpuShopperError):
    """State, documents or prices moved since the plan was shown."""

    exit_code = ExitCode.STALE_PLAN


class CredentialsMissing(GpuShopperError):
    """A provider's key is missing, malformed or refused. The value is never in the message."""

    exit_code = ExitCode.CREDENTIALS


class UsageRefused(GpuShopperError):
    """The command line names something that does not exist or cannot be combined."""

    exit_code = ExitCode.USAGE


_PROVIDERS_WORDS = 400


class ProviderError(GpuShopperError):
    """A provider failed or gave an answer that cannot be used.

    Its words are cut and made printable here, whatever an adapter made of them: they are said,
    logged and stored.
    """

    exit_code = ExitCode.PROVIDER_FAILURE

    def __init__(self, provider: str, what: str, *, why: str = "", fix: str = "") -> None:
        what, why = printable(what, _PROVIDERS_WORDS), printable(why, _PROVIDERS_WORDS)
        super().__init__(f"{provider}: {what}", why=why, fix=fix)
        self.provider = provider


class ProviderUnavailable(ProviderError):
    """No answer, a server error, or a deadline passed. Says nothing about what exists."""


class RateLimited(ProviderError):
    """The provider asked us to wait; ``delay_seconds`` is what it named, or None."""

    def __init__(self, provider: str, what: str, *, delay_seconds: float | None = None) -> None:
        super().__init__(provider, what)
        self.delay_seconds = delay_seconds


class AuthenticationFailed(ProviderError):
    """The key is refused."""

    exit_code = ExitCode.CREDENTIALS


class OfferGone(ProviderError):
    """The offer was taken by someone else; surely nothing was created."""


class InsufficientCapacity(ProviderError):
    """The provider has no such machine now; surely nothing was created."""


class CreateRefused(ProviderError):
    """The provider refused the create for another reason; surely nothing was created."""


class CreateOutcomeUnknown(ProviderError):
    """The create may have succeeded. Never send it again; look for the mark.

    ``instance_id`` is set when the answer carried an id beside its error (C1.4).
    """

    def __init__(self, provider: str, what: str, *, instance_id: str | None = None) -> None:
        super().__init__(provider, what)
        self.instance_id = instance_id


class InstanceNotFound(ProviderError):
    """A direct read says the instance does not exist: evidence, never proof by itself (I12).

    ``ended_at``: when it was gone, where the provider says, by a clock that is ours too.
    """

    def __init__(self, provider: str, what: str, *, ended_at: datetime | None = None) -> None:
        super().__init__(provider, what)
        self.ended_at = ended_at


class UnexpectedResponse(ProviderError):
    """The answer has an unknown shape. Never read as empty, never as gone."""


class AnotherInstance(UnexpectedResponse):
    """A direct read was answered with the machine ``other_id``. It says nothing about the one that
    was asked for, unless that id is another spelling of this one (C2.12).
    """

    def __init__(self, provider: str, other_id: str) -> None:
        super().__init__(provider, "read: the answer cannot be used: it describes another machine")
        self.other_id = other_id

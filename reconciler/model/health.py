"""What ``doctor`` finds: checks, and the business that is not finished, with its money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler.model.cost import ZERO
from reconciler.model.exit_code import ExitCode, most_urgent
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``code`` is set when it failed, and only then.

    Texts are as they came; whoever prints them escapes them.
    """

    name: str
    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""
    code: ExitCode | None = None


def passed(name: str, what: str) -> Check:
    """All is well."""
    return Check(name, "ok", what)


def warned(name: str, what: str, *, why: str = "", fix: str = "") -> Check:
    """Worth knowing, and no reason to fail."""
    return Check(name, "warning", what, why, fix)


def failed(
    name: str, what: str, code: ExitCode = ExitCode.UNEXPECTED, *, why: str = "", fix: str = ""
) -> Check:
    """Wrong: the command ends with ``code`` or a more urgent one."""
    return Check(name, "failed", what, why, fix, code)


UnfinishedKind = Literal[
    "create-unresolved", "expired", "destroy-overdue", "destroy-pending", "missing"
]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Something that costs money, or may, and is not settled.

    ``usd`` is what it has cost since ``since``, when it should have been settled, at the last
    known rate.
    """

    kind: UnfinishedKind
    slot: str
    provider: str
    instance_id: str | None
    mark: str
    since: datetime
    usd_per_hour: Decimal
    usd: Decimal
    detail: str
    code: ExitCode | None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One look at everything around a workspace. ``state_read`` False: what is unfinished, and its
    money, is not known.
    """

    workspace: str
    now: datetime
    checks: tuple[Check, ...]
    unfinished: tuple[Unfinished, ...]
    state_read: bool = True

    @property
    def usd_per_hour(self) -> Decimal:
        return sum((one.usd_per_hour for one in self.unfinished), ZERO)

    @property
    def usd(self) -> Decimal:
        return sum((one.usd for one in self.unfinished), ZERO)

    @property
    def code(self) -> ExitCode:
        """The most urgent of what failed."""
        codes = [check.code for check in self.checks]
        codes += [one.code for one in self.unfinished]
        return most_urgent(code for code in codes if code is not None)


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """What ``providers check`` found of one configured provider.

    ``account`` is None where none was shown, ``balance_usd`` where none is told.
    """

    provider: str
    type: str
    account: str | None
    balance_usd: Decimal | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ProvidersReport:
    """All configured providers, by name."""

    now: datetime
    providers: tuple[ProviderHealth, ...]

    @property
    def code(self) -> ExitCode:
        """The most urgent of what failed."""
        checks = (check for one in self.providers for check in one.checks)
        return most_urgent(check.code for check in checks if check.code is not None)

"""What every machine has cost, as it is kept in the state (SPEC.md section 6).

Rows are short texts, which are understood only by whoever asks for money: a state of ten thousand
machines is read as fast as without them. All money inside is whole micro-dollars.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from reconciler.model.balance import BalanceWarning
from reconciler.model.value import dataclass

MICRO = Decimal("0.000001")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

CostKind = Literal["gpu", "disk", "stopped", "failed-boot"]
COST_KINDS: tuple[CostKind, ...] = ("gpu", "disk", "stopped", "failed-boot")


class Ledger(BaseModel):
    """``running`` is by mark, and only for machines of which more is known than their record
    says: since when exactly they are billed, what their disk costs, what they were billed before.
    ``spent`` is what machines that are gone have cost, by the text of an ``Account``. ``closed``
    are the newest of them, ``failed`` the newest that never became ready, as
    ``ClosedMachine.row``.

    A row of ``running`` is ``since,until,rate,disk rate,u`` for each segment, ``;`` between them:
    microseconds since 1970, dollars an hour, ``u`` for unknown; the last one still runs, at the
    rate of its record. One of ``spent`` is ``h490123:gpu,disk,stopped,failed,unknown,seconds``:
    the hour or day since 1970, or the month since year 0, and micro-dollars.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    running: dict[str, str] = {}
    spent: dict[str, str] = {}
    closed: list[str] = []
    failed: list[str] = []
    unseen: dict[str, AwareDatetime] = {}
    """Providers that cannot be read, and since when."""
    looked_at: dict[str, AwareDatetime] = {}
    """When each provider's last whole listing was begun, as far as it was worth a write."""
    low_balances: dict[str, BalanceWarning] = {}
    """Providers of whose balance people were warned."""


EMPTY_LEDGER = Ledger.model_construct()


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a machine's cost is attributed to."""

    fleet: str
    team: str | None
    owner: str | None
    labels: tuple[tuple[str, str], ...]
    provider: str
    gpu: str

    @property
    def text(self) -> str:
        """How it is stored."""
        labels = [list(pair) for pair in self.labels]
        whole = [self.fleet, self.team, self.owner, labels, self.provider, self.gpu]
        return json.dumps(whole, separators=(",", ":"))


def account_of(text: str) -> Account:
    """The account that ``Account.text`` wrote. Raises ValueError for anything else."""
    try:
        fleet, team, owner, labels, provider, gpu = json.loads(text)
        pairs = tuple((str(key), str(value)) for key, value in labels)
    except (TypeError, ValueError) as error:
        raise ValueError("not an account of a ledger") from error
    return Account(str(fleet), team, owner, pairs, str(provider), str(gpu))


@dataclass(frozen=True, slots=True)
class Segment:
    """One rate over one stretch of time; ``until`` is None while it is still running.

    ``usd_per_hour`` is the whole rate, ``disk_usd_per_hour`` the part of it that the disk costs. A
    machine that costs no more than its disk is stopped. ``unknown``: nobody could see it then, and
    it is billed at the last known rate.
    """

    since: datetime
    until: datetime | None
    usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    unknown: bool = False

    @property
    def stopped(self) -> bool:
        return self.usd_per_hour <= self.disk_usd_per_hour


@dataclass(frozen=True, slots=True)
class Amounts:
    """Whole micro-dollars by kind. ``unknown`` is how much of their sum was billed while nobody
    could see the machine; ``seconds`` is machine time.
    """

    gpu: int = 0
    disk: int = 0
    stopped: int = 0
    failed: int = 0
    unknown: int = 0
    seconds: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.gpu + other.gpu,
            self.disk + other.disk,
            self.stopped + other.stopped,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.seconds + other.seconds,
        )

    @property
    def micro_usd(self) -> int:
        return self.gpu + self.disk + self.stopped + self.failed

    @property
    def usd(self) -> Decimal:
        """Everything together, in dollars."""
        return self.micro_usd * MICRO

    def of(self, kind: CostKind) -> int:
        """Micro-dollars of one kind."""
        return (self.gpu, self.disk, self.stopped, self.failed)[COST_KINDS.index(kind)]

    @property
    def as_failed(self) -> Amounts:
        """The same money, all of it spent on a machine that never became ready."""
        return Amounts(failed=self.micro_usd, unknown=self.unknown, seconds=self.seconds)


NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class ClosedMachine:
    """A machine that is gone, and what it cost from its first to its last second."""

    provider: str
    instance_id: str
    slot: str
    gpu: str
    since: datetime
    until: datetime
    usd: Decimal
    why: str

    @property
    def row(self) -> str:
        """How it is stored."""
        texts = [self.provider, self.instance_id, self.slot, self.gpu]
        moments = [microseconds(self.since), microseconds(self.until)]
        return json.dumps([*texts, *moments, str(self.usd), self.why], separators=(",", ":"))


def closed_machine_of(row: str) -> ClosedMachine:
    """What ``ClosedMachine.row`` wrote. Raises ValueError for anything else."""
    try:
        provider, instance_id, slot, gpu, since, until, usd, why = json.loads(row)
        return ClosedMachine(
            provider, instance_id, slot, gpu, moment(since), moment(until), Decimal(usd), why
        )
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError("not a machine of a ledger") from error


def microseconds(when: datetime) -> int:
    """Since 1970, exact."""
    return (when - _EPOCH) // _MICROSECOND


def moment(since_1970: int) -> datetime:
    """The other way round."""
    return _EPOCH + since_1970 * _MICROSECOND

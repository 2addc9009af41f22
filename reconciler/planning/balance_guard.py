"""Accounts at providers: whether the balance carries what runs there until its leases end.

``min_balance_usd`` is a wall for what is bought. Without it a balance that does not last is said,
and nothing more. Nothing is ever destroyed for a balance.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from reconciler.model.balance import Balance, BalanceSummary
from reconciler.model.cost import ZERO, format_rate, format_usd
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Finding
from reconciler.model.quantity import LONGEST_DURATION
from reconciler.planning.commitments import going, staying
from reconciler.planning.leases import planned_end
from reconciler.planning.spending import lease_cost, leaving_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.plan import Create
    from reconciler.planning.scene import Decisions, Scene

_UNREAD = Balance(None, "its account was not read")
_CENT = Decimal("0.01")


class AccountPurse:
    """What one account has left while creates are weighed one after the other."""

    def __init__(self, provider: str, scene: Scene, decisions: Decisions) -> None:
        settings = scene.desired.providers.get(provider) if scene.desired else None
        self.provider = provider
        self.balance = scene.observed.balances.get(provider, _UNREAD)
        self.least = settings.min_balance_usd if settings else None
        self.refused: list[Create] = []
        self._scene = scene
        self._ends = [scene.now]
        self.committed, self.burn = ZERO, ZERO
        for one in staying(decisions, scene):
            if one.provider == provider:
                self.committed += lease_cost(one.usd_per_hour, one.ends_at, scene.now, scene.tick)
                self.burn += one.usd_per_hour
                self._ends.append(one.ends_at)
        for one in going(decisions, scene):
            if one.provider == provider:
                self.committed += leaving_cost(one.usd_per_hour, scene.tick)
        self.burn += _rate_of_others(provider, scene)

    @property
    def tells_providers_apart(self) -> bool:
        """Whether it matters that a create stays with its provider: where a balance is kept."""
        return self.least is not None

    def covers(self, _fleet: str, provider: str) -> bool:
        return provider == self.provider

    def pays_for(self, create: Create) -> bool:
        return self.covers(create.slot.fleet, create.offer.provider)

    def has_room(self, create: Create) -> bool:
        if self.least is None:
            return True
        if self.balance.usd is None:
            return False
        return self.balance.usd - self.committed - self._share_of(create) >= self.least

    def take(self, create: Create, sign: int = 1) -> None:
        self.committed += sign * self._share_of(create)
        self.burn += sign * create.usd_per_hour
        if sign > 0:
            self._ends.append(self._end_of(create))
        else:
            self._ends.pop()

    def _end_of(self, create: Create) -> datetime:
        return planned_end(self._scene.leases[create.slot.fleet], self._scene.now)

    def _share_of(self, create: Create) -> Decimal:
        end = self._end_of(create)
        return lease_cost(create.usd_per_hour, end, self._scene.now, self._scene.tick)

    def refusal(self, admitted: Iterable[Create]) -> Finding:
        """The exact shortfall, and what would fit."""
        bought = sum(1 for one in admitted if self.pays_for(one))
        key = f"providers.{self.provider}.min_balance_usd"
        if self.balance.usd is None or self.least is None:
            return Finding(
                f"the balance of {self.provider} is not known ({self.balance.why}), so {key} "
                "cannot be kept: nothing is bought there",
                ExitCode.REFUSED_BY_BUDGET,
                fix=f"gpu-shopper providers check tells why; without {key} nothing is kept",
            )
        short = self.least - self.balance.usd + self.committed
        short += sum((self._share_of(one) for one in self.refused), ZERO)
        wanted = bought + len(self.refused)
        return Finding(
            f"{self.provider}: of {format_usd(self.balance.usd)} in the account "
            f"{format_usd(self.committed)} are reserved until leases end and "
            f"{format_usd(self.least)} are kept ({key}): short of {format_usd(short)}; "
            f"{bought} of {wanted} node(s) fit",
            ExitCode.REFUSED_BY_BUDGET,
            fix=f"add {format_usd(_up(short))} of credit there, shorten the ttl, or let the fleet "
            f"rent elsewhere: exclude_providers: [{self.provider}]",
        )

    def findings(self, *, refusing: bool) -> Iterator[Finding]:
        """What the reader should know though nothing is refused for it."""
        if refusing or len(self._ends) == 1:
            return
        if self.balance.usd is None:
            yield Finding(
                f"the balance of {self.provider} is not known ({self.balance.why}): whether it "
                "lasts until the leases there end cannot be told"
            )
            return
        summary = self.summary()
        if summary.short_usd:
            yield Finding(
                balance_message(summary),
                fix=f"add {format_usd(_up(summary.short_usd))} of credit there, or destroy what "
                "is not needed",
            )

    def summary(self) -> BalanceSummary:
        """As it is once the plan is carried out."""
        return BalanceSummary(
            provider=self.provider,
            balance_usd=self.balance.usd,
            min_balance_usd=self.least,
            committed_usd=self.committed,
            usd_per_hour=self.burn,
            empty_at=self._empty_at(),
            why=self.balance.why,
        )

    def _empty_at(self) -> datetime | None:
        if self.balance.usd is None or self.burn <= 0:
            return None
        hours = max(ZERO, self.balance.usd) / self.burn
        longest = Decimal(LONGEST_DURATION // timedelta(hours=1))
        seconds = int((min(hours, longest) * 3600).to_integral_value(ROUND_FLOOR))
        empty_at = self._scene.now + timedelta(seconds=seconds)
        return empty_at if empty_at < max(self._ends) else None

    @property
    def is_used(self) -> bool:
        """Whether anything of ours is there, or is bought there."""
        return len(self._ends) > 1 or self.committed > 0


def account_purses(scene: Scene, decisions: Decisions) -> list[AccountPurse]:
    """One for each account whose balance is known, or has to be; by name."""
    settings = scene.desired.providers if scene.desired else {}
    guarded = {name for name, one in settings.items() if one.min_balance_usd is not None}
    if scene.request.from_state or scene.request.only_record:
        return []
    return [
        AccountPurse(name, scene, decisions)
        for name in sorted(guarded | set(scene.observed.balances))
    ]


def balance_message(one: BalanceSummary) -> str:
    """Why an account that is short does not last; plain text."""
    assert one.balance_usd is not None
    least = one.min_balance_usd
    what = f"the balance of {one.provider}, {format_usd(one.balance_usd)}, "
    if least is not None and one.balance_usd < least:
        what += f"is below its min_balance_usd {format_usd(least)}"
    else:
        what += "does not last until the leases there end"
        what += f" above min_balance_usd {format_usd(least)}" if least else ""
    what += f": short of {format_usd(_up(one.short_usd))}"
    if one.empty_at is not None:
        rate = format_rate(one.usd_per_hour)
        what += f", empty on {one.empty_at:%A %d %b %H:%M} UTC at {rate}"
    return f"{what}; a provider may end machines and delete their disks at zero"


def _rate_of_others(provider: str, scene: Scene) -> Decimal:
    """What else the account is seen to pay for: machines that are not recorded."""
    inventory = scene.observed.inventories.get(provider)
    if inventory is None:
        return ZERO
    mine = {
        (one.provider, one.instance_id)
        for one in (
            *scene.recorded.instances.values(),
            *(let_go.record for let_go in scene.recorded.let_go.values()),
        )
    }
    rates = [
        one.usd_per_hour or ZERO
        for one in inventory.instances
        if (one.provider, one.id) not in mine
    ]
    return sum(rates, ZERO)


def _up(usd: Decimal) -> Decimal:
    """Whole cents that are surely enough."""
    cents = usd.quantize(_CENT)
    return cents if cents >= usd else cents + _CENT

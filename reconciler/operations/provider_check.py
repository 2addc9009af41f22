"""``providers check``: what each account says of itself. Reads only; nothing is changed there.

Each provider is looked at whatever the others say, and each part of it whatever the other parts.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from reconciler.inventory.observe import list_everything
from reconciler.inventory.offers import collect_offers
from reconciler.model.clock_verdict import CLOCK_TOLERANCE
from reconciler.model.cost import ZERO, format_rate, format_usd
from reconciler.model.errors import AuthenticationFailed, ProviderError
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import ProviderHealth, ProvidersReport, failed, passed, warned
from reconciler.model.observation import Unknown
from reconciler.model.quantity import about
from reconciler.providers.base import OfferQuery

if TYPE_CHECKING:
    from reconciler.model.health import Check
    from reconciler.model.observation import Complete, Partial, ProviderInventory
    from reconciler.model.offer import OfferListing
    from reconciler.model.pins import ProviderPin
    from reconciler.operations.workspace import Workspace
    from reconciler.providers.base import Provider

    Balance = Decimal | None | ProviderError

_SMALL_QUERY = OfferQuery(frozenset({"H200-SXM"}), frozenset({False}), frozenset({1}))
"""One page of a search: it shows that searching is allowed and uses up next to nothing."""
_DATE_STEP = timedelta(seconds=2)
"""A ``Date`` is cut to the second, and an answer takes its way."""
_SOON_EMPTY = timedelta(days=1)
_KEY_FIX = "gpu-shopper looks for it where docs/providers says; set the right one"


async def check_providers(workspace: Workspace) -> ProvidersReport:
    """Key, account, permissions, balance and offers of every configured provider."""
    recorded = workspace.backend.read()
    pins = recorded.providers if recorded else {}
    inventories = await list_everything(workspace.providers, workspace.clock)
    book = await collect_offers(workspace.providers, _SMALL_QUERY, workspace.clock)
    balances = await _balances(workspace)
    searched = {listing.provider: listing for listing in book.listings}
    found = [
        _health(name, workspace, pins.get(name), inventory, searched[name], balances[name])
        for name, inventory in sorted(inventories.items())
    ]
    return ProvidersReport(workspace.clock.now(), tuple(found))


async def _balances(workspace: Workspace) -> dict[str, Balance]:
    found: dict[str, Balance] = {}

    async def ask(name: str, provider: Provider) -> None:
        found[name] = await _balance(provider)

    async with anyio.create_task_group() as tasks:
        for name, provider in workspace.providers.items():
            tasks.start_soon(ask, name, provider)
    return found


async def _balance(provider: Provider) -> Balance:
    try:
        with anyio.fail_after(provider.capabilities.call_deadline.total_seconds()):
            return await provider.balance()
    except ProviderError as error:
        return error
    except TimeoutError:
        return ProviderError(provider.name, "no answer within the deadline")


def _health(
    name: str,
    workspace: Workspace,
    pin: ProviderPin | None,
    inventory: ProviderInventory,
    offers: OfferListing,
    balance: Balance,
) -> ProviderHealth:
    settings = workspace.settings_of(name)
    kind = settings.type if settings else pin.type if pin else name
    if isinstance(inventory, Unknown):
        checks = [_unlisted(inventory)]
        account = None
    else:
        account = inventory.account
        source = workspace.providers[name].key_source
        key = f"it is accepted; found in {source}" if source else "none is needed"
        checks = [passed("key", key), _account(inventory, pin)]
    if not (isinstance(inventory, Unknown) and inventory.credentials_refused):
        checks += [
            _permissions(inventory, offers, balance),
            _balance_check(workspace.providers[name], inventory, balance),
        ]
    checks += _clock_checks(workspace, name)
    told = balance if isinstance(balance, Decimal) else None
    return ProviderHealth(name, kind, account, told, tuple(checks))


def _unlisted(found: Unknown) -> Check:
    if found.credentials_refused:
        return failed("key", found.why, ExitCode.CREDENTIALS, fix=_KEY_FIX)
    why = "whether the key is good cannot be told"
    fix = "look at the provider's own status page, then run it again"
    return failed("key", found.why, ExitCode.PROVIDER_FAILURE, why=why, fix=fix)


def _account(found: Complete | Partial, pin: ProviderPin | None) -> Check:
    """The state's own account, or none yet (I14)."""
    pinned = pin.account if pin else None
    if pinned is None:
        return passed("account", f"{found.account}; the first apply will pin the state to it")
    if pinned == found.account:
        return passed("account", f"{found.account}, which the state is pinned to")
    return failed(
        "account",
        f"{found.account}, but the state belongs to account {pinned}",
        ExitCode.CREDENTIALS,
        why="nothing is changed with another account's key: its machines are not ours",
        fix=f"set a key of account {pinned}",
    )


def _permissions(found: ProviderInventory, offers: OfferListing, balance: Balance) -> Check:
    """What reading shows. Whether it may create and destroy only doing it would tell."""
    refused = []
    if isinstance(found, Unknown):
        refused.append(f"list machines ({found.why})")
    if offers.failure is not None:
        refused.append(f"search offers ({offers.failure})")
    if isinstance(balance, ProviderError):
        refused.append(f"read the balance ({balance.what})")
    if not refused:
        return passed(
            "permissions", "machines, offers and account can be read; create and destroy not tried"
        )
    denied = isinstance(balance, AuthenticationFailed)
    why = "a key with fewer rights than the provider's page names, or a failure of the provider"
    code = ExitCode.CREDENTIALS if denied else ExitCode.PROVIDER_FAILURE
    return failed("permissions", f"it could not {'; '.join(refused)}", code, why=why)


def _clock_checks(workspace: Workspace, name: str) -> list[Check]:
    """This machine's clock beside the ``Date`` of the provider's answers (I31)."""
    origin, readings = workspace.providers[name].origin, workspace.clock.readings()
    if not origin or readings is None:
        return []
    said = readings.said.get(urlsplit(origin).hostname or origin)
    if said is None:
        return [warned("clock", "its answers told no time")]
    ahead = said - readings.wall
    which = "ahead of" if ahead > timedelta(0) else "behind"
    what = f"the provider is {about(ahead)} {which} this machine"
    if abs(ahead) <= _DATE_STEP:
        return [passed("clock", "the provider's is this machine's, to the second")]
    if abs(ahead) <= CLOCK_TOLERANCE:
        return [passed("clock", what)]
    why = "a lease would end early or late; with another clock that agrees, nothing is bought"
    return [warned("clock", what, why=why, fix="set this machine's clock by a time server")]


def _balance_check(provider: Provider, found: ProviderInventory, balance: Balance) -> Check:
    """What is left, and how long that lasts at the rate of all machines of the account."""
    if not isinstance(balance, Decimal):
        if provider.capabilities.has_balance:
            return warned("balance", "not known now")
        return passed("balance", "this provider does not tell it")
    rate = sum((one.usd_per_hour or ZERO for one in found.instances), ZERO)
    text = format_usd(balance)
    if balance <= 0:
        why = "providers stop or destroy the machines of an account without money"
        return failed("balance", text, ExitCode.REFUSED_BY_BUDGET, why=why, fix="add credit there")
    if not rate:
        return passed("balance", f"{text}, and no machine uses it")
    hours = min(balance / rate, Decimal(100_000))
    left = timedelta(hours=float(hours))
    lasts = f"{text}: {about(left)} at {format_rate(rate)} for the machines of this account"
    if left < _SOON_EMPTY:
        return warned("balance", lasts, why="they end when it does", fix="add credit there")
    return passed("balance", lasts)

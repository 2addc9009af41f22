"""Asks providers what their accounts can still spend. What is not told is not known, never zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reconciler.model.balance import Balance
from reconciler.model.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from reconciler.providers.base import Provider


async def read_balances(
    providers: Mapping[str, Provider], names: Iterable[str], *, longest: timedelta
) -> dict[str, Balance]:
    """By provider, all asked at once, none for longer than ``longest`` or its own deadline. Never
    raises for a provider's failure.
    """
    found: dict[str, Balance] = {}

    async def ask(name: str) -> None:
        found[name] = await _balance(providers[name], longest)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(ask, name)
    return dict(sorted(found.items()))


async def _balance(provider: Provider, longest: timedelta) -> Balance:
    if not provider.capabilities.has_balance:
        return Balance(None, "this provider does not tell it")
    try:
        deadline = min(provider.capabilities.call_deadline, longest)
        with anyio.fail_after(deadline.total_seconds()):
            told = await provider.balance()
    except ProviderError as error:
        return Balance(None, error.what)
    except TimeoutError:
        return Balance(None, "no answer within the deadline")
    except Exception as error:  # an adapter's own bug must not stop what else is done
        return Balance(None, f"its adapter failed with {type(error).__name__}")
    if told is None or not told.is_finite():
        return Balance(None, "it was not told")
    return Balance(told)

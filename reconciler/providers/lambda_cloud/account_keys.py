"""Which SSH key a launch names: exactly one, by the name under which the account knows it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import ValidationError

from reconciler.model.value import dataclass
from reconciler.providers.lambda_cloud.wire import SshKey, misfit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.providers.lambda_cloud.api import ApiAnswer, LambdaApi

    Read = Callable[[ApiAnswer, str], Any]
    """The data of a good answer to the call of that name; raises a ``ProviderError``."""
    Asked = Callable[[Awaitable[ApiAnswer]], Awaitable[ApiAnswer]]


class KeysUnusable(Exception):
    """Why no key can be named, in our own words."""


@dataclass(frozen=True, slots=True)
class ChosenKeys:
    """``name`` is registered. ``others`` are whole lines, for cloud-init."""

    name: str
    others: tuple[str, ...]


class AccountKeys:
    """The account's registered keys, read once. What somebody removes meanwhile is read again."""

    def __init__(self, api: LambdaApi, asked: Asked, read: Read) -> None:
        self._api = api
        self._asked = asked
        self._read = read
        self._known: tuple[SshKey, ...] | None = None
        self._turn = anyio.Lock()

    def forget(self) -> None:
        """The next order reads them anew."""
        self._known = None

    async def choose(self, public_keys: tuple[str, ...]) -> ChosenKeys:
        """``public_keys``, or all that are registered where there are none.

        The first of ``public_keys`` is registered where it is not yet. Raises ``KeysUnusable`` or
        a ``ProviderError``; no machine was ordered then.
        """
        async with self._turn:
            known = self._known if self._known is not None else await self._listed()
            if not public_keys:
                return _all_of(known)
            name = _name_of(public_keys[0], known)
            if name is None:
                name = await self._registered(public_keys[0])
            return ChosenKeys(name, public_keys[1:])

    async def _listed(self) -> tuple[SshKey, ...]:
        rows = self._read(await self._asked(self._api.ssh_keys()), "ssh keys")
        if not isinstance(rows, list):
            raise KeysUnusable("the account's SSH keys could not be read: no list")
        try:
            found = tuple(SshKey.model_validate(row) for row in rows)
        except ValidationError as error:
            raise KeysUnusable(f"the account's SSH keys: {misfit(error)}") from None
        self._known = found
        return found

    async def _registered(self, public_key: str) -> str:
        """Somebody else may have done it at the same moment: what is listed then decides."""
        name = f"gs-{hashlib.sha256(_material(public_key).encode()).hexdigest()[:24]}"
        answer = await self._asked(self._api.add_ssh_key(name, public_key))
        found = _name_of(public_key, await self._listed())
        if found is None:
            self._read(answer, "ssh key")
            raise KeysUnusable("the SSH key was accepted and is not listed")
        return found


def _all_of(known: tuple[SshKey, ...]) -> ChosenKeys:
    if not known:
        raise KeysUnusable("the Lambda account has no SSH key, and no machine starts without one")
    first, *others = sorted(known, key=lambda key: key.name)
    return ChosenKeys(first.name, tuple(one.public_key.strip() for one in others))


def _name_of(public_key: str, known: tuple[SshKey, ...]) -> str | None:
    """By type and material: comments and spaces differ."""
    wanted = _material(public_key)
    return next((one.name for one in known if _material(one.public_key) == wanted), None)


def _material(public_key: str) -> str:
    return " ".join(public_key.split()[:2])

"""One fleet's settings out of `defaults`, its profiles and its own block; the last word wins.

Scalars and lists replace. `resources`, `offers`, `lifecycle`, `spot`, `ssh` and `ready` merge key
by key, and so do `labels`, `env` and `secrets`; of two `budget` both hold; `gpu`, `any_of` and
`ordered` are one choice, and so are `image` and `vm_image`, `ttl` and `active`: setting one
replaces whichever stood before (SPEC.md section 2, "Merge order").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from reconciler.documents.budget_blocks import stricter
from reconciler.documents.configuration import Configuration, Declared
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.resource_blocks import ResourcesBlock
from reconciler.model.problem import Problem

_MERGED_KEY_BY_KEY = frozenset(
    {
        "resources",
        "offers",
        "lifecycle",
        "labels",
        "env",
        "secrets",
        "ssh",
        "ready",
        "budget",
        "spot",
    }
)
_GPU_CHOICES = ("gpu", "any_of", "ordered")
_Model = TypeVar("_Model", bound=BaseModel)


class ProfileChains:
    """Which profiles stand behind a block. Names of profiles that do not exist are left out.

    ``circles`` has a problem for each place where profiles extend one another in a circle, and
    ``circular`` the names of those profiles.
    """

    def __init__(self, profiles: Mapping[str, Declared[FleetBlock]]) -> None:
        self.circles: list[Problem] = []
        self.circular: set[str] = set()
        self._profiles = profiles
        self._chains: dict[str, tuple[str, ...]] = {}
        for name in profiles:
            self._chain(name, ())

    def behind(self, block: FleetBlock) -> tuple[str, ...]:
        """The profiles that ``block`` starts from, weakest first, each where it comes first."""
        chain: dict[str, None] = {}
        for name in block.extends or ():
            chain.update(dict.fromkeys(self._chains.get(name, ())))
        return tuple(chain)

    def _chain(self, name: str, below: tuple[str, ...]) -> tuple[str, ...]:
        if name in self._chains:
            return self._chains[name]
        declared = self._profiles[name]
        path = (*below, name)
        chain: dict[str, None] = {}
        for index, parent in enumerate(declared.block.extends or ()):
            if parent in path:
                circle = " -> ".join([*path[path.index(parent) :], parent])
                message = f"profiles extend one another in a circle: {circle}"
                self.circular.update(path[path.index(parent) :])
                self.circles.append(declared.problem(message, "remove one", "extends", index))
            elif parent in self._profiles:
                chain.update(dict.fromkeys(self._chain(parent, path)))
        self._chains[name] = (*chain, name)
        return self._chains[name]


class FleetMerger:
    """Merges fleets of one configuration; what many of them share is merged once."""

    def __init__(self, configuration: Configuration) -> None:
        self.chains = ProfileChains(configuration.profiles)
        self._configuration = configuration
        self._bases: dict[tuple[str, ...], FleetSettings] = {}
        self._merged: dict[int, FleetSettings] = {}  # by identity of blocks that live as long

    def merged(self, fleet: FleetBlock) -> FleetSettings:
        """Everything that is written for ``fleet``, a block of the configuration; built-in
        defaults are not in it yet. One value for one block.
        """
        known = self._merged.get(id(fleet))
        if known is None:
            base = self._base(self.chains.behind(fleet) if fleet.extends else ())
            known = self._merged[id(fleet)] = overlaid(base, fleet)
        return known

    def origins(self, fleet: Declared[FleetBlock]) -> Iterator[Declared[Any]]:
        """Where a setting of ``fleet`` may come from, strongest first."""
        yield fleet
        for name in reversed(self.chains.behind(fleet.block)):
            yield self._configuration.profiles[name]
        if self._configuration.defaults is not None:
            yield self._configuration.defaults

    def settles(self, fleet: Declared[FleetBlock], key: str) -> bool:
        """Whether all that the documents mean for ``key`` of ``fleet`` is in ``merged``.

        It may not be when a part of the documents could not be read.
        """
        for origin in self.origins(fleet):
            if key not in _MERGED_KEY_BY_KEY and getattr(origin.block, key) is not None:
                return not origin.contested
            if origin.may_hide(key) or self._lacks_profiles(origin):
                return False
        configuration = self._configuration
        return configuration.defaults is not None or not configuration.may_hide("defaults")

    def _lacks_profiles(self, origin: Declared[Any]) -> bool:
        """Whether a profile is meant here that is not among the origins."""
        if origin.path == ("defaults",):
            return False
        names = origin.block.extends or ()
        unknown = any(name not in self._configuration.profiles for name in names)
        in_circle = origin.path[0] == "profiles" and origin.path[-1] in self.chains.circular
        return unknown or in_circle or origin.may_hide("extends")

    def _base(self, chain: tuple[str, ...]) -> FleetSettings:
        if chain not in self._bases:
            defaults = self._configuration.defaults
            base = defaults.block if defaults else FleetSettings.model_construct()
            for name in chain:
                base = overlaid(base, self._configuration.profiles[name].block)
            self._bases[chain] = base
        return self._bases[chain]


def overlaid(base: FleetSettings, over: FleetSettings) -> FleetSettings:
    """``base`` with everything that ``over`` says; both stay as they are."""
    changes = _written(over)
    changes.pop("extends", None)
    if base.resources is not None and over.resources is not None:
        changes["resources"] = _overlaid_resources(base.resources, over.resources)
    if base.offers is not None and over.offers is not None:
        changes["offers"] = _updated(base.offers, _written(over.offers))
    if base.lifecycle is not None and over.lifecycle is not None:
        changes["lifecycle"] = _updated(base.lifecycle, _written(over.lifecycle))
    if base.ssh is not None and over.ssh is not None:
        changes["ssh"] = _updated(base.ssh, _written(over.ssh))
    if base.spot is not None and over.spot is not None:
        changes["spot"] = _updated(base.spot, _written(over.spot))
    if base.ready is not None and over.ready is not None:
        changes["ready"] = _updated(base.ready, _written(over.ready))
    if base.labels is not None and over.labels is not None:
        changes["labels"] = {**base.labels, **over.labels}
    changes.update(_overlaid_environment(base, over))
    if over.image is not None:
        changes["vm_image"] = None
    elif over.vm_image is not None:
        changes["image"] = None
    if over.active is not None:
        changes["ttl"] = None
    elif over.ttl is not None:
        changes["active"] = None
    if base.budget is not None and over.budget is not None:
        changes["budget"] = stricter(base.budget, over.budget)
    return _updated(base, changes)


def _overlaid_environment(base: FleetSettings, over: FleetSettings) -> dict[str, Any]:
    """`env` and `secrets` are one set of names: the last word on a name wins in either."""
    changes: dict[str, Any] = {}
    named = {*(over.env or {}), *(over.secrets or {})}
    for key in ("env", "secrets") if named else ():
        before, after = getattr(base, key), getattr(over, key)
        if before is not None:
            kept = {name: value for name, value in before.items() if name not in named}
            changes[key] = {**kept, **(after or {})}
    return changes


def _overlaid_resources(base: ResourcesBlock, over: ResourcesBlock) -> ResourcesBlock:
    changes = _written(over)
    if any(choice in changes for choice in _GPU_CHOICES):
        changes = {**dict.fromkeys(_GPU_CHOICES), **changes}
    return _updated(base, changes)


def _written(block: BaseModel) -> dict[str, Any]:
    values = block.__dict__
    return {name: values[name] for name in block.model_fields_set}


def _updated(base: _Model, changes: dict[str, Any]) -> _Model:
    return base.model_copy(update=changes)

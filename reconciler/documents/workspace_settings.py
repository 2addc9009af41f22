"""The settings around the fleets: providers, notifiers, safety, state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from reconciler.documents.configuration import Configuration
from reconciler.model.budget import Budget
from reconciler.model.fleet import Fleet, NotifierSettings, ProviderSettings, Safety


def providers_of(configuration: Configuration) -> dict[str, ProviderSettings]:
    """By name, in order of their names; the type is the name where none is written."""
    blocks = {name: declared.block for name, declared in sorted(configuration.providers.items())}
    return {
        name: ProviderSettings(
            name,
            block.type or name,
            block.market,
            block.max_hourly_usd,
            key=block.key,
            min_balance_usd=block.min_balance_usd,
        )
        for name, block in blocks.items()
    }


def notifiers_of(configuration: Configuration) -> dict[str, NotifierSettings]:
    """By name, in order of their names; references in URLs are kept as written."""
    return {
        name: NotifierSettings(name, declared.block.url)
        for name, declared in sorted(configuration.notifiers.items())
    }


def budgets_of(configuration: Configuration, fleets: Mapping[str, Fleet]) -> dict[str, Budget]:
    """Every budget by its name, with the fleets that name it; those of single fleets too."""
    found: dict[str, Budget] = {}
    for name, declared in sorted(configuration.budgets.items()):
        naming = [one.name for one in fleets.values() if name in one.budgets]
        found[name] = declared.block.budget(name).with_fleets(sorted(naming))
    for fleet in fleets.values():
        if fleet.own_budget is not None:
            found[fleet.own_budget.name] = fleet.own_budget
    return found


def state_path_of(configuration: Configuration) -> str | None:
    """As written: relative to the configuration directory; None where nothing is written."""
    return configuration.state.block.path if configuration.state else None


def safety_of(configuration: Configuration) -> Safety:
    """The rules as written, the built-in ones elsewhere."""
    built_in = Safety()
    if configuration.safety is None:
        return built_in
    written = configuration.safety.block
    fuse = written.max_destroy
    count = fuse.count if fuse else None
    percent = fuse.percent if fuse else None
    return Safety(
        undeclared=written.undeclared or built_in.undeclared,
        max_destroy_count=built_in.max_destroy_count if count is None else count,
        max_destroy_percent=built_in.max_destroy_percent if percent is None else percent,
        allow_empty=bool(written.allow_empty),
        max_ttl=written.max_ttl or built_in.max_ttl,
        tick=written.tick or built_in.tick,
        node_timer=written.node_timer,
    )


def known_max_ttl(configuration: Configuration) -> timedelta | None:
    """``safety.max_ttl`` or the built-in one; None when another one may be meant."""
    declared = configuration.safety
    if declared is None:
        unknown = configuration.may_hide("safety")
    else:
        unread = declared.block.max_ttl is None and declared.may_hide("max_ttl")
        unknown = unread or declared.contested
    return None if unknown else safety_of(configuration).max_ttl

"""Which providers a workspace uses: those of the documents, and those that the state relies on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fleet import ProviderSettings
from reconciler.model.pins import ProviderPin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.fleet import DesiredState
    from reconciler.model.record import RecordedState


def recorded_pins(state: RecordedState | None) -> Mapping[str, ProviderPin]:
    """Providers that the state relies on."""
    if state is None:
        return {}
    homes = {record.provider for record in state.instances.values()}
    homes |= {intent.provider for intent in state.intents.values()}
    homes |= {one.record.provider for one in state.let_go.values()}
    return {name: pin for name, pin in state.providers.items() if name in homes}


def provider_settings(
    desired: DesiredState | None, pins: Mapping[str, ProviderPin]
) -> dict[str, ProviderSettings]:
    """The documents' providers, and the recorded ones that still hold machines (section 12, 4)."""
    recorded = {
        name: ProviderSettings(name, pin.type, market=pin.market, key=pin.key)
        for name, pin in pins.items()
    }
    return {**recorded, **(dict(desired.providers) if desired else {})}


def pins_of(desired: DesiredState | None, accounts: Mapping[str, str]) -> dict[str, ProviderPin]:
    """What the state remembers of the providers in use, with the ``accounts`` seen this time."""
    return {
        name: ProviderPin.model_construct(
            type=entry.type, account=accounts.get(name), market=entry.market, key=entry.key
        )
        for name, entry in (desired.providers if desired else {}).items()
        if name in accounts
    }

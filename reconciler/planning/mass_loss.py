"""Many machines missing at once are not believed at first (RELIABILITY.md I33).

A provider that answers "200, nothing" is far likelier than half of its machines dying between two
listings. Such a listing counts as incomplete for one extra visibility window; a true loss is then
proven like any other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.observation import Complete, Partial
from reconciler.model.record import AbsenceEvidence
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.observation import ObservedState
    from reconciler.model.record import InstanceRecord, RecordedState

_LEAST = 2
_SHARE = 2  # one in two


@dataclass(frozen=True, slots=True)
class MassLoss:
    """The living machines, by mark, that one listing of one provider lacks all at once.

    ``until``: a listing that starts later is believed again.
    """

    provider: str
    missing: frozenset[str]
    known: int
    until: datetime

    @property
    def why(self) -> str:
        return (
            f"{len(self.missing)} known instances missing at once, of {self.known}; "
            f"not believed before {self.until:%Y-%m-%d %H:%M:%S}Z"
        )

    def first_evidence(self) -> AbsenceEvidence:
        """What to remember of a machine that went missing just now: proof starts at ``until``."""
        return AbsenceEvidence(last_seen_at=self.until)


def find_mass_losses(recorded: RecordedState, observed: ObservedState) -> dict[str, MassLoss]:
    """By provider. At least two machines, and half of those that the listing before it showed.

    Doomed machines are expected to vanish; machines younger than a visibility window were never
    in a listing; machines that were missing before and are on their way to proof do not count.
    """
    listed = {
        name: {found.id for found in inventory.instances}
        for name, inventory in observed.inventories.items()
        if isinstance(inventory, Complete)
    }
    if _lacks_nothing(listed, recorded):
        return {}
    known: Counter[str] = Counter()
    missing: dict[str, list[InstanceRecord]] = defaultdict(list)
    for record in recorded.instances.values():
        ids = listed.get(record.provider)
        if ids is None or record.doom is not None:
            continue
        if record.instance_id in ids:
            known[record.provider] += 1
        elif _is_news(record, observed):
            known[record.provider] += 1
            missing[record.provider].append(record)
    return {
        name: _loss(name, records, known[name], observed)
        for name, records in sorted(missing.items())
        if len(records) >= _LEAST and len(records) * _SHARE >= known[name]
    }


def _lacks_nothing(listed: Mapping[str, set[str]], recorded: RecordedState) -> bool:
    """The usual case, told without looking at each record twice."""
    return all(
        record.instance_id in listed.get(record.provider, (record.instance_id,))
        for record in recorded.instances.values()
    )


def _is_news(record: InstanceRecord, observed: ObservedState) -> bool:
    """Missing for the first time, or still within the extra window of a loss."""
    started_at = observed.inventories[record.provider].started_at
    if started_at < record.created_at + observed.visibility_window(record.provider):
        return False
    return record.absence is None or started_at < record.absence.last_seen_at


def _loss(
    provider: str, records: list[InstanceRecord], known: int, observed: ObservedState
) -> MassLoss:
    fresh = observed.inventories[provider].started_at + observed.visibility_window(provider)
    until = max(record.absence.last_seen_at if record.absence else fresh for record in records)
    return MassLoss(provider, frozenset(record.mark for record in records), known, until)


def disbelieving(observed: ObservedState, losses: Mapping[str, MassLoss]) -> ObservedState:
    """``observed`` with the listings of ``losses`` as incomplete ones."""
    if not losses:
        return observed
    inventories = dict(observed.inventories)
    for name, loss in losses.items():
        found = inventories[name]
        if isinstance(found, Complete):
            inventories[name] = Partial(
                name, found.account, found.started_at, found.instances, loss.why
            )
    return replace(observed, inventories=inventories)

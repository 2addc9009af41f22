"""All nodes or none: a gang that comes short is given back at once (SPEC.md section 2, `gang`)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.outcome import SlotOutcome
from reconciler.model.plan import Destroy
from reconciler.model.reason import DestroyReason
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from reconciler.model.plan import Create
    from reconciler.model.record import RecordedState


@dataclass(frozen=True, slots=True)
class ShortGang:
    """``destroys``: every machine of it that this run has bought."""

    outcome: SlotOutcome
    destroys: tuple[Destroy, ...]


def short_gangs(
    creates: Iterable[Create], known: Collection[str], state: RecordedState
) -> Iterator[ShortGang]:
    """Gangs of which fewer were bought than must be; ``known`` are the marks from before this run.

    Not one that may be whole if the creates whose outcome is unknown left a machine: a later run
    finds out.
    """
    gangs: dict[str, list[Create]] = defaultdict(list)
    for create in creates:
        if create.gang:
            gangs[create.slot.fleet].append(create)
    for fleet, bonded in sorted(gangs.items()):
        bought = [one for one in state.records_of(fleet) if one.mark not in known and not one.doom]
        intents = (one for one in state.intents.values() if one.fleet == fleet)
        unknown = sum(one.blocks_slot and one.mark not in known for one in intents)
        least = bonded[0].gang
        if len(bought) + unknown < least:
            detail = f"gang: {len(bought)} of at least {least} could be rented, so none is kept"
            outcome = SlotOutcome(bonded[0].slot, "create", False, detail, ExitCode.NO_OFFER)
            destroys = (Destroy(one, DestroyReason.REQUESTED, detail) for one in bought)
            yield ShortGang(outcome, tuple(destroys))

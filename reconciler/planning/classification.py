"""Pairs what we recorded with what was seen: whose machine is each one?

The table of SPEC.md section 4: known intent = ours; our lineage without intent = orphaned; our
name with another lineage = other-lineage; two machines under one mark = duplicate, or other-id
where the first one was never seen; another workspace's mark = neighbour; no mark = foreign. One
that a person let go stays let-go to its end.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconciler.model.mark import parse_mark, same_workspace_name, workspace_part
from reconciler.model.plan import Stranger
from reconciler.model.record import AbsenceEvidence, duplicate_key
from reconciler.model.value import dataclass
from reconciler.planning import other_ids
from reconciler.planning.absence import SEEN, Presence, Weighed, weigh_absence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.instance import Instance
    from reconciler.model.mark import Mark
    from reconciler.model.observation import ObservedState
    from reconciler.model.record import InstanceRecord, PendingCreate, RecordedState


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record and what was seen of it. ``instance`` is None unless it was seen."""

    record: InstanceRecord
    instance: Instance | None
    weighed: Weighed
    identity_doubt: str = ""
    """Why the machine under this id may not be ours any more, if so (I4)."""
    found_by_mark: bool = False
    """The id that the create's answer named was never seen, and is proven gone or a spelling of
    this one, which carries the mark: it is the machine. ``record`` has its id, the state not yet.
    """


@dataclass(frozen=True, slots=True)
class IntentSighting:
    """One unresolved or watched create, and the machine found under its mark, if any."""

    intent: PendingCreate
    instance: Instance | None
    weighed: Weighed


@dataclass(slots=True)
class Classified:
    """Every machine in exactly one place."""

    records: list[Sighting] = field(default_factory=list)
    intents: list[IntentSighting] = field(default_factory=list)
    strangers: list[Stranger] = field(default_factory=list)


def classify_instances(recorded: RecordedState, observed: ObservedState) -> Classified:
    """Deterministic: the order of listings and records does not matter (I21)."""
    seen = _by_id(observed)
    result = Classified()
    taken: set[tuple[str, str]] = set()
    instances = recorded.instances
    for mark in sorted(instances):
        record = instances[mark]
        key = (record.provider, record.instance_id)
        taken.add(key)
        result.records.append(_sight_record(record, seen.get(key), observed))
    unclaimed = {key: seen[key] for key in seen.keys() - taken}  # most often none
    copies = {key for key in unclaimed if duplicate_key(*key) in recorded.duplicates}
    by_mark = _by_identity(unclaimed, copies)
    for _, intent in sorted(recorded.intents.items()):
        sighting = _sight_intent(intent, by_mark, observed)
        if sighting.instance is not None:
            taken.add((sighting.instance.provider, sighting.instance.id))
        result.intents.append(sighting)
    others = sorted((key, unclaimed[key]) for key in unclaimed.keys() - taken)
    marks = (*recorded.instances, *recorded.intents, *recorded.let_go) if others else ()
    known = {_identity(mark) for mark in marks}
    noted = recorded.other_ids
    let_go = {
        (one.record.provider, one.record.instance_id): one for one in recorded.let_go.values()
    }
    for key, found in others:
        left = let_go.get(key)
        if left is not None and not carries_another_mark(left.record, found):
            result.strangers.append(Stranger("let-go", found, left.ends_at))
            continue
        stranger = _stranger(found, recorded, known, copied=key in copies)
        if stranger.kind == "duplicate":
            number = _ordered_as(found, result.records, recorded, observed, copied=key in copies)
            if number is not None:
                meant = result.records[number]
                gone = meant.weighed.presence is Presence.GONE
                surely = gone or _is_shown_for(meant.record, found, observed)
                if surely and meant.record.mark in noted:
                    result.records[number] = _corrected(meant, found)
                    continue
                stranger = replace(stranger, kind=other_ids.OTHER_ID)
        result.strangers.append(stranger)
        if stranger.kind == "orphaned" and found.label is not None:
            known.add(_identity(found.label))  # a second one under this mark is a duplicate
    return result


def _by_id(observed: ObservedState) -> dict[tuple[str, str], Instance]:
    """Of two rows under one id (a listing that moved while it was paged) always the same one."""
    seen: dict[tuple[str, str], Instance] = {}
    for found in _instances(observed):
        key = (found.provider, found.id)
        other = seen.get(key)
        seen[key] = found if other is None else min(found, other, key=repr)
    return seen


def _instances(observed: ObservedState) -> Iterator[Instance]:
    for _, inventory in sorted(observed.inventories.items()):
        yield from inventory.instances


def _sight_record(
    record: InstanceRecord, listed: Instance | None, observed: ObservedState
) -> Sighting:
    if listed is not None:
        doubt = "" if listed.label == record.mark else identity_doubt(record, listed)
        return Sighting(record, listed, SEEN, doubt)
    read = observed.reads.get((record.provider, record.instance_id))
    weighed = weigh_absence(
        record.absence,
        observed.inventories.get(record.provider),
        read,
        listed=False,
        window=observed.visibility_window(record.provider),
        needs_read=True,
    )
    instance = read.instance if read else None
    doubt = identity_doubt(record, instance) if instance else ""
    return Sighting(record, instance, weighed, doubt)


def identity_doubt(record: InstanceRecord, instance: Instance) -> str:
    """Why ``instance``, found under the id of ``record``, may not be ours any more; "" if it is."""
    if instance.label == record.mark:
        return ""
    mark = parse_mark(instance.label)
    if mark is None:
        return "its mark is missing or was changed at the provider"
    if mark.identity != _identity(record.mark):
        return "the provider shows another machine's mark under its id"
    return ""


def carries_another_mark(record: InstanceRecord, instance: Instance | None) -> bool:
    """True when the id was plainly recycled: a whole mark of another machine stands there."""
    mark = parse_mark(instance.label) if instance else None
    return mark is not None and mark.identity != _identity(record.mark)


def is_recycled(record: InstanceRecord, instance: Instance | None) -> bool:
    """True when what stands under the id came after ours: it carries another whole mark, or it does
    not carry ours and was made after the destroy of ours was accepted.
    """
    if instance is None or not identity_doubt(record, instance):
        return False
    if carries_another_mark(record, instance):
        return True
    accepted_at = record.doom.accepted_at if record.doom else None
    made_at = instance.created_at
    return accepted_at is not None and made_at is not None and made_at > accepted_at


def _by_identity(
    seen: dict[tuple[str, str], Instance], taken: set[tuple[str, str]]
) -> dict[tuple[str, str], Instance]:
    """(provider, identity) to the machine; with two under one mark the smaller id comes first."""
    found: dict[tuple[str, str], Instance] = {}
    for _, instance in sorted(entry for entry in seen.items() if entry[0] not in taken):
        mark = parse_mark(instance.label)
        if mark is not None:
            found.setdefault((instance.provider, mark.identity), instance)
    return found


def _sight_intent(
    intent: PendingCreate,
    by_mark: dict[tuple[str, str], Instance],
    observed: ObservedState,
) -> IntentSighting:
    instance = by_mark.get((intent.provider, _identity(intent.mark)))
    # Until its deadline the call may still be on its way (SPEC.md section 12, 6).
    sent = AbsenceEvidence.model_construct(last_seen_at=intent.deadline_at)
    weighed = weigh_absence(
        intent.absence or sent,
        observed.inventories.get(intent.provider),
        None,
        listed=instance is not None,
        window=observed.visibility_window(intent.provider),
        needs_read=False,
    )
    return IntentSighting(intent, instance, weighed)


def _stranger(
    found: Instance, recorded: RecordedState, known: set[str], *, copied: bool
) -> Stranger:
    """``copied``: it stood beside another machine of the same mark before, and stays a copy."""
    mark = parse_mark(found.label)
    if mark is None:
        return Stranger("foreign", found, None)
    kind = "duplicate" if copied else _kind(mark, recorded, known)
    return Stranger(kind, found, mark.end)


def _ordered_as(
    found: Instance,
    sightings: list[Sighting],
    recorded: RecordedState,
    observed: ObservedState,
    *,
    copied: bool,
) -> int | None:
    """The record whose machine ``found`` may be: of its mark, and never seen under its own id, or
    only while that was another spelling of the other. ``copied``: both were shown at once before.
    """
    for number, one in enumerate(sightings):
        if one.instance is None and other_ids.is_marked(one.record, found):
            may_be = not copied and other_ids.was_never_seen(one.record, found, recorded)
            return number if may_be or _is_shown_for(one.record, found, observed) else None
    return None


def _is_shown_for(record: InstanceRecord, found: Instance, observed: ObservedState) -> bool:
    """No listing has the id of ``record``, and whoever asks for it is told of ``found``."""
    read = observed.reads.get((record.provider, record.instance_id))
    return read is not None and read.other_id == found.id


def _corrected(sighting: Sighting, found: Instance) -> Sighting:
    """``found`` was noted before, and is surely what was ordered."""
    record = sighting.record.with_(instance_id=found.id, absence=None)
    return Sighting(record, found, SEEN, found_by_mark=True)


def _kind(mark: Mark, recorded: RecordedState, known: set[str]) -> str:
    if mark.identity in known:
        return "duplicate"
    if mark.workspace_part == workspace_part(recorded.workspace, recorded.lineage):
        return "orphaned"
    if same_workspace_name(mark, recorded.workspace):
        return "other-lineage"
    return "neighbour"


def _identity(mark_text: str) -> str:
    mark = parse_mark(mark_text)
    return mark.identity if mark else mark_text


__all__ = [
    "Classified",
    "IntentSighting",
    "Presence",
    "Sighting",
    "carries_another_mark",
    "classify_instances",
    "identity_doubt",
]

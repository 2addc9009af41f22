"""What no plan may ever do, over random states, inventories and documents (hypothesis)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.fleet import DesiredState, Fleet, NodeCount
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.observation import Complete, DirectRead, ObservedState, ProviderInventory
from reconciler.model.offer import OfferBook
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import (
    AbsenceEvidence,
    Doom,
    InstanceRecord,
    PendingCreate,
    RecordedState,
    SoftNotice,
    Succession,
)
from reconciler.planning.classification import classify_instances
from reconciler.planning.planner import compute_plan
from tests.builders import (
    HOUR,
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    intent,
    lease,
    mark_text,
    observed,
    offer,
    offer_book,
    partial,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

WINDOW = timedelta(seconds=10)
NOW = START + 2 * HOUR
FLEETS = ("train", "lab")
MINUTES = st.integers(-300, 300).map(lambda number: NOW + timedelta(minutes=number))
EVIDENCE = st.none() | st.builds(
    AbsenceEvidence,
    last_seen_at=st.sampled_from([START, NOW, NOW - 2 * WINDOW]),
    first_absent_at=st.sampled_from([None, NOW - WINDOW, NOW - WINDOW / 2]),
)
DOOM = st.none() | st.builds(Doom, reason=st.sampled_from(DestroyReason), since=st.just(START))
Scene = tuple[DesiredState | None, RecordedState, ObservedState, OfferBook, PlanRequest]


@st.composite
def records(draw: st.DrawFn) -> list[InstanceRecord]:
    slots = draw(st.sets(st.tuples(st.sampled_from(FLEETS), st.integers(0, 3)), max_size=5))
    found = [
        record(
            name,
            index,
            mark=mark_text(name, index, nonce=f"r{name[:3]}{index:04d}"),
            doom=draw(DOOM),
            absence=draw(EVIDENCE),
            created_at=draw(MINUTES),
        )
        for name, index in sorted(slots)
    ]
    return found + [_heir(draw, old) for old in found if draw(st.integers(0, 3)) == 0]


def _heir(draw: st.DrawFn, old: InstanceRecord) -> InstanceRecord:
    """A machine that takes the place of ``old``, as ``create_before_destroy`` leaves it."""
    reason = draw(st.sampled_from([DestroyReason.DRIFTED, DestroyReason.REQUESTED]))
    return record(
        old.fleet,
        old.index,
        mark=mark_text(old.fleet, old.index, nonce=f"h{old.fleet[:3]}{old.index:04d}"),
        instance_id=f"heir-{old.instance_id}",
        doom=draw(DOOM),
        absence=draw(EVIDENCE),
        created_at=old.created_at + timedelta(minutes=draw(st.integers(1, 60))),
        ready_at=draw(st.sampled_from([None, NOW])),
        succeeds=Succession(mark=old.mark, reason=reason),
    )


@st.composite
def intents(draw: st.DrawFn, taken: list[InstanceRecord]) -> list[PendingCreate]:
    used = {(one.fleet, one.index) for one in taken}
    slots = {("train", 4), ("lab", 0), ("train", 0)} - used
    chosen = draw(st.sets(st.sampled_from(sorted(slots)), max_size=2)) if slots else set()
    return [
        intent(
            *slot,
            mark=mark_text(*slot, nonce=f"i{slot[0][:3]}{slot[1]:04d}"),
            absence=draw(EVIDENCE),
            watched_until=draw(st.sampled_from([None, None, NOW - HOUR, NOW + HOUR])),
        )
        for slot in sorted(chosen)
    ]


def _rows(draw: st.DrawFn, machines: list[InstanceRecord | PendingCreate]) -> list[Instance]:
    rows = []
    for one in machines:
        if draw(st.booleans()):
            label = draw(st.sampled_from([one.mark] * 4 + [None, mark_text(nonce="recycled")]))
            status = draw(st.sampled_from(InstanceStatus))
            rows.append(instance(one, label=label, status=status))
    orphan = mark_text("train", 3, nonce="anorphan", end=draw(MINUTES))
    strangers = [orphan, None, mark_text(workspace="other"), mark_text(lineage="old")]
    for number, label in enumerate(draw(st.lists(st.sampled_from(strangers), max_size=3))):
        rows.append(instance(record(), id=f"stranger-{number}", label=label))
    return rows


@st.composite
def scenes(draw: st.DrawFn, *modes: Mode) -> Scene:
    machines = draw(records())
    pending = draw(intents(machines))
    leases = [
        lease(name, started_at=START, ttl=draw(st.sampled_from([HOUR, 4 * HOUR])), target=3)
        for name in FLEETS
        if draw(st.booleans())
    ]
    marks = [one.mark for one in machines]
    notices = {
        mark: SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=draw(MINUTES))
        for mark in (draw(st.sets(st.sampled_from(marks))) if marks else ())
    }
    state = recorded_state(
        *machines,
        *pending,
        *leases,
        notices=notices,
        soft_destroys=draw(st.lists(MINUTES, max_size=2)),
    )
    rows = tuple(_rows(draw, [*machines, *pending]))
    listings: list[ProviderInventory] = [
        complete(PROVIDER, *rows, started_at=NOW),
        partial(PROVIDER, *rows, started_at=NOW),
        unreadable(started_at=NOW),
        unreadable(started_at=NOW, wrong_account=True, credentials_refused=True),
    ]
    listing = draw(st.sampled_from(listings))
    reads = {
        (one.provider, one.instance_id): draw(
            st.sampled_from([DirectRead(not_found=True), DirectRead(why="?")])
        )
        for one in machines
    }
    seen = observed(listing, reads=reads, visibility={PROVIDER: WINDOW})
    book = offer_book(*(offer(f"o{number}") for number in range(draw(st.integers(0, 6)))))
    request = PlanRequest(draw(st.sampled_from(modes or tuple(Mode))), heal=draw(st.booleans()))
    return draw(documents()), state, seen, book, request


@st.composite
def documents(draw: st.DrawFn) -> DesiredState | None:
    if draw(st.integers(0, 5)) == 0:
        return None
    names = draw(st.sets(st.sampled_from(FLEETS)))
    counts = st.integers(1, 4).map(lambda number: NodeCount(number, number, number))
    return desired(
        *(
            fleet(
                name,
                nodes=draw(counts),
                prevent_destroy=draw(st.booleans()),
                create_before_destroy=draw(st.booleans()),
                image=draw(st.sampled_from([None, None, "another"])),
            )
            for name in sorted(names)
        )
    )


def planned(scene: Scene) -> Plan:
    documents, state, seen, book, request = scene
    return compute_plan(documents, state, seen, book, NOW, request)


walk = settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@walk
@given(scenes())
def test_every_record_and_every_create_in_doubt_gets_exactly_one_action(scene: Scene) -> None:
    plan = planned(scene)
    ended = [entry.record.mark for entry in plan.destroys]
    ended += [entry.record.mark for entry in plan.announces]
    ended += [entry.record.mark for entry in plan.keeps]
    actions = Counter(
        [*ended, *(entry.mark for entry in plan.doubts), *(entry.mark for entry in plan.forgets)]
    )
    state = scene[1]
    assert all(actions[mark] == 1 for mark in state.instances)
    for mark, pending in state.intents.items():
        assert actions[mark] == 1 or (not pending.blocks_slot and actions[mark] == 0), mark
    assert max(actions.values(), default=1) == 1


@walk
@given(scenes())
def test_I4_I5_only_what_has_ended_or_was_seen_in_this_pass_is_destroyed(scene: Scene) -> None:
    plan = planned(scene)
    _, state, seen, _, _ = scene
    listing = seen.inventories[PROVIDER]
    labels = {row.id: row.label for row in listing.instances}
    for entry in plan.destroys:
        mark = entry.record.mark
        known = mark in state.instances
        assert not getattr(listing, "wrong_account", False)
        label = labels.get(entry.record.instance_id)
        assert label in (None, mark), "another machine's mark stands there"
        if entry.again:
            assert state.instances[mark].doom is not None
        elif entry.reason is DestroyReason.EXPIRED and not entry.soft and not entry.succeeded:
            held = state.leases.get(entry.record.fleet)
            assert not known or held is None or (held.ends_at is not None and held.ends_at <= NOW)
        else:
            assert label == mark, "not identified in this pass"
            assert isinstance(listing, Complete) or not entry.reason.may_be_a_slip
            fleet_now = scene[0].fleets.get(entry.record.fleet) if scene[0] else None
            assert not (fleet_now and fleet_now.prevent_destroy and mark in state.instances)


@walk
@given(scenes())
def test_I12_nothing_is_forgotten_without_proof(scene: Scene) -> None:
    _, state, seen, _, _ = scene
    classified = classify_instances(state, seen)
    verdicts = {one.record.mark: one.weighed for one in classified.records}
    verdicts.update({one.intent.mark: one.weighed for one in classified.intents})
    for entry in planned(scene).forgets:
        if entry.what == "watch":
            until = state.intents[entry.mark].watched_until
            assert until is not None
            assert until <= NOW
            continue
        assert isinstance(seen.inventories[PROVIDER], Complete)
        assert verdicts[entry.mark].presence.value == "gone"
        proof = verdicts[entry.mark].evidence
        assert proof is not None
        assert proof.first_absent_at is not None
        assert proof.last_seen_at + WINDOW <= NOW
        assert proof.first_absent_at + WINDOW <= NOW


@walk
@given(scenes())
def test_I3_I11_nothing_is_created_in_a_slot_that_is_taken_or_in_doubt(scene: Scene) -> None:
    plan = planned(scene)
    documents, state, _, _, _ = scene
    slots = [create.slot for create in plan.creates]
    assert len(slots) == len(set(slots))
    waiting = {entry.record.mark for entry in plan.destroys if entry.after_successor}
    leaving = {entry.record.mark for entry in plan.destroys} - waiting
    leaving |= {entry.mark for entry in plan.forgets}
    leaving |= {mark for mark, one in state.instances.items() if one.doom}
    for slot in slots:
        assert isinstance(documents, DesiredState)
        assert slot.index < documents.fleets[slot.fleet].nodes.maximum
        here = [one for one in state.instances.values() if one.slot == slot]
        here_pending = [one for one in state.intents.values() if one.slot == slot]
        (create,) = (one for one in plan.creates if one.slot == slot)
        succeeded = {create.succeeds.mark} if create.succeeds else set()
        assert succeeded <= waiting
        assert all(one.mark in leaving | succeeded for one in here)
        assert len([one for one in here if one.mark not in leaving]) <= 1, "I3: surge of one"
        assert all(not one.blocks_slot or one.mark in leaving for one in here_pending)
        replaced = [create.replaces for create in plan.creates if create.slot == slot]
        going = {one.mark for one in here} - {entry.mark for entry in plan.forgets} - succeeded
        assert going <= set(replaced)


@walk
@given(scenes())
def test_decision_7_a_superseded_machine_goes_only_beside_a_ready_one_that_stays(
    scene: Scene,
) -> None:
    plan = planned(scene)
    _, state, seen, _, _ = scene
    rows = {row.id: row for row in seen.inventories[PROVIDER].instances}
    going = {entry.record.mark for entry in plan.destroys}
    going |= {entry.record.mark for entry in plan.announces}
    bought = {create.succeeds.mark for create in plan.creates if create.succeeds}
    for entry in plan.destroys:
        if entry.after_successor:
            assert entry.record.mark in bought
        if entry.succeeded:
            (heir,) = (
                one
                for one in state.instances.values()
                if one.succeeds and one.succeeds.mark == entry.record.mark
            )
            assert heir.mark not in going
            assert heir.doom is None
            row = rows[heir.instance_id]
            assert row.is_ready
            assert row.label == heir.mark


@walk
@given(scenes())
def test_I14_nothing_is_bought_where_nothing_can_be_read(scene: Scene) -> None:
    plan = planned(scene)
    readable = isinstance(scene[2].inventories[PROVIDER], Complete) or bool(
        getattr(scene[2].inventories[PROVIDER], "account", "")
    )
    assert readable or not plan.creates


@walk
@given(scenes(Mode.LOOP))
def test_I16_the_loop_never_exceeds_the_fuse(scene: Scene) -> None:
    plan = planned(scene)
    _, state, _, _, _ = scene
    slips = [
        one
        for one in plan.destroys
        if not (one.again or one.succeeded) and (one.soft or one.reason.may_be_a_slip)
    ]
    live = sum(1 for one in state.instances.values() if one.doom is None)
    recent = sum(1 for moment in state.soft_destroys if moment > NOW - HOUR)
    assert len(slips) <= max(0, max(1, live * 30 // 100) - recent)
    if scene[0] is None or not scene[0].fleets:
        assert not slips


@walk
@given(scenes(), st.randoms(use_true_random=False))
def test_I21_the_order_of_what_comes_in_does_not_matter(scene: Scene, chance: object) -> None:
    documents, state, seen, book, request = scene
    shuffled = _shuffled(documents, state, seen, book, chance)
    again = compute_plan(*shuffled, NOW, request)
    assert repr(again) == repr(planned(scene))


def _shuffled(
    documents: DesiredState | None,
    state: RecordedState,
    seen: ObservedState,
    book: OfferBook,
    chance: object,
) -> tuple[DesiredState | None, RecordedState, ObservedState, OfferBook]:
    def mixed(items: list[object]) -> list[object]:
        chance.shuffle(items)  # type: ignore[attr-defined]
        return items

    def table(mapping: object) -> dict[str, object]:
        return dict(mixed(list(mapping.items())))  # type: ignore[attr-defined, arg-type]

    if documents is not None:
        fleets: dict[str, Fleet] = table(documents.fleets)  # type: ignore[assignment]
        documents = replace(documents, fleets=fleets)
    listing = seen.inventories[PROVIDER]
    if hasattr(listing, "account"):
        rows = tuple(mixed(list(listing.instances)))
        listing = replace(listing, instances=rows)  # type: ignore[arg-type]
    changed = state.with_(
        instances=table(state.instances),
        intents=table(state.intents),
        leases=table(state.leases),
        notices=table(state.notices),
    )
    reads = table(seen.reads)
    offers = tuple(mixed(list(book.offers)))
    return (
        documents,
        changed,
        replace(seen, inventories={PROVIDER: listing}, reads=reads),  # type: ignore[arg-type]
        offer_book(*offers),  # type: ignore[arg-type]
    )

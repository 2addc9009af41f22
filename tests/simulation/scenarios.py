"""What can go wrong at any provider's face, as one short life each, and what came of it.

A provider joins by one line in ``FACES``. A life is told through the real operations: buy one
machine while it goes wrong, go on when it goes well, wait for the lease's end, end it while it goes
wrong, go on. Machines of other people stand in the same account.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.market.fault_words import parse_fault
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.model.errors import UnsafePlan
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.record import InstanceRecord
from tests.markets import START
from tests.simulation.face_shop import FaceShop, face_story
from tests.simulation.lambda_shop import LambdaShop
from tests.simulation.runpod_shop import RunpodShop
from tests.simulation.shop import several_offers
from tests.simulation.tensordock_shop import TensorDockShop
from tests.simulation.vast_shop import VastShop

MINUTE = timedelta(minutes=1)
FACES: dict[str, Callable[[Path, World], FaceShop]] = {
    "lambda": LambdaShop,
    "runpod": RunpodShop,
    "tensordock": TensorDockShop,
    "vastai": VastShop,
}
_EVERYWHERE = ("search", "list", "read", "create", "destroy")


@dataclass(frozen=True)
class Scenario:
    """``faults`` are words of ``simulate fault``, in force while it goes wrong; ``once`` those that
    one call meets. ``destroys_meanwhile``: the end of the lease does not wait until it goes well.
    """

    name: str
    faults: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    settings: MarketSettings = CALM
    destroys_meanwhile: bool = False


SCENARIOS = (
    Scenario("nothing goes wrong", destroys_meanwhile=True),
    Scenario("the listing fails (C2.3)", ("list=500",), destroys_meanwhile=True),
    Scenario("the listing is empty (C2.4)", ("list=empty",), destroys_meanwhile=True),
    Scenario(
        "the listing lags 100 s (C2.1, C2.2)",
        settings=replace(CALM, list_lag=timedelta(seconds=100)),
        destroys_meanwhile=True,
    ),
    Scenario("a create is 500, but made (C1.1)", once=("create=500-done",)),
    Scenario("a create is never answered (C1.2)", once=("create=hang",)),
    Scenario("429 everywhere (C8.4)", tuple(f"{one}=429" for one in _EVERYWHERE)),
    Scenario("a destroy is 200, but alive (C4.1)", ("destroy=ignored",)),
    Scenario("a destroy is 404, but alive (C4.2)", ("destroy=404",)),
    Scenario("every destroy is 500 (C4.3)", ("destroy=500",)),
    Scenario(
        "cut JSON and HTML with 200 (C6.9, C6.13)",
        tuple(f"{one}=garbage" for one in _EVERYWHERE),
    ),
    Scenario("prices are null (C5.3)", ("search=price-null",), destroys_meanwhile=True),
    Scenario("prices are text (C5.4)", ("search=price-text",), destroys_meanwhile=True),
    Scenario(
        "a status that nobody knows (C3.4)",
        ("list=zombified", "read=zombified"),
        destroys_meanwhile=True,
    ),
    Scenario("the key is refused (C8.2)", tuple(f"{one}=401" for one in _EVERYWHERE)),
)


def result_of(face: str, scenario: Scenario, directory: Path) -> str:
    """What came of it, in a few words; an assertion fails where a promise is broken."""

    async def tell(shop: FaceShop) -> str:
        return await _live(shop, scenario)

    settings = replace(scenario.settings, placed_stage=timedelta(0))
    offers = several_offers(12)
    return face_story(FACES[face], directory, tell, *offers, settings=settings)


async def _live(shop: FaceShop, scenario: Scenario) -> str:
    others = {shop.world.place_foreign(shop.now, "somebody's own", offer_id="o11").id}
    _begin(shop, scenario)
    for _ in range(3):
        with suppress(UnsafePlan):
            await shop.apply()
        _check(shop, others)
        await shop.wait(MINUTE)
    shop.world.clear_faults()
    for _ in range(12):
        await shop.apply()
        _check(shop, others)
        if not shop.state().intents and [one.ready_at for one in _records(shop)] != [None]:
            break
        await shop.wait(MINUTE)
    bought = len(shop.world.all_machines()) - len(others)
    others.update(_lookalikes(shop))
    assert [one.doom for one in _records(shop)] == [None], "not one machine in the end"
    _known(shop, others)
    ends_at = shop.state().leases["dev"].ends_at
    assert ends_at is not None
    await shop.wait(ends_at - shop.now)
    _begin(shop, scenario)
    sent = shop.sent("destroy_instance")
    for _ in range(3):
        await shop.reconcile()
        _check(shop, others)
        await shop.wait(MINUTE)
    if scenario.destroys_meanwhile:
        assert shop.sent("destroy_instance") > sent, "I5, I9: a known end waited for a listing"
    _known(shop, others)
    shop.world.clear_faults()
    for _ in range(12):
        await shop.reconcile()
        _check(shop, others)
        if not shop.state().instances and not shop.state().intents:
            break
        await shop.wait(MINUTE)
    assert {one.id for one in shop.alive()} == others, "something is still billed"
    assert not shop.state().instances, "what is gone is still recorded"
    made = "1 bought" if bought == 1 else f"{bought} bought, 1 kept"
    late = _minutes_late(shop, ends_at, others)
    return f"{made}; gone {f'{late} min' if late else 'within a minute'} after its end"


def _minutes_late(shop: FaceShop, ends_at: datetime, others: set[str]) -> int:
    """Whole minutes from the lease's end to the end of the last machine's bill."""
    ours = [one for one in shop.world.all_machines() if one.id not in others]
    gone = max(one.gone_at for one in ours if one.gone_at is not None)
    return max(0, (gone - ends_at) // MINUTE)


def _lookalikes(shop: FaceShop) -> set[str]:
    """Machines with marks whose end is long over: of a workspace of our name with another lineage,
    and of another workspace.
    """
    parts = (workspace_part("demo", "f" * 32), workspace_part("theirs", "e" * 32))
    marks = [str(Mark(part, "dev", 0, START - timedelta(days=1), "otheroth")) for part in parts]
    place = shop.world.place_foreign
    return {
        place(shop.now, mark, offer_id=offer).id
        for mark, offer in zip(marks, ("o12", "o10"), strict=True)
    }


def _begin(shop: FaceShop, scenario: Scenario) -> None:
    for text in scenario.faults:
        wanted = parse_fault(text)
        shop.world.script_fault(wanted.fault, wanted.operation)
    for text in scenario.once:
        wanted = parse_fault(text)
        shop.world.script_fault(wanted.fault, wanted.operation, times=1)


def _records(shop: FaceShop) -> list[InstanceRecord]:
    state = shop.workspace().backend.read()
    return list(state.instances.values()) if state else []


def _check(shop: FaceShop, others: set[str]) -> None:
    """At every step: nobody else's machine is touched, and no slot has two (I3, I4)."""
    touched = [one.id for one in shop.world.all_machines() if one.destroy_asked is not None]
    assert not others & set(touched), "I4: somebody else's machine was destroyed"
    slots = [one.slot for one in _records(shop) if one.doom is None]
    assert len(slots) == len(set(slots)), "I3: two machines in one slot"


def _known(shop: FaceShop, others: set[str]) -> None:
    """At a quiet moment: everything that is billed for us is in the state (I1)."""
    known = {one.instance_id for one in _records(shop)}
    ours = {shop.id_of(one) for one in shop.alive() if one.id not in others}
    assert ours <= known, "I1: billed and unknown to the state"

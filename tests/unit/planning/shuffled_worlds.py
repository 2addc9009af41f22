"""One world with everything in it, its parts in any order; run as a program it prints its plans.

`python -m tests.unit.planning.shuffled_worlds SEED` under other surroundings must print the same.
"""

from __future__ import annotations

import json
import locale
import random
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.decision import DecisionInputs
from reconciler.model.fleet import Fleet, NodeCount, OfferRules, ProviderSettings, Where
from reconciler.model.mark import NONCE_LENGTH
from reconciler.model.observation import Complete, DirectRead, Partial, Unknown
from reconciler.model.offer import Offer, OfferBook
from reconciler.model.pins import ProviderPin
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom, InstanceRecord, PendingCreate, SoftNotice
from reconciler.planning.explanation import explain
from reconciler.planning.planner import compute_plan
from reconciler.reporting.explain_json import explain_json
from reconciler.reporting.explain_text import explain_text
from reconciler.reporting.palette import ANSI, PLAIN
from reconciler.reporting.plan_markdown import plan_markdown
from reconciler.reporting.plan_text import plan_text
from tests.builders import (
    HOUR,
    complete,
    desired,
    fleet,
    instance,
    intent,
    lease,
    listing,
    mark_text,
    observed,
    offer,
    partial,
    record,
    recorded_state,
    specification,
    unreadable,
)
from tests.markets import GIB, START

NOW = START + 2 * HOUR
PROVIDERS = ("alpha", "beta", "gamma", "delta")
REQUESTS = (
    PlanRequest(Mode.APPLY, max_destroy=50),
    PlanRequest(Mode.APPLY),
    PlanRequest(Mode.LOOP, heal=True),
    PlanRequest(Mode.DESTROY, fused=False),
)
NAMES = ("train", "lab", "dev", "eval", "big", "old", "gone")


def inputs(request: PlanRequest) -> DecisionInputs:
    """The world in the order in which it was written down."""
    records, intents = _records(), _intents()
    notices = {
        one.mark: SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=NOW)
        for one in records
        if one.fleet == "gone"
    }
    state = recorded_state(
        *records,
        *intents,
        *(lease(name, target=4, maximum=6, started_at=START) for name in NAMES),
        notices=notices,
        soft_destroys=[NOW - timedelta(minutes=n) for n in (50, 10, 30)],
        providers={name: ProviderPin(type=name, account=f"of {name}") for name in PROVIDERS},
    )
    return DecisionInputs(
        desired(*_fleets(), providers={one: ProviderSettings(one, one) for one in PROVIDERS}),
        state,
        observed(
            *_inventories(records, intents),
            reads={
                ("alpha", "m-train-0"): DirectRead(not_found=True),
                ("beta", "m-lab-1"): DirectRead(why="timed out"),
                ("alpha", "m-dev-2"): DirectRead(not_found=True),
            },
            visibility={name: timedelta(seconds=10 + n) for n, name in enumerate(PROVIDERS)},
        ),
        OfferBook(tuple(_listings())),
        NOW,
        request,
    )


def _fleets() -> list[Fleet]:
    europe = frozenset({"NL", "DE", "FR", "SE"})
    return [
        fleet("train", NodeCount(2, 8, 9), ("RTX4090", "RTX3090")),
        fleet("lab", 3, where=Where(countries=europe), env={"B": "1", "A": "2"}),
        fleet("dev", 4, offers=OfferRules(min_reliability=Decimal("0.98"), verified=True)),
        fleet("eval", 5, where=Where(exclude_providers=frozenset({"beta", "delta"}))),
        fleet("big", 2, "H100:8", max_gpu_hour_usd=Decimal("0.1")),
        fleet("old", 1, prevent_destroy=True, expires_at=NOW - HOUR),
    ]


def _records() -> list[InstanceRecord]:
    made = []
    for number, name in enumerate(NAMES):
        for index in range(4):
            made.append(
                record(
                    name,
                    index,
                    provider=PROVIDERS[(number + index) % 4],
                    mark=mark_text(name, index, nonce=f"{name:r<4}{index:04d}"[:NONCE_LENGTH]),
                    specification=specification(image="old" if index == 3 else None),
                    usd_per_hour=Decimal("0.50") if index == 2 else Decimal("0.40"),
                    created_at=START + timedelta(minutes=index),
                    doom=Doom(reason=DestroyReason.REQUESTED, since=START) if index == 1 else None,
                )
            )
    return made


def _intents() -> list[PendingCreate]:
    return [
        intent(name, 4, provider=PROVIDERS[n], mark=mark_text(name, 4, nonce=f"intent{n:02d}"))
        for n, name in enumerate(NAMES[:4])
    ]


def _inventories(
    records: list[InstanceRecord], intents: list[PendingCreate]
) -> list[Complete | Partial | Unknown]:
    def rows(provider: str) -> list[Any]:
        known = [instance(one) for one in records if one.provider == provider and one.index != 0]
        found = [instance(one) for one in intents if one.provider == provider]
        strange = [
            instance(records[0], id=f"stranger {n}", provider=provider, label=label)
            for n, label in enumerate((None, mark_text(workspace="other"), mark_text(lineage="x")))
        ]
        return [*known, *found, *strange]

    return [
        complete("alpha", *rows("alpha"), started_at=NOW, account="of alpha"),
        complete("beta", *rows("beta"), started_at=NOW, account="of beta"),
        partial("gamma", *rows("gamma"), started_at=NOW, account="of gamma"),
        unreadable("delta", started_at=NOW),
    ]


def _listings() -> list[Any]:
    return [
        listing(*_offers(number, name), provider=name, unusable={"no price": 2, "no GPU": 1})
        for number, name in enumerate(PROVIDERS)
    ]


def _offers(number: int, provider: str) -> list[Offer]:
    made = []
    for n in range(12):
        gpu, count = (("RTX4090", 1), ("RTX3090", 1), ("H100-SXM", 8))[n % 3]
        made.append(
            offer(
                f"{n:02d}",
                ("0.40", "0.30", "2.40")[n % 3],  # ties on purpose
                provider=provider,
                gpu=gpu,
                gpu_count=count,
                gpu_memory_bytes=(80 if count == 8 else 24) * GIB,
                country=("NL", "DE", "US", None)[(n + number) % 4],
                reliability=Decimal("0.99") - Decimal(n % 5) / 100,
                verified=n % 4 != 0,
                spot=n % 5 == 4,
            )
        )
    return made


# --- the same world in another order ------------------------------------------------------------


def shuffled(world: DecisionInputs, seed: int) -> DecisionInputs:
    """Every mapping, list and set of ``world`` in another order; seed 0 leaves it as it is."""
    if seed == 0:
        return world
    chance = random.Random(seed)

    def mixed(items: Any) -> list[Any]:
        return chance.sample(list(items), len(items))

    def table(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
        return dict(mixed(mapping.items()))

    seen, state, documents = world.observed, world.recorded, world.desired
    assert documents is not None
    fleets = {
        name: replace(one, env=table(one.env), where=_rebuilt(one.where, mixed))
        for name, one in documents.fleets.items()
    }
    tables = ("leases", "instances", "intents", "notices", "providers")
    return replace(
        world,
        desired=replace(documents, fleets=table(fleets), providers=table(documents.providers)),
        recorded=state.with_(
            **{name: table(getattr(state, name)) for name in tables},
            soft_destroys=mixed(state.soft_destroys),
        ),
        observed=replace(
            seen,
            inventories=table({name: _mixed(one, mixed) for name, one in seen.inventories.items()}),
            reads=table(seen.reads),
            visibility=table(seen.visibility),
        ),
        offers=OfferBook(
            tuple(
                replace(one, offers=tuple(mixed(one.offers)), unusable=table(one.unusable))
                for one in mixed(world.offers.listings)
            )
        ),
    )


def _mixed(inventory: Any, mixed: Any) -> Any:
    if isinstance(inventory, Unknown):
        return inventory
    return replace(inventory, instances=tuple(mixed(inventory.instances)))


def _rebuilt(where: Where, mixed: Any) -> Where:
    """Sets whose members were put in in another order."""
    return replace(where, countries=frozenset(mixed(where.countries)))


def decided(world: DecisionInputs) -> Plan:
    return compute_plan(
        world.desired, world.recorded, world.observed, world.offers, world.now, world.request
    )


def told(seed: int) -> str:
    """Everything that a reader may be shown of the world, as one text."""
    parts = []
    for request in REQUESTS:
        plan = decided(shuffled(inputs(request), seed))
        parts += [plan_text(plan, PLAIN), plan_text(plan, ANSI), plan_markdown(plan)]
    world = shuffled(inputs(REQUESTS[0]), seed)
    assert world.desired is not None
    for _, one in sorted(world.desired.fleets.items()):
        explanation = explain(one, world.offers)
        parts += [explain_text(explanation), json.dumps(explain_json(explanation))]
    return "\n".join(parts)


if __name__ == "__main__":
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")
    sys.stdout.write(told(int(sys.argv[1])))

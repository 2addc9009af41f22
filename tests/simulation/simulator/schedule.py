"""What happens in one run, drawn from its seed before it starts: a list that can be cut down."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from reconciler.model.value import dataclass
from tests.simulation.simulator.catalogue import ACTIONS
from tests.simulation.simulator.documents import READABLE
from tests.simulation.simulator.face_places import Rented, drawn_face
from tests.simulation.simulator.wire_faults import drawn_arguments, numbers_at

TICKS = 40
_FAULTS = {True: (2, 4), False: (3, 10)}
_ON_THE_WIRE = (3, 7)
_PEOPLE = {True: (1, 2), False: (2, 5)}
_PASSES_APART = {True: (11, 18), False: (5, 9)}
"""Of small runs and of large ones: few things at once show what many hide from each other."""
_TICK_SECONDS = (30, 60, 120, 300)
_VERBS = (
    ("apply", 8),
    ("plan", 1),
    ("extend", 1),
    ("release", 1),
    ("destroy", 2),
    ("reconcile", 2),
)


@dataclass(frozen=True, slots=True)
class Step:
    """At the begin of ``tick``: ``kind`` with ``arguments``; ``number`` names the fault, if any."""

    tick: int
    kind: str
    arguments: tuple[tuple[str, Any], ...] = ()
    number: str = ""

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"tick {self.tick:>2}: {self.number and self.number + ' '}{self.kind}({said})"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run is a function of this alone."""

    seed: int
    tick_seconds: int
    steps: tuple[Step, ...]
    face: Rented | None = None

    def __str__(self) -> str:
        head = f"seed {self.seed}, {TICKS} ticks of {self.tick_seconds} s"
        if self.face is not None:
            head += f", {self.face}"
        return "\n".join([head, *(f"  {step}" for step in self.steps)])

    def only(self, steps: Iterable[Step]) -> Schedule:
        return Schedule(self.seed, self.tick_seconds, tuple(steps), self.face)


def draw(seed: int) -> Schedule:
    """The schedule of ``seed``: verbs by three runners, and at least two faults."""
    chance = random.Random(seed)
    small = chance.random() < 0.5
    verbs = [*_loop_passes(chance, small), *_verbs(chance, small)]
    steps = [*_faults(chance, small, [step.tick for step in verbs]), *verbs]
    first = Step(0, "apply", (*_apply(chance), ("who", "laptop")))
    face = drawn_face(seed)
    if face is not None:
        buying = [0, *(step.tick for step in verbs if step.kind == "apply")]
        busy = [*buying, *buying, *(step.tick for step in verbs)]
        steps += _on_the_wire(random.Random(f"wire {seed}"), face, busy)
    ordered = sorted(steps, key=lambda step: step.tick)
    return Schedule(seed, chance.choice(_TICK_SECONDS), (first, *ordered), face)


def _loop_passes(chance: random.Random, small: bool) -> list[Step]:
    period = chance.randint(*_PASSES_APART[small])
    heal = chance.random() < 0.3
    arguments = (("heal", heal), ("schedule", chance.random() < 0.5), ("who", "cron"))
    return [Step(tick, "reconcile", arguments) for tick in range(1, TICKS, period)]


def _verbs(chance: random.Random, small: bool) -> list[Step]:
    kinds = [kind for kind, _ in _VERBS]
    weights = [weight for _, weight in _VERBS]
    steps = []
    for kind in chance.choices(kinds, weights, k=chance.randint(*_PEOPLE[small])):
        who = ("who", chance.choice(("laptop", "ci")))
        arguments = _apply(chance) if kind == "apply" else _plain(chance, kind)
        steps.append(Step(chance.randrange(1, TICKS), kind, (*arguments, who)))
    return steps


def _apply(chance: random.Random) -> tuple[tuple[str, Any], ...]:
    return (
        ("documents", chance.choice(READABLE)),
        ("max_destroy", chance.choice((None, 10))),
        ("detach", chance.random() < 0.6),
        ("renew", chance.random() < 0.3),
    )


def _plain(chance: random.Random, kind: str) -> tuple[tuple[str, Any], ...]:
    if kind == "extend":
        return (("minutes", chance.randint(1, 90)),)
    if kind == "destroy":
        return (("target", chance.choice(("", "fleet.dev", "fleet.dev[0]"))),)
    if kind == "reconcile":
        return (("heal", chance.random() < 0.5), ("schedule", chance.random() < 0.5))
    return ()


def _faults(chance: random.Random, small: bool, busy: list[int]) -> list[Step]:
    """Most of them begin as a command begins: then there is something to disturb."""
    weights = [action.weight for action in ACTIONS]
    drawn = chance.choices(ACTIONS, weights, k=chance.randint(*_FAULTS[small]))
    return [
        Step(
            chance.choice(busy) if chance.random() < 0.6 else chance.randrange(1, TICKS - 2),
            action.kind,
            tuple(sorted(action.draw(chance).items())),
            action.number,
        )
        for action in drawn
    ]


def _on_the_wire(chance: random.Random, face: Rented, busy: list[int]) -> list[Step]:
    """Beside the others, which know nothing of how a place is rented."""
    drawn = chance.choices(numbers_at(face.provider), k=chance.randint(*_ON_THE_WIRE))
    return [
        Step(
            chance.choice(busy) if chance.random() < 0.6 else chance.randrange(TICKS - 2),
            "on_the_wire",
            tuple(sorted(drawn_arguments(number, chance).items())),
            number,
        )
        for number in drawn
    ]


def shrunk(schedule: Schedule, still_fails: Callable[[Schedule], bool]) -> Schedule:
    """As few steps as still fail: parts are left out, from halves down to single steps."""
    steps = list(schedule.steps)
    part = max(1, len(steps) // 2)
    while True:
        start, cut = 0, False
        while start < len(steps):
            fewer = steps[:start] + steps[start + part :]
            if fewer and still_fails(schedule.only(fewer)):
                steps, cut = fewer, True
            else:
                start += part
        if part == 1 and not cut:
            return schedule.only(steps)
        part = max(1, part // 2)

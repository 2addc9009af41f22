"""Bad inputs 45 to 56: what the real providers answer instead of a listing, while machines run.

Exit code, what is said, and that nothing is bought, destroyed or forgotten by it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from tests.faces import Change
from tests.simulation.broken_faces import (
    FACES,
    Face,
    _machines_changed,
    _pods_changed,
)
from tests.simulation.face_shop import FaceShop, face_story
from tests.simulation.shop import several_offers
from tests.simulation.survival import BROKEN_ANSWERS, only, rows_changed, three_nodes
from tests.unit.reporting.hostile import HOSTILE


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """``codes``: of a pass over it. ``said``: parts of what its findings say."""

    number: int
    change: Change
    codes: tuple[ExitCode, ...]
    said: tuple[str, ...] = ()


_FAILED = (ExitCode.PROVIDER_FAILURE,)
_DONE = (ExitCode.DONE,)
_EITHER = (*_DONE, *_FAILED)
_LABELLED = {
    "vastai": rows_changed("instances", label=HOSTILE),
    "lambda": rows_changed("data", name=HOSTILE),
    "runpod": _pods_changed(name=HOSTILE),
    "tensordock": _machines_changed(name=HOSTILE),
}
_SURROGATE = {
    "vastai": "label is a lone surrogate",
    "lambda": "name is a lone surrogate",
    "runpod": "name is a lone surrogate",
}


def _answers(face: Face) -> list[BadAnswer]:
    """Where a provider has no such field, there is no such input."""
    found = [
        BadAnswer(45, BROKEN_ANSWERS["HTML with 200"], _FAILED, ("<html>",)),
        BadAnswer(46, BROKEN_ANSWERS["truncated JSON"], _FAILED),
        BadAnswer(47, face.rows["list is null"], _FAILED),
        BadAnswer(48, face.rows["list is empty"], _EITHER),
        BadAnswer(50, face.rows["unknown status"], _EITHER),
        BadAnswer(52, _LABELLED[face.name], _EITHER),
        BadAnswer(54, BROKEN_ANSWERS["redirect"], _FAILED, ("redirect", "elsewhere.example.com")),
        BadAnswer(55, BROKEN_ANSWERS["429 storm"], _FAILED),
    ]
    named = {
        51: "id leads elsewhere",
        53: _SURROGATE.get(face.name, ""),
        56: "token goes in a circle",
    }
    for number, name in named.items():
        if name in face.rows:
            codes = _FAILED if number == 56 else _EITHER
            found.append(BadAnswer(number, face.rows[name], codes))
    return found


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_bad_answers_are_told_and_nothing_is_bought_destroyed_or_forgotten(
    tmp_path: Path, face: Face
) -> None:
    async def tell(shop: FaceShop) -> None:
        await shop.apply(three_nodes(shop.documents))
        running = {one.id for one in shop.alive()}
        known = set(shop.state().instances)
        changes = _changes(shop)
        assert len(running) == len(known) == 3
        for bad in _answers(face):
            sent = len(shop.wire.sent)
            shop.spoil(only(bad.change, *face.listing))
            for verb in (shop.apply, shop.reconcile):
                result = await verb()
                said = "\n".join(str(one) for one in result.plan.findings)
                assert result.code in bad.codes, (bad, result.code, said)
                assert [one for one in bad.said if one not in said] == [], (bad, said)
                assert bad.codes != _FAILED or face.name in said, (bad, said)
                assert all(printable(line, 2000) == line for line in said.split("\n")), bad
            assert {one.id for one in shop.alive()} == running, bad
            assert set(shop.state().instances) == known, bad
            assert _changes(shop) == changes, bad
            paths = ["/".join(one.segments) for one in shop.wire.sent[sent:]]
            assert not [one for one in paths if ".." in one], (bad, paths)
            shop.spoil(None)
            await shop.apply()

    face_story(face.shop, tmp_path, tell, *several_offers(12))


def _changes(shop: FaceShop) -> tuple[int, int]:
    return shop.sent("create_instance"), shop.sent("destroy_instance")

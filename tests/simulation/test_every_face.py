"""The whole trip at each face, whole and broken: never a leak, a wrong destroy or a double."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from tests.faces import Change
from tests.simulation.broken_faces import FACES, Face
from tests.simulation.face_shop import FaceShop, face_story
from tests.simulation.shop import several_offers
from tests.simulation.survival import HOUR, MINUTE, marks, survive, three_nodes


def told(face: Face, directory: Path, tell: Callable[[FaceShop], Awaitable[None]]) -> None:
    face_story(face.shop, directory, tell, *several_offers(12))


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_whole_trip_ends_with_nothing_billed(tmp_path: Path, face: Face) -> None:
    async def tell(shop: FaceShop) -> None:
        three = three_nodes(shop.documents)
        plan = await shop.plan(three)
        assert len(plan.creates) == 3
        assert shop.sent("create_instance") == 0
        result = await shop.apply(three)
        assert result.code is ExitCode.DONE
        assert marks(shop) == sorted(shop.state().instances)
        assert all(record.ready_at for record in shop.state().instances.values())
        for _ in range(3):  # the lists of TensorDock have three shapes
            again = await shop.apply()
            assert (again.code, again.plan.has_changes) == (ExitCode.DONE, False)
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        for _ in range(8):
            await shop.reconcile()
            await shop.wait(MINUTE)
        assert shop.state().instances == {}
        assert len(shop.world.all_machines()) == 3

    told(face, tmp_path, tell)


@pytest.mark.parametrize("number", sorted(CATALOGUE))
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_whatever_goes_wrong_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, face: Face, number: str
) -> None:
    operation, fault = CATALOGUE[number]

    async def tell(shop: FaceShop) -> None:
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    told(face, tmp_path, tell)


def spoilt(face: Face, directory: Path, change: Change) -> None:
    """The trip with answers that were changed on their way."""

    async def tell(shop: FaceShop) -> None:
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    told(face, directory, tell)


@pytest.mark.parametrize(
    ("face", "broken", "endpoint"),
    [
        pytest.param(face, broken, endpoint, id=f"{face.name}-{broken}-{endpoint}")
        for face in FACES
        for broken, endpoint in face.answers()
    ],
)
def test_a_broken_answer_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, face: Face, broken: str, endpoint: str
) -> None:
    spoilt(face, tmp_path, face.answering(broken, endpoint))


@pytest.mark.parametrize(
    ("face", "lie"),
    [pytest.param(face, lie, id=f"{face.name}-{lie}") for face in FACES for lie in face.rows],
)
def test_a_row_or_a_page_that_lies_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, face: Face, lie: str
) -> None:
    spoilt(face, tmp_path, face.lying(lie))

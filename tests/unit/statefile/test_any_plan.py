"""Whatever happens to a saved plan, it is refused, or it is the plan that was reviewed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.model.errors import StalePlan
from reconciler.operations.saved_plan import read_saved_plan
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_json import plan_document
from reconciler.reporting.plan_reading import saved_plan
from reconciler.reporting.plan_text import plan_text
from reconciler.statefile.plan_file import decode_plan, encode_plan
from tests.unit.planning.test_saved_plan import ORIGIN
from tests.unit.reporting.sample_plan import sample_plan
from tests.unit.statefile.damage import check_told, damaged, forged

DOCUMENT = plan_document(sample_plan(), ORIGIN)
STORED = encode_plan(DOCUMENT)
OPENING = '"gpu_shopper_plan":1,'
FIELDS = {
    name: value
    for name, value in json.loads(STORED).items()
    if name not in ("gpu_shopper_plan", "checksum")
}

few = settings(max_examples=50, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "p"


def _is_refused(place: Path, data: bytes) -> bool:
    """By ``apply p``, with the way to a new one."""
    place.write_bytes(data)
    try:
        plan = read_saved_plan(place).plan
    except StalePlan as error:
        check_told(error, 10)
        return "gpu-shopper plan -out=FILE" in error.fix
    return not plan_text(plan, PLAIN)


@few
@given(damaged(STORED))
def test_bad_input_34_any_change_makes_a_plan_unusable(place: Path, data: bytes) -> None:
    assert _is_refused(place, data) == (data != STORED)


@few
@given(forged(FIELDS, OPENING))
def test_bad_input_34_a_forged_plan_is_refused_or_is_whole(place: Path, data: bytes) -> None:
    if _is_refused(place, data):
        return
    document = decode_plan(data, place)
    assert decode_plan(encode_plan(document), place) == document
    assert saved_plan(document) == read_saved_plan(place)


def test_the_plan_itself_is_usable(place: Path) -> None:
    assert not _is_refused(place, STORED)

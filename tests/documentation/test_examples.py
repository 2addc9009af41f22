"""Every example is a configuration that loads, and carries the schema for editors."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.clock import LoopClock
from reconciler.documents.document_files import find_documents
from reconciler.documents.loader import load_documents
from reconciler.documents.yaml_source import read_document
from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.inventory.offers import collect_offers
from reconciler.market.world import World
from reconciler.model.fleet import DesiredState
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.record import RecordedState
from reconciler.planning.planner import compute_plan
from reconciler.providers.base import OfferQuery
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.markets import START
from tests.virtual_time import run_virtual

ROOT = Path(__file__).parents[2]
SCHEMA = "# yaml-language-server: $schema=../../schemas/fleets.schema.json"
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").glob("**/*fleets.yaml")})


def _name(example: Path) -> str:
    return example.name


def test_the_examples_that_the_readme_speaks_of_are_there() -> None:
    assert {"quickstart", "training", "teams"} <= {example.name for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_loads_and_declares_fleets(example: Path) -> None:
    assert load_documents(example).fleets


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_begins_with_the_schema_that_an_editor_reads(example: Path) -> None:
    for document in find_documents(example):
        first = document.read_text().splitlines()[0]
        assert first == SCHEMA, document
        assert (document.parent / first.partition("=")[2]).is_file()


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_agrees_with_the_published_schema(example: Path) -> None:
    from jsonschema import Draft202012Validator

    from reconciler.documents.json_schema import document_schema

    for document in find_documents(example):
        data = read_document(document.name, document.read_bytes()).data
        assert list(Draft202012Validator(document_schema()).iter_errors(data)) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_is_planned_in_full_on_the_built_in_market(example: Path) -> None:
    """Every fleet reaches at least its minimum, at a price, on the market a stranger gets."""
    plan = run_virtual(_plan, load_documents(example))
    assert not plan.blocked
    assert [finding.message for finding in plan.findings if finding.code is not None] == []
    closed = {one.fleet for one in plan.fleets if one.note == "outside hours"}
    declared = set(load_documents(example).fleets)
    assert {create.slot.fleet for create in plan.creates} == declared - closed
    assert plan.rate_after > 0
    assert plan.worst_case_usd is not None
    assert plan.worst_case_usd > plan.rate_after


async def _plan(desired: DesiredState) -> Plan:
    clock = LoopClock(START)
    with World.create(None, seed=1, started_at=START, wall_origin=START) as world:
        provider = SimulatedProvider("simulated", world, clock)
        inventories = await list_everything({"simulated": provider}, clock)
        recorded = RecordedState(workspace=desired.workspace, lineage="l")
        observed = await observe_instances({"simulated": provider}, inventories, recorded)
        offers = await collect_offers({"simulated": provider}, OfferQuery(), clock)
        request = PlanRequest(Mode.APPLY)
        return compute_plan(desired, recorded, observed, offers, clock.now(), request)


def test_the_training_example_shows_alternatives_and_protection() -> None:
    train = load_documents(ROOT / "examples/training").fleets["train"]
    assert (train.nodes.target, train.resources.ordered, train.prevent_destroy) == (4, True, True)
    assert {wanted.count for wanted in train.resources.gpu} == {8}


def test_the_teams_example_shows_what_a_fleet_takes_over_from_its_profiles() -> None:
    fleets = load_documents(ROOT / "examples/teams").fleets
    assert {fleet.team for fleet in fleets.values()} == {"vision", "nlp", "ops"}
    assert fleets["nlp-notebook"].ttl == timedelta(hours=8)
    assert fleets["nlp-tune"].offers.hosting == "datacenter"
    assert len(fleets["nlp-tune"].resources.gpu) == 2

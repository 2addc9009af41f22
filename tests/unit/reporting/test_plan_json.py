"""A plan as a document: everything in it, no secret in it, and back again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from reconciler.documents.json_schema import plan_schema
from reconciler.model.instance import Instance
from reconciler.model.offer import Offer
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.record import InstanceRecord, Specification
from reconciler.model.saved_plan import PlanOrigin
from reconciler.planning.planner import compute_plan
from reconciler.reporting.palette import ANSI, PLAIN
from reconciler.reporting.plan_json import plan_document, plan_json
from reconciler.reporting.plan_reading import plan_of, saved_plan
from reconciler.reporting.plan_text import plan_text
from reconciler.statefile.plan_file import decode_plan, encode_plan
from tests.builders import (
    PROVIDER,
    complete,
    create,
    desired,
    fleet,
    instance,
    mark_text,
    observed,
    offer,
    offer_book,
    plan,
    record,
    recorded_state,
)
from tests.markets import START
from tests.unit.planning.test_plan_properties import Scene, planned, scenes, walk
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.sample_plan import CANARY, REQUEST, sample_plan

ORIGIN = PlanOrigin("lineage-1", 7, "0" * 64, {"simulated": "account-1", "other": "account-2"})


def read_back(value: Plan) -> Plan:
    """Through the bytes of a file."""
    return plan_of(decode_plan(encode_plan(plan_document(value, ORIGIN)), Path("p")))


def as_read(value: Plan) -> Plan:
    """``value`` without what documents leave out on purpose: whoever is adopted is not told to be
    kept too.
    """
    adopted = {one.record.mark for one in value.adopts}
    return replace(
        value,
        creates=tuple(
            replace(one, ranked=(one.offer,), specification=_hidden(one.specification))
            for one in value.creates
        ),
        destroys=tuple(replace(one, record=_machine(one.record)) for one in value.destroys),
        adopts=tuple(replace(one, record=_machine(one.record)) for one in value.adopts),
        keeps=tuple(
            replace(one, record=_machine(one.record), instance=None)
            for one in value.keeps
            if one.record.mark not in adopted
        ),
        announces=tuple(replace(one, record=_machine(one.record)) for one in value.announces),
    )


def _machine(machine: InstanceRecord) -> InstanceRecord:
    bought = machine.specification
    return machine.with_(specification=bought and _hidden(bought))


def _hidden(specification: Specification) -> Specification:
    return specification.with_(env=dict.fromkeys(specification.env, ""))


# --- nothing is lost --------------------------------------------------------------------------


def test_everything_comes_back_but_what_is_left_out_on_purpose() -> None:
    assert read_back(sample_plan()) == as_read(sample_plan())


def _values(value: object) -> Iterator[object]:
    """``value`` and every dataclass and model inside it."""
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _values(item)
    elif isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _values(getattr(value, name))
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for part in fields(value):
            yield from _values(getattr(value, part.name))


def _defaults(kind: Any) -> dict[str, Any]:
    if issubclass(kind, BaseModel):
        parts = kind.model_fields.items()
        return {name: part.default for name, part in parts if not part.is_required()}
    return {part.name: part.default for part in fields(kind) if part.default is not MISSING}


def test_the_sample_gives_every_field_of_a_plan_a_value_of_its_own() -> None:
    """A field that is added to a plan fails here until the sample, and so the document, has it."""
    never: dict[str, set[str]] = {}
    for value in _values(sample_plan()):
        kind = type(value)
        same = {
            name for name, default in _defaults(kind).items() if getattr(value, name) == default
        }
        never[kind.__name__] = never.get(kind.__name__, same) & same
    missing = {name: left for name, left in never.items() if left}
    assert missing == {}, "give them a value in tests/unit/reporting/sample_plan.py"


@pytest.mark.parametrize("name", [part.name for part in fields(PlanRequest)])
def test_every_choice_of_a_request_is_saved(name: str) -> None:
    """A choice that is lost between the review and the apply would carry out another plan."""
    default = _defaults(PlanRequest).get(name, MISSING)
    assert getattr(REQUEST, name) != default, "give it a value in sample_plan.REQUEST"
    assert getattr(read_back(plan(request=REQUEST)).request, name) == getattr(REQUEST, name)


@walk
@given(scenes())
def test_any_plan_comes_back_and_its_text_is_the_text_that_was_shown(scene: Scene) -> None:
    value = planned(scene)
    again = read_back(value)
    assert again == as_read(value)
    for palette in (PLAIN, ANSI):
        assert plan_text(again, palette) == plan_text(value, palette)
    stored = encode_plan(plan_document(value, ORIGIN))
    assert encode_plan(decode_plan(stored, Path("p"))) == stored


def test_the_text_of_the_sample_comes_back_too() -> None:
    assert plan_text(read_back(sample_plan()), ANSI) == plan_text(sample_plan(), ANSI)


# --- what it looks like -----------------------------------------------------------------------


def test_a_document_agrees_with_its_schema_and_refuses_what_it_does_not_know() -> None:
    validator = Draft202012Validator(plan_schema())
    document = json.loads(plan_json(plan_document(sample_plan(), ORIGIN)))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(json.loads(plan_json(plan_document(plan()))))) == []
    assert not validator.is_valid({**document, "surprise": 1})
    assert not validator.is_valid({**document, "made_at": 1})
    assert not validator.is_valid({key: document[key] for key in document if key != "actions"})


def test_money_is_exact_text_and_moments_are_utc() -> None:
    document = json.loads(plan_json(plan_document(sample_plan())))
    assert document["money"]["rate_after"] == "1.2345678901234567890"
    assert document["money"]["worst_case_until"] == "2026-07-01T17:00:00.000007Z"
    assert document["made_at"] == "2026-07-01T12:00:00Z"
    assert document["format_version"] == "1.0"


def test_actions_carry_sign_reason_rate_ceiling_offer_and_differences() -> None:
    document = json.loads(plan_json(plan_document(sample_plan())))
    by_sign = {action["sign"]: action for action in document["actions"]}
    assert set(by_sign) == {"+", "-", "-/+", "+/-", "<=", "x", "?", "!", ".", "~"}
    assert by_sign["+"]["ceiling_usd_per_hour"] == "0.4200"
    assert by_sign["+"]["offer"]["id"] == "o1"
    assert by_sign["+"]["other_offers"] == 2
    (difference,) = by_sign["-/+"]["destroy"]["differences"]
    assert difference == {
        "attribute": "image",
        "actual": "training:1",
        "wanted": "training:2",
        "forces_replacement": True,
    }
    blocking = document["findings"][1]
    assert (blocking["exit_code"], blocking["exit_word"]) == (5, "refused-by-rule")
    assert document["applicable"] is False


def test_I10_of_an_environment_the_names_are_shown_and_no_value() -> None:
    text = plan_json(plan_document(sample_plan()))
    assert "HF_TOKEN" in text
    assert CANARY not in text
    assert "${env:SOMETHING}" not in text


def test_I22_no_control_character_is_written_and_nothing_is_lost() -> None:
    strange = HOSTILE + "\x7f\x80\u2028"
    value = plan(
        creates=(create(offer=offer(strange, region=strange)),),
        destroys=(),
        keeps=(),
    )
    data = encode_plan(plan_document(value, ORIGIN))
    assert data.isascii()
    assert all(32 <= byte < 127 for byte in data.rstrip(b"\n"))
    assert read_back(value).creates[0].offer.id == strange
    assert plan_text(read_back(value), PLAIN) == plan_text(value, PLAIN)


def test_I21_the_same_plan_gives_the_same_bytes() -> None:
    first = encode_plan(plan_document(sample_plan(), ORIGIN))
    again = replace(ORIGIN, accounts=dict(reversed(list(ORIGIN.accounts.items()))))
    assert encode_plan(plan_document(sample_plan(), again)) == first


def test_I21_fifty_orders_of_every_input_give_the_same_bytes() -> None:
    names = [f"f{number}" for number in range(5)]
    labels = {"team": "nlp", "who": "ada", "why": "paper"}
    env = {"A": "1", "B": "2", "C": "3"}
    machines = [record(name, mark=mark_text(name, nonce=f"n{name:0>7}")) for name in names[:3]]
    state = recorded_state(*machines)
    written = set()
    for seed in range(50):

        def shuffled(values: Iterable[Any], seed: int = seed) -> list[Any]:
            return random.Random(seed).sample(list(values), len(list(values)))

        fleets = [
            fleet(
                name,
                nodes=2,
                labels=dict(shuffled(labels.items())),
                env=dict(shuffled(env.items())),
            )
            for name in shuffled(names)
        ]
        again = state.with_(
            instances=dict(shuffled(state.instances.items())),
            leases=dict(shuffled(state.leases.items())),
        )
        seen = observed(complete(PROVIDER, *shuffled(instance(one) for one in machines)))
        book = offer_book(*shuffled(offer(f"o{number}") for number in range(9)))
        value = compute_plan(desired(*fleets), again, seen, book, START, PlanRequest(Mode.APPLY))
        written.add(encode_plan(plan_document(value, ORIGIN)))
    assert len(written) == 1


# --- reading ----------------------------------------------------------------------------------


def test_a_plan_that_does_not_say_where_it_comes_from_cannot_be_applied() -> None:
    with pytest.raises(ValueError, match="made from"):
        saved_plan(plan_document(plan()))


def test_a_plan_whose_parts_contradict_one_another_cannot_be_applied() -> None:
    document = plan_document(sample_plan(), ORIGIN)
    with pytest.raises(ValueError, match="contradicts"):
        saved_plan(document.model_copy(update={"applicable": True}))
    action = document.actions[1].model_copy(update={"address": "fleet.other[0]"})
    with pytest.raises(ValueError, match="address"):
        plan_of(document.model_copy(update={"actions": (action,)}))


def test_the_values_of_the_sample_are_of_every_kind_that_matters() -> None:
    kinds = {type(value) for value in _values(sample_plan())}
    assert {Offer, Instance, InstanceRecord, Specification} <= kinds
    assert record().mark

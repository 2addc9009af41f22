"""schemas/ is what the code generates, and says enough for an editor to help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.documents.json_schema import (
    DRAFT,
    document_schema,
    schema_texts,
    state_schema,
    write_schemas,
)
from reconciler.model.record import LeaseRecord, RecordedState
from reconciler.statefile.format import encode

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMES = sorted(schema_texts())


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_schema_is_the_generated_one(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == schema_texts()[name], (
        "run `make schemas`"
    )


def test_no_schema_is_committed_that_is_not_generated() -> None:
    assert sorted(path.name for path in SCHEMAS.glob("*.json")) == NAMES


def test_writing_them_twice_changes_nothing(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    write_schemas(tmp_path / "new")
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == schema_texts()


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_says_which_draft_it_is(name: str) -> None:
    schema = json.loads(schema_texts()[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    assert schema["$id"].endswith(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_refers_to_nothing_outside_itself(name: str) -> None:
    """Bad input 30: no network access."""
    parts = list(_parts(json.loads(schema_texts()[name])))
    references = [part["$ref"] for part in parts if isinstance(part.get("$ref"), str)]
    assert [reference for reference in references if not reference.startswith("#/$defs/")] == []


def test_every_key_of_the_documents_has_a_title_and_a_description() -> None:
    bare = [
        key
        for part in _parts(document_schema())
        for key, about in part.get("properties", {}).items()
        if not (about.get("title") and about.get("description"))
    ]
    assert bare == []


def test_every_mapping_of_the_documents_refuses_unknown_keys() -> None:
    mappings = [part for part in _parts(document_schema()) if part.get("type") == "object"]
    assert mappings
    assert all(part["additionalProperties"] is False for part in mappings)


def test_the_schema_describes_what_is_written_and_not_what_it_becomes() -> None:
    fleet = document_schema()["$defs"]["FleetBlock"]["properties"]
    assert fleet["ttl"]["type"] == "string"
    assert "4h" in fleet["ttl"]["examples"]
    assert fleet["max_gpu_hour_usd"]["type"] == "number"
    assert {"type": "null"} not in fleet["nodes"]["anyOf"]


def test_a_stored_state_agrees_with_its_schema() -> None:
    state = RecordedState(
        workspace="lab",
        lineage="5f0c1e9a-7b1d-4a51-9d0e-0f4a1e1d2c3b",
        leases={"f": lease()},
        loop_last_seen=datetime(2026, 3, 1, tzinfo=UTC),
    )
    validator = Draft202012Validator(state_schema())
    stored = json.loads(encode(state))
    assert list(validator.iter_errors(stored)) == []
    assert not validator.is_valid({**stored, "checksum": "none"})
    assert not validator.is_valid({**stored, "fleets": {}})


def lease() -> LeaseRecord:
    return LeaseRecord(
        ttl=timedelta(hours=4),
        expires_at=None,
        grace=timedelta(minutes=10),
        fleet="f",
        target=1,
        maximum=2,
        labels={"a": "b"},
    )


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _parts(value)

"""The published JSON Schemas, generated from the code (draft 2020-12).

``fleets.schema.json`` says what a user may write, so that an editor completes and checks while
typing; ``state.schema.json`` says what a state holds, ``plan.schema.json`` what ``show -json``
prints, ``events.schema.json`` each line of ``plan -json``, ``apply -json`` and their like, and
``audit.schema.json`` each line of the audit trail.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from reconciler.documents.blocks import schema_of_documents

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
ID_BASE: Final = "https://cloud-gpu-shopper.invalid/schemas/"
"""Names the schemas and is never fetched; the domain is reserved for that (RFC 2606)."""
FLEETS_FILE: Final = "fleets.schema.json"
AUDIT_FILE: Final = "audit.schema.json"
STATE_FILE: Final = "state.schema.json"
PLAN_FILE: Final = "plan.schema.json"
EVENTS_FILE: Final = "events.schema.json"
_STATE_ENVELOPE: Final = {
    "checksum": {
        "type": "string",
        "pattern": "^sha256:[0-9a-f]{64}$",
        "description": "SHA-256 of every byte after it.",
        "title": "Checksum",
    },
    "version": {"type": "integer", "const": 3, "description": "Format.", "title": "Version"},
}
_SMALLEST_EXAMPLE: Final = {
    "version": 1,
    "workspace": "alice-laptop-7k2p",
    "providers": {"simulated": {}},
    "fleets": {
        "dev": {"resources": {"gpu": "RTX4090"}, "max_gpu_hour_usd": 0.6, "ttl": "4h"},
    },
}


@cache
def document_schema() -> dict[str, Any]:
    """The schema of one ``fleets.yaml`` or ``*.fleets.yaml``. One shared value: do not change it.

    ``version`` and ``workspace`` are not required in it, because another file may hold them.
    """
    generated = _as_written(schema_of_documents())
    schema = _published(generated, FLEETS_FILE, "Cloud GPU Shopper documents")
    return schema | {"examples": [_SMALLEST_EXAMPLE]}


def state_schema() -> dict[str, Any]:
    """The schema of a stored state: ``RecordedState`` in its envelope."""
    from reconciler.model.record import RecordedState  # not needed to read documents

    generated = RecordedState.model_json_schema(mode="serialization")
    schema = _published(generated, STATE_FILE, "Cloud GPU Shopper stored state")
    schema["properties"] = _STATE_ENVELOPE | schema["properties"]
    schema["required"] = [*_STATE_ENVELOPE, *schema["required"]]
    return schema


def plan_schema() -> dict[str, Any]:
    """The schema of a plan as a document."""
    from reconciler.model.plan_document import PlanDocument

    generated = PlanDocument.model_json_schema(mode="serialization")
    return _published(_plain_text(generated), PLAN_FILE, "Cloud GPU Shopper plan")


def events_schema() -> dict[str, Any]:
    """The schema of one line of an event stream."""
    from pydantic import TypeAdapter

    from reconciler.model.event import Event

    generated = TypeAdapter[Any](Event).json_schema(mode="serialization", by_alias=True)
    return _published(_plain_text(generated), EVENTS_FILE, "Cloud GPU Shopper event")


def audit_schema() -> dict[str, Any]:
    """The schema of one line of the audit trail; what does not apply to it is left out."""
    from reconciler.model.audit_entry import AuditEntry

    generated = _as_written(AuditEntry.model_json_schema())
    return _published(_plain_text(generated), AUDIT_FILE, "Cloud GPU Shopper audit entry")


def schema_texts() -> dict[str, str]:
    """The text of each published schema by file name; the same bytes on every run."""
    schemas = {
        FLEETS_FILE: document_schema(),
        STATE_FILE: state_schema(),
        PLAN_FILE: plan_schema(),
        EVENTS_FILE: events_schema(),
        AUDIT_FILE: audit_schema(),
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def write_schemas(folder: Path) -> None:
    """Writes every published schema into ``folder``, which is made if need be.

    Repeating it changes nothing. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


def _published(generated: dict[str, Any], file: str, title: str) -> dict[str, Any]:
    head = {"$schema": DRAFT, "$id": ID_BASE + file}
    return {**head, **generated, "title": title}


def _plain_text(node: Any) -> Any:
    """``node`` without the marks of reStructuredText in its descriptions."""
    if isinstance(node, list):
        return [_plain_text(item) for item in node]
    if not isinstance(node, dict):
        return node
    cleaned = {key: _plain_text(value) for key, value in node.items()}
    if isinstance(cleaned.get("description"), str):
        cleaned["description"] = cleaned["description"].replace("``", "`")
    return cleaned


def _as_written(node: Any) -> Any:
    """``node`` without what pydantic says about Python rather than about the text."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    cleaned = {key: _as_written(value) for key, value in node.items()}
    if "default" in cleaned and cleaned["default"] is None:
        del cleaned["default"]  # None stands for "not written", which nobody can write
        cleaned = _without_null(cleaned)
    for key, value in cleaned.get("properties", {}).items():
        value.setdefault("title", key.replace("_", " ").title())
    if "patternProperties" in cleaned:
        cleaned["additionalProperties"] = False
    return cleaned


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in node.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) > 1:
        node["anyOf"] = choices
    elif choices:
        node = choices[0] | node
    return node

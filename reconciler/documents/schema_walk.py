"""Finding the part of the documents' schema that speaks about one place of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.documents.yaml_source import Path

_Schema = Mapping[str, Any]


def schema_at(path: Path) -> _Schema:
    """What the schema says about the value at ``path``; allows anything where it says nothing."""
    from reconciler.documents.json_schema import document_schema

    schema: _Schema = document_schema()
    for step in path:
        schema = next(_below(schema, step), {})
    return schema


def allowed_keys(schema: _Schema) -> list[str]:
    """The keys that a mapping described by ``schema`` may have, in the schema's order."""
    return [key for choice in _choices(schema) for key in choice.get("properties", {})]


def object_with_key(schema: _Schema, key: str) -> str:
    """The key of ``schema`` whose own mapping takes ``key``: where a misplaced key belongs."""
    for choice in _choices(schema):
        for name, below in choice.get("properties", {}).items():
            if key in allowed_keys(below):
                return str(name)
    return ""


def kinds(schema: _Schema) -> list[str]:
    """The JSON types that ``schema`` allows, each once."""
    found = [choice["type"] for choice in _choices(schema) if "type" in choice]
    return list(dict.fromkeys(found))


def _below(schema: _Schema, step: str | int) -> Iterator[_Schema]:
    for choice in _choices(schema):
        if isinstance(step, int):
            if "items" in choice:
                yield choice["items"]
        elif step in choice.get("properties", {}):
            yield choice["properties"][step]
        else:
            yield from choice.get("patternProperties", {}).values()


def _choices(schema: _Schema) -> Iterator[_Schema]:
    """``schema`` itself, or what its references and alternatives lead to."""
    from reconciler.documents.json_schema import document_schema

    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _choices(document_schema()["$defs"][name])
    elif "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _choices(choice)
    else:
        yield schema

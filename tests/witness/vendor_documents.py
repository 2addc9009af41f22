"""What of an exchange is not as the vendor's own API document says.

The documents are no part of this project: ``GPU_SHOPPER_VENDOR_SPECS`` names their folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import jsonschema

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest

SPECS = os.environ.get("GPU_SHOPPER_VENDOR_SPECS", "")


def deviations(
    document: Any, request: FaceRequest, answer: FaceAnswer
) -> Iterator[tuple[str, ...]]:
    """What of one exchange is not as ``document`` says: endpoint, request or status, place."""
    found = _operation(document, request)
    if found is None:
        yield (f"{request.method} /{'/'.join(request.segments)}", "no such path", "")
        return
    name, operation = found
    if request.body and "requestBody" in operation:
        content = operation["requestBody"]["content"]
        for place in _misfits(document, content, json.loads(request.body)):
            yield (name, "request", place)
    response = _resolved(document, operation["responses"].get(str(answer.status)))
    if response is None:
        yield (name, str(answer.status), "no such status")
    elif ("content" in response) != bool(answer.body):
        yield (name, str(answer.status), "a body where none is, or none where one is")
    elif "content" in response:
        for place in _misfits(document, response["content"], json.loads(answer.body)):
            yield (name, str(answer.status), place)


def _operation(document: Any, request: FaceRequest) -> tuple[str, Any] | None:
    for path, operations in document["paths"].items():
        wanted = path.strip("/").split("/")
        if len(wanted) == len(request.segments) and all(
            one == given or one.startswith("{")
            for one, given in zip(wanted, request.segments, strict=True)
        ):
            return f"{request.method} {path}", operations[request.method.lower()]
    return None


def _resolved(document: Any, value: Any) -> Any:
    """What a ``$ref`` stands for."""
    if not isinstance(value, dict) or "$ref" not in value:
        return value
    found = document
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def _misfits(document: Any, content: Any, value: Any) -> Iterator[str]:
    (kind,) = content.values()  # JSON, or a problem document
    schema = {**kind["schema"], "components": document["components"]}
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        place = ".".join(str(key) for key in error.absolute_path)
        yield re.sub(r"\b\d+\b", "N", place)

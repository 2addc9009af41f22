"""Text in the documents: names, paths, images, countries, and words of the user's own choice.

A ValueError raised here is shown to the reader as it stands.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from reconciler.documents.country_codes import COUNTRY_CODES
from reconciler.model.address import FLEET_NAME_PATTERN
from reconciler.model.text import printable

TEXT_LENGTH_MAX = 255
PATH_LENGTH_MAX = 1024

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FLEET_NAME = re.compile(FLEET_NAME_PATTERN)
_LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


def _check_text(value: str) -> str:
    if not value.strip() or len(value) > TEXT_LENGTH_MAX or not value.isprintable():
        raise ValueError(f"printable text of 1 to {TEXT_LENGTH_MAX} characters is needed")
    return _without_reference(value)


def _without_reference(value: str) -> str:
    if "${" in value:
        raise ValueError("a reference ${...} is not read here: only in env and in notifier URLs")
    return value


def _check_path(value: str) -> str:
    if not value.strip() or len(value) > PATH_LENGTH_MAX or not value.isprintable():
        raise ValueError("the path of a file is needed")
    if "://" in value:
        raise ValueError("the path of a file is needed, not a URL")
    return _without_reference(value)


def _check_state_path(value: str) -> str:
    """The state's folder is closed to everybody else: it must not be that of the documents."""
    parts = [part for part in _check_path(value).split("/") if part not in ("", ".")]
    if len(parts) < 2 or parts[-2] == "..":
        raise ValueError("the state needs a folder of its own: write state/NAME.json")
    return value


def _matching(pattern: re.Pattern[str], allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f'"{printable(value, 40)}" is not allowed: {allowed}')
        return value

    return AfterValidator(check)


def text_schema(pattern: re.Pattern[str] | str | None = None, **more: Any) -> WithJsonSchema:
    """The schema of text that matches ``pattern`` as a whole, or of any text but none."""
    written = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    shape = {"pattern": f"^({written})$"} if written else {"minLength": 1}
    return WithJsonSchema({"type": "string", **shape, **more})


Text = Annotated[str, AfterValidator(_check_text), text_schema(maxLength=TEXT_LENGTH_MAX)]
FilePath = Annotated[str, AfterValidator(_check_path), text_schema(maxLength=PATH_LENGTH_MAX)]
StatePath = Annotated[
    str,
    AfterValidator(_check_state_path),
    text_schema(r".*[^/.][^/]*/+[^/]+", maxLength=PATH_LENGTH_MAX, examples=["state/dev.json"]),
]
WorkspaceName = Annotated[
    str,
    _matching(_WORKSPACE, "write small letters, digits and hyphens, at most 63"),
    text_schema(_WORKSPACE, examples=["alice-laptop-7k2p"]),
]
FleetName = Annotated[
    str,
    _matching(_FLEET_NAME, f"a fleet's name matches {FLEET_NAME_PATTERN}"),
    text_schema(_FLEET_NAME),
]
Name = Annotated[
    str,
    _matching(_NAME, "write small letters, digits and hyphens, a letter first, at most 31"),
    text_schema(_NAME),
]
LabelKey = Annotated[
    str,
    _matching(_LABEL_KEY, "write letters, digits and . _ - / between them, at most 63"),
    text_schema(_LABEL_KEY),
]
EnvKey = Annotated[
    str,
    _matching(_ENV_KEY, "write letters, digits and _, no digit first"),
    text_schema(_ENV_KEY),
]
Image = Annotated[
    str,
    AfterValidator(_without_reference),
    _matching(_IMAGE, "write a container image like pytorch/pytorch:2.9.0"),
    text_schema(_IMAGE, examples=["pytorch/pytorch:2.9.0"]),
]


SETUP_LENGTH_MAX = 16 * 1024
_VM_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@ +-]{0,254}")


def _check_setup(value: str) -> str:
    if not value.strip() or len(value) > SETUP_LENGTH_MAX or "\0" in value or "\r" in value:
        raise ValueError(
            f"shell text of at most {SETUP_LENGTH_MAX:,} characters is needed, with plain line ends"
        )
    return value


VmImage = Annotated[
    str,
    _matching(_VM_IMAGE, "write an operating system as the provider names it, like ubuntu-22.04"),
    text_schema(_VM_IMAGE, examples=["ubuntu-22.04"]),
]
Setup = Annotated[
    str,
    AfterValidator(_check_setup),
    text_schema(maxLength=SETUP_LENGTH_MAX, examples=["pip install -r requirements.txt"]),
]


def _check_country(value: str) -> str:
    if value in COUNTRY_CODES:
        return value
    if value.upper() in COUNTRY_CODES:
        raise ValueError(f'country codes are capital letters: write "{value.upper()}"')
    if value.upper() == "UK":
        raise ValueError('"UK" is not an ISO 3166 code: write "GB"')
    raise ValueError(f'"{printable(value, 40)}" is not a two-letter country code of ISO 3166')


Country = Annotated[
    str, AfterValidator(_check_country), text_schema(r"[A-Z]{2}", examples=["NO", "DE"])
]

"""Values that may be a reference ``${env:NAME}`` or ``${file:PATH}``.

Only their form is checked here. They are resolved when they are used, and only where the
environment allows it (``references``; SPEC.md section 12, 14).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

ENV_VALUE_LENGTH_MAX = 32 * 1024

_BEGINNING = re.compile(r"\$\{(?:env|file):")
_REFERENCE = re.compile(r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}|\$\{file:[^{}$\x00-\x1f]+\}")


def is_reference(text: str) -> bool:
    """Whether ``text`` is a reference and nothing else.

    Raises ValueError for text that holds a reference among other text, or half of one.
    """
    if _REFERENCE.fullmatch(text):
        return True
    if _BEGINNING.search(text):
        raise ValueError("a reference must be the whole value: ${env:NAME} or ${file:PATH}")
    return False


def _check_env_value(value: str) -> str:
    if len(value) > ENV_VALUE_LENGTH_MAX or "\0" in value:
        raise ValueError(f"text of at most {ENV_VALUE_LENGTH_MAX:,} characters is needed")
    is_reference(value)
    return value


def _check_webhook(value: str) -> str:
    from reconciler.model.webhook_url import check_webhook_url  # few documents name a webhook

    reason = None if is_reference(value) else check_webhook_url(value)
    if reason:
        raise ValueError(reason)
    return value


def _check_secret(value: str) -> str:
    if not is_reference(value):
        raise ValueError("a secret never stands here itself: write ${env:NAME} or ${file:PATH}")
    return value


SecretReference = Annotated[
    str,
    AfterValidator(_check_secret),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\$\{(env|file):[^{}$]+\}$",
            "examples": ["${env:HF_TOKEN}"],
        }
    ),
]


def _check_key(value: str) -> str:
    if not is_reference(value):
        raise ValueError("a key is never written here: name it by ${env:NAME} or ${file:PATH}")
    return value


KeyReference = Annotated[
    str,
    AfterValidator(_check_key),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}$]+)\}$",
            "examples": ["${env:VAST_KEY_OF_THE_LAB}", "${file:/run/secrets/vast}"],
        }
    ),
]
EnvValue = Annotated[
    str,
    AfterValidator(_check_env_value),
    WithJsonSchema({"type": "string", "maxLength": ENV_VALUE_LENGTH_MAX}),
]
WebhookUrl = Annotated[
    str,
    AfterValidator(_check_webhook),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(https?://[^ ]+|\$\{(env|file):[^{}$]+\})$",
            "examples": ["${env:HOOK_URL}", "https://hooks.example.com/gpu"],
        }
    ),
]

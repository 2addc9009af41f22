"""I10: what was given to a command as a secret stands in nothing that it says or writes.

Every test that runs the command goes by here, so a leak is found wherever it happens.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

_CREDENTIAL = re.compile("KEY|TOKEN|SECRET|PASSWORD|HOOK")
_SHORTEST = 12
"""What is shorter than that is no key of anybody, and stands in many a text by chance."""


def spellings(secret: str) -> Iterator[bytes]:
    """As it may be written elsewhere: escaped, percent-encoded, hex, base64 at any offset."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield secret.encode().hex().encode()
    for offset in range(3):
        data = base64.b64encode(b"\0" * offset + secret.encode())
        yield data[4 if offset else 0 : -4]
        yield data[4 if offset else 0 : -4].replace(b"+", b"-").replace(b"/", b"_")


def secrets_in(surroundings: Mapping[str, str]) -> set[str]:
    """The values of the variables that hold credentials, and the files that some name."""
    values = {value for name, value in surroundings.items() if _CREDENTIAL.search(name)}
    return {one for one in values if len(one) >= _SHORTEST and not Path(one).is_absolute()}


def found_in(data: bytes, secrets: Iterable[str]) -> list[str]:
    """Which of ``secrets`` stand in ``data``, and how."""
    return [
        f"{secret[:6]}... as {spelled[:12]!r}..."
        for secret in secrets
        for spelled in _spelled(secret)
        if spelled in data
    ]


def found_below(directory: Path, secrets: Iterable[str], but: Iterable[Path] = ()) -> list[str]:
    """The same of every file below ``directory``, but those in which the test itself put one."""
    wanted, exceptions = tuple(secrets), set(but)
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()] if wanted else []
    return [
        f"{path}: {found}"
        for path in files
        if path not in exceptions
        for found in found_in(path.read_bytes(), wanted)
    ]


@cache
def _spelled(secret: str) -> frozenset[bytes]:
    return frozenset(spellings(secret))

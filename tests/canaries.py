"""I10: what was given to the program as a secret stands in nothing that it says or writes.

``MARK`` stands in every credential that ``PLANTED`` puts into the surroundings of all tests, so one
search finds them all. Keys that tests make up themselves are searched for as they are, by the
command's end (``tests/end_to_end``) or as the program reads them (``tests/canary_watch.py``).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

MARK = "Wq7zK2mVx9Tc"
"""Letters and digits: however a text that holds it is escaped, it stands there as it is."""
KEY_VARIABLES = (
    "VAST_API_KEY",
    "VASTAI_API_KEY",
    "LAMBDA_API_KEY",
    "RUNPOD_API_KEY",
    "TENSORDOCK_API_TOKEN",
    "TENSORDOCK_API_KEY",
)
KEY_MARK = f"{MARK}.key"
"""The same of the providers' keys alone: no machine and no webhook is given one."""
PLANTED: Mapping[str, str] = {
    **{name: f"{KEY_MARK}{number}c41d08e2b7" for number, name in enumerate(KEY_VARIABLES)},
    "HF_TOKEN": f"{MARK}.hf9b1e77ca03",
    "HOOK_URL": f"http://127.0.0.1:9/{MARK}.f20a61",
    "GPU_SHOPPER_ALLOW_ENV": "HF_TOKEN,HOOK_URL",
    **dict.fromkeys(
        ("VAST_URL", "LAMBDA_API_URL", "RUNPOD_API_URL", "TENSORDOCK_API_URL"),
        "http://127.0.0.1:9",
    ),
}
"""What every test, and every command that a test starts, has in its surroundings; a provider that
is opened with it is one that nobody reaches.
"""

_CREDENTIAL = re.compile("KEY|TOKEN|SECRET|PASSWORD|HOOK")
SHORTEST = 12
"""What is shorter than that is no key of anybody, and stands in many a text by chance."""

_LONGEST_BYTES = 16 * 2**20


def spellings(secret: str) -> Iterator[bytes]:
    """As it may be written elsewhere: escaped, percent-encoded, hex, base64 at any offset."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield secret.encode().hex().encode()
    yield secret.encode().hex().upper().encode()
    for offset in range(3):
        data = base64.b64encode(b"\0" * offset + secret.encode())
        yield data[4 if offset else 0 : -4]
        yield data[4 if offset else 0 : -4].replace(b"+", b"-").replace(b"/", b"_")


def secrets_in(surroundings: Mapping[str, str]) -> set[str]:
    """The values of the variables that hold credentials, but what is planted and the files that
    some name.
    """
    values = {value for name, value in surroundings.items() if _CREDENTIAL.search(name)}
    return {
        one
        for one in values
        if len(one) >= SHORTEST and not Path(one).is_absolute() and MARK not in one
    }


def found_in(data: bytes, secrets: Iterable[str] = ()) -> list[str]:
    """Which of ``secrets``, and of what is planted, stand in ``data``, and how."""
    return seen_of((MARK, *secrets), data)


def seen_of(secrets: Iterable[str], data: bytes) -> list[str]:
    """Which of ``secrets``, and of nothing else, stand in ``data``, and how."""
    return [
        f"{secret[:6]}... as {data[at : at + 24]!r}..."
        for secret in secrets
        for spelled in _spelled(secret)
        if (at := data.find(spelled)) >= 0
    ]


def found_below(
    directory: Path, secrets: Iterable[str] = (), but: Iterable[Path | str] = ()
) -> list[str]:
    """The same of every file below ``directory``, but those in which the test itself put one."""
    wanted, exceptions = tuple(secrets), {os.fspath(one) for one in but}
    return [
        f"{path}: {found}"
        for path in _files_below(os.fspath(directory))
        if path not in exceptions
        for found in found_in(_content(path), wanted)
    ]


def _files_below(directory: str) -> Iterator[str]:
    """Regular files: a link's target is found where it is, and nobody writes into a pipe here."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path


def _content(path: str) -> bytes:
    """Its beginning, where it is a sparse file of a terabyte; nothing, where it has just gone or
    nobody may read it.
    """
    try:
        with open(path, "rb") as file:
            return file.read(_LONGEST_BYTES)
    except (FileNotFoundError, PermissionError):
        return b""


@cache
def _spelled(secret: str) -> frozenset[bytes]:
    return frozenset(spellings(secret))

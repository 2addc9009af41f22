"""Saved plans on disk: one line of JSON, whole or refused.

``checksum`` stands near the front and covers every byte after it, so that a plan that was cut or
edited is noticed before anything of it is read::

    {"gpu_shopper_plan":1,"checksum":"sha256:<64 digits>","format_version":"1.0",...}

The checksum finds accidents and hasty edits. It is no signature, and none is needed: a plan only
selects among what documents and state ask for.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.model.errors import GpuShopperError, StalePlan, UsageRefused
from reconciler.model.plan_document import PlanDocument
from reconciler.model.published import ascii_json
from reconciler.model.text import printable
from reconciler.statefile.files import Files
from reconciler.statefile.private_files import kind_of, shown, write_private

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""The format written. A newer one is refused, never guessed at."""
PLAN_BYTES_MAX = 64 * 2**20
"""A plan of ten thousand machines has some ten MiB."""

_HEAD = re.compile(rb'\{"gpu_shopper_plan":(\d{1,4}),"checksum":"sha256:([0-9a-f]{64})",')
_HEAD_BYTES = 128
_AGAIN = "make a new one: gpu-shopper plan -out=FILE"


def write_plan(path: Path, document: PlanDocument, *, files: Files | None = None) -> None:
    """Put ``document`` at ``path``, 0600, as a whole; a plan of ours there before is replaced.

    Raises ``UsageRefused`` when something else has that name, ``GpuShopperError`` when the system
    refuses.
    """
    files = files or Files()
    check_target(path, files=files)
    try:
        write_private(files, path, encode_plan(document))
    except OSError as error:
        raise _failure("write", path, error) from error


def check_target(path: Path, *, files: Files | None = None) -> None:
    """Raise ``UsageRefused`` if ``path`` holds anything but a plan of ours: links are refused."""
    files = files or Files()
    try:
        kind = files.status(path).st_mode
        if not stat.S_ISREG(kind):
            raise _refused(path, "it is not a regular file")
        if _HEAD.match(_beginning(files, path)) is None:
            raise _refused(path, "it is not a plan file")
    except FileNotFoundError:
        if not os.path.isdir(path.parent):
            raise UsageRefused(f"there is no directory {shown(path.parent)}") from None
    except OSError as error:
        raise _failure("look at", path, error) from error


def read_plan(path: Path, *, files: Files | None = None) -> PlanDocument:
    """The plan at ``path``.

    Raises ``UsageRefused`` when there is no such regular file, ``StalePlan`` when what is there
    is no whole plan of a format that this program knows.
    """
    files = files or Files()
    try:
        descriptor = files.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            found = files.status_of_open(descriptor)
            if not stat.S_ISREG(found.st_mode):
                what = f"{shown(path)} is {kind_of(found)}, not a regular file"
                raise UsageRefused(what, fix=_AGAIN)
            if found.st_size > PLAN_BYTES_MAX:
                raise _unusable(path, f"it has {found.st_size} bytes, more than {PLAN_BYTES_MAX}")
            data = files.read(descriptor)
        finally:
            files.close(descriptor)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UsageRefused(f"{shown(path)} is a symbolic link", fix="name the file") from None
        raise _failure("read", path, error) from error
    return decode_plan(data, path)


def encode_plan(document: PlanDocument) -> bytes:
    """``document`` as it is stored; the same document gives the same bytes."""
    body = (ascii_json(document.model_dump(mode="json")) + "\n").encode("ascii")
    digest = hashlib.sha256(body[1:]).hexdigest()
    return f'{{"gpu_shopper_plan":{FORMAT},"checksum":"sha256:{digest}",'.encode() + body[1:]


def decode_plan(data: bytes, path: Path) -> PlanDocument:
    """The document in ``data``; ``path`` names it in errors. Raises ``StalePlan``."""
    head = _HEAD.match(data)
    if head is None:
        raise _unusable(path, "it is empty" if not data else "it does not begin as a plan does")
    if int(head[1]) != FORMAT:
        known = f"it has format {int(head[1])}, this program knows {FORMAT}"
        raise _unusable(path, known)
    rest = data[head.end() :]
    if hashlib.sha256(rest).hexdigest().encode() != head[2]:
        raise _unusable(path, "its checksum does not fit: it was cut or edited")
    try:
        return PlanDocument.model_validate(_parsed(b"{" + rest))
    except ValidationError as error:
        raise _unusable(path, _first_problem(error)) from None


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _beginning(files: Files, path: Path) -> bytes:
    descriptor = files.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.pread(descriptor, _HEAD_BYTES, 0)
    finally:
        files.close(descriptor)


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(str(part) for part in problems[0]["loc"])
    return printable(f"its checksum fits and its content does not: {place}: {problems[0]['type']}")


def _unusable(path: Path, why: str) -> StalePlan:
    return StalePlan(f"{shown(path)} is no plan that can be used", why=why, fix=_AGAIN)


def _missing(path: Path) -> UsageRefused:
    return UsageRefused(
        f"there is no plan file {shown(path)}",
        fix=f"{_AGAIN}; one fleet alone: gpu-shopper apply -target fleet.NAME",
    )


def _refused(path: Path, why: str) -> UsageRefused:
    return UsageRefused(
        f"{shown(path)} is not overwritten: {why}",
        fix="name a new file, or the plan that is to be replaced",
    )


def _failure(action: str, path: Path, error: OSError) -> GpuShopperError:
    reason = error.strerror or type(error).__name__
    return GpuShopperError(
        f"cannot {action} {shown(path)}: {reason}", fix="name another place with -out=FILE"
    )

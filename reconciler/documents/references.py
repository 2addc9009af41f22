"""References ``${env:NAME}`` and ``${file:PATH}``: secrets that documents name and never hold.

Who may edit a document must not be able to pick a secret. So outside of ``providers.*.key`` a
reference counts only when the environment itself names it (SPEC.md section 12, 14)::

    GPU_SHOPPER_ALLOW_ENV=HOOK_URL,HF_TOKEN   GPU_SHOPPER_ALLOW_FILES=secrets/hook
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from reconciler.model.errors import CredentialsMissing
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALLOW_ENV = "GPU_SHOPPER_ALLOW_ENV"
ALLOW_FILES = "GPU_SHOPPER_ALLOW_FILES"

_BEGINNING = re.compile(r"\$\{(?:env|file):")
_REFERENCE = re.compile(r"\$\{(?P<kind>env|file):(?P<name>[^{}$]+)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE_BYTES_MAX = 64 * 1024


def resolve_reference(text: str, *, environ: Mapping[str, str], root: Path) -> str:
    """The value that ``text`` refers to, or ``text`` itself when it refers to nothing.

    A reference is the whole text: a secret cannot be made a part of something else. Relative
    paths start at ``root``, the configuration directory, and may not lead out of it through a
    link. The line ends that close a file are dropped. Raises ``CredentialsMissing`` (77), which
    names the variable or the file and never a value.
    """
    if _BEGINNING.search(text) is None:
        return text
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise CredentialsMissing(
            "a reference must be the whole value",
            fix="write ${env:NAME} or ${file:PATH} and nothing before or after it",
        )
    if match["kind"] == "env":
        return _variable(match["name"], environ)
    return _file(match["name"], environ, root)


def resolve_key(text: str, *, environ: Mapping[str, str], root: Path) -> str:
    """The key that ``providers.NAME.key`` refers to.

    As ``resolve_reference``, but no list has to allow it: a key goes to its provider and nowhere
    else. Its file may lie anywhere.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise CredentialsMissing("a key must be named by a reference")
    if match["kind"] == "env":
        return _value_of(match["name"], environ)
    return _content(_place(root, match["name"]), f"${{file:{printable(match['name'], 200)}}}")


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name) or name not in _listed(environ, ALLOW_ENV):
        raise _not_allowed(f"${{env:{printable(name)}}}", ALLOW_ENV, printable(name))
    return _value_of(name, environ)


def _value_of(name: str, environ: Mapping[str, str]) -> str:
    shown = f"${{env:{printable(name)}}}"
    value = environ.get(name, "")
    if not value:
        raise CredentialsMissing(
            f"{shown}: the environment variable is {'empty' if name in environ else 'not set'}",
            fix=f"set {name} in the environment of this command",
        )
    return value


def _file(name: str, environ: Mapping[str, str], root: Path) -> str:
    shown = f"${{file:{printable(name, 200)}}}"
    wanted = _place(root, name)
    if wanted not in {_place(root, entry) for entry in _listed(environ, ALLOW_FILES)}:
        raise _not_allowed(shown, ALLOW_FILES, printable(name, 200))
    if _is_within(wanted, _place(root, ".")) and not _is_within(
        os.path.realpath(wanted), os.path.realpath(root)
    ):
        raise CredentialsMissing(
            f"{shown}: a link there leads out of the configuration directory",
            fix="put a plain file there, or allow the file that it leads to by its full path",
        )
    return _content(os.path.realpath(wanted), shown)


def _content(path: str, shown: str) -> str:
    try:
        data = _read_regular(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _unusable(shown, f"cannot be read: {why}") from None
    if len(data) > _VALUE_BYTES_MAX:
        raise _unusable(shown, f"is larger than {_VALUE_BYTES_MAX // 1024} KiB")
    try:
        value = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unusable(shown, "is not text in UTF-8") from None
    if not value:
        raise _unusable(shown, "is empty")
    return value


def _read_regular(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a regular file")
        return file.read(_VALUE_BYTES_MAX + 1)


def _listed(environ: Mapping[str, str], variable: str) -> set[str]:
    return {entry.strip() for entry in environ.get(variable, "").split(",")} - {"", "*"}


def _place(root: Path, name: str) -> str:
    return os.path.normpath(os.path.join(os.path.abspath(root), name))


def _is_within(path: str, directory: str) -> bool:
    return os.path.commonpath([path, directory]) == directory


def _not_allowed(shown: str, variable: str, entry: str) -> CredentialsMissing:
    return CredentialsMissing(
        f"{shown} is not allowed: {variable} does not name it",
        why="a document alone may not choose which secrets are read",
        fix=f"add it to the list in the environment: {variable}={entry}",
    )


def _unusable(shown: str, why: str) -> CredentialsMissing:
    return CredentialsMissing(f"{shown}: the file {why}", fix="put the secret there, on one line")

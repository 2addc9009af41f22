"""Where API keys come from: the environment, a file that it names, the vendor's file, a keyring.

Never the command line, which other users of the machine can read. A source that is there and
cannot be used ends the search: a key from further down could belong to another account.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from reconciler.model.errors import CredentialsMissing
from reconciler.model.text import printable
from reconciler.model.value import dataclass

KEYRING_SERVICE = "gpu-shopper"
_KEY = re.compile(r"[\x21-\x7e]{8,1024}")
_FILE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key, and where it was found. ``source`` may be shown; the value stays out of every text."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"FoundKey(source={self.source!r})"


def _as_it_stands(text: str) -> str:
    return text


def find_key(
    variables: Sequence[str],
    files: Sequence[Path],
    environ: Mapping[str, str],
    *,
    key_in: Callable[[str], str] = _as_it_stands,
    keyring_entry: str = "",
) -> FoundKey:
    """The first of: each variable, each variable + ``_FILE``, each file that exists, the keyring.

    ``key_in`` finds the key in the text of one of ``files``, "" where it holds none.
    ``keyring_entry``: the user name below the service ``gpu-shopper``; "" does not look there.
    Raises ``CredentialsMissing`` (77), which names sources and never shows a value.
    """
    for name in variables:
        if name in environ:
            return FoundKey(_checked(environ[name], name), name)
    for name in (f"{variable}_FILE" for variable in variables):
        if name in environ:
            path = Path(environ[name])
            source = f"{name} ({printable(str(path), 100)})"
            return FoundKey(_from_file(path, source), source)
    for path in files:
        if path.exists():
            source = printable(str(path), 100)
            return FoundKey(_from_file(path, source, key_in), source)
    kept = _from_keyring(keyring_entry) if keyring_entry else None
    if kept is not None:
        return kept
    first = variables[0]
    raise CredentialsMissing(
        f"no API key: set {first}, or {first}_FILE to the path of a file that holds it"
    )


def checked_key(value: str, source: str) -> FoundKey:
    """A key that was found elsewhere. Raises ``CredentialsMissing`` where it cannot be one."""
    return FoundKey(_checked(value, source), source)


def _from_keyring(entry: str) -> FoundKey | None:
    """None where the extra is not installed, or this machine has no keyring, or no such entry."""
    if find_spec("keyring") is None:
        return None
    import keyring  # slow, and few need it
    from keyring.errors import KeyringError, NoKeyringError

    source = f"the keyring ({KEYRING_SERVICE} {entry})"
    try:
        value = keyring.get_password(KEYRING_SERVICE, entry)
    except NoKeyringError:
        return None
    except KeyringError as error:
        why = f"it cannot be read: {type(error).__name__}"
        raise CredentialsMissing(f"{source}: {why}") from None
    return None if value is None else FoundKey(_checked(value, source), source)


def _from_file(path: Path, source: str, key_in: Callable[[str], str] = _as_it_stands) -> str:
    try:
        # Not blocking: a pipe that nobody writes to must not stop the loop.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CredentialsMissing(f"{source}: it is not a regular file")
            data = file.read(_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise CredentialsMissing(f"{source}: it cannot be read: {why}") from None
    if len(data) > _FILE_BYTES_MAX:
        raise CredentialsMissing(f"{source}: it is too long for a key")
    return _checked(key_in(data.decode("ascii", "replace").rstrip("\r\n")), source)


def _checked(key: str, source: str) -> str:
    if not key:
        raise CredentialsMissing(f"{source} is empty: it should hold the API key")
    if not _KEY.fullmatch(key) or key[0] in "'\"" or key[-1] in "'\"":
        raise CredentialsMissing(
            f"{source} holds no API key: 8 to 1024 letters, digits and signs are needed, without "
            "spaces, quotes or line breaks"
        )
    return key

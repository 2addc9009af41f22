"""The SSH key of a workspace and the host keys it has seen, beside its state.

For ``state/demo.json``: ``demo.id_ed25519`` (the private key, 0600), ``demo.id_ed25519.pub`` and
``demo.known_hosts``. The private key never leaves this folder; it is durable before anything is
ordered that only it can enter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.errors import StateError
from reconciler.model.ssh_key import parse_public_key
from reconciler.statefile.private_files import (
    beside,
    local_failure,
    prepare_directory,
    read_private,
    remove_leftovers,
    shown,
    write_private,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.statefile.files import Files


class WorkspaceKey:
    """Where the parts lie, and the key once it is needed. Nothing is made by naming them."""

    def __init__(self, state_path: Path, comment: str, files: Files, warnings: list[str]) -> None:
        name = state_path.name.removesuffix(".json")
        self.private_path = beside(state_path, f"{name}.id_ed25519")
        self.public_path = beside(state_path, f"{name}.id_ed25519.pub")
        self.known_hosts = beside(state_path, f"{name}.known_hosts")
        self._comment = comment
        self._files = files
        self._warnings = warnings
        self._public: str | None = None

    def public(self) -> str:
        """The public key, its private half durable on return; both are made where none is.

        Hold the lock of the state. The private key decides: a public one beside it that is missing
        is written anew, and one without its private half is replaced, because nobody could use it.
        Raises ``StateError`` for files that are not safe or no key, ``GpuShopperError`` where the
        disk refuses.
        """
        if self._public is None:
            self._public = self._found_or_made()
        return self._public

    def sweep(self) -> None:
        """Delete what a killed writer left, half a key may be in it. Hold the lock.

        Raises ``OSError``.
        """
        remove_leftovers(self._files, self.private_path)
        remove_leftovers(self._files, self.public_path)

    def _found_or_made(self) -> str:
        prepare_directory(self._files, self.private_path.parent, self._warnings)
        private = read_private(self._files, self.private_path, self._warnings)
        public = read_private(self._files, self.public_path, self._warnings)
        if private is not None and public is not None:
            return _known_public(public, self.public_path)
        if private is None:
            private, made = _new_pair()
            self._write(self.private_path, private)
        else:
            made = _public_of(private, self.private_path)
        self._write(self.public_path, f"{made} gpu-shopper:{self._comment}\n".encode())
        return made

    def _write(self, path: Path, data: bytes) -> None:
        try:
            remove_leftovers(self._files, path)  # half a private key is not to lie around
            write_private(self._files, path, data)
        except OSError as error:
            raise local_failure("write", path, error) from error


def _known_public(data: bytes, path: Path) -> str:
    try:
        return parse_public_key(data.decode("ascii"))
    except ValueError as error:
        raise StateError(
            f"{shown(path)} is not a public key",
            why=str(error),
            fix="delete it: it is written anew from the private key beside it",
        ) from None


def _new_pair() -> tuple[bytes, str]:
    from cryptography.hazmat.primitives import serialization  # 27 ms: only who buys first pays
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return private, _text_of(key.public_key())


def _text_of(public: object) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    assert isinstance(public, Ed25519PublicKey)
    encoded = public.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return parse_public_key(encoded.decode())


def _public_of(private: bytes, path: Path) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(private, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StateError(
            f"{shown(path)} is not an SSH key of ours",
            why="machines that it should open may be running",
            fix="bring the right one back; if there is none, delete this one and "
            "gpu-shopper destroy what nobody can enter",
        )
    return _text_of(key.public_key())

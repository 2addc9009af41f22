"""Public SSH keys as people paste them, and as they are safe to pass on."""

from __future__ import annotations

import base64
import binascii
import re

KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
KEY_LENGTH_MAX = 4096
_MATERIAL = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}", re.ASCII)


def parse_public_key(text: str) -> str:
    """``ssh-ed25519 AAAA... me@laptop`` as ``ssh-ed25519 AAAA...``.

    What comes back holds letters, digits, one space and ``+ / = - . @`` only, so that it can stand
    in a script, in JSON and in ``authorized_keys`` as it is. The comment is left out; options
    before the key are refused. Raises ValueError, whose text repeats nothing of ``text``: somebody
    may have pasted a private key.
    """
    if "PRIVATE KEY" in text:
        raise ValueError("this is a private key, which never leaves your machine: name the .pub")
    words = text.split()
    if len(text) > KEY_LENGTH_MAX or "\n" in text.strip() or len(words) < 2:
        raise ValueError("one public key on one line is needed, like: ssh-ed25519 AAAA...")
    kind, material = words[0], words[1]
    if kind not in KEY_TYPES:
        raise ValueError(f"a public key begins with one of: {', '.join(KEY_TYPES)}")
    if not _MATERIAL.fullmatch(material) or _type_inside(material) != kind:
        raise ValueError(f"what stands behind {kind} is not such a key: it is cut or changed")
    return f"{kind} {material}"


def _type_inside(material: str) -> str:
    """The type that the key's own bytes name; "" for bytes that are no key."""
    try:
        data = base64.b64decode(material, validate=True)
    except binascii.Error:
        return ""
    length = int.from_bytes(data[:4], "big")
    return data[4 : 4 + length].decode("ascii", "replace") if length <= len(data) - 8 else ""

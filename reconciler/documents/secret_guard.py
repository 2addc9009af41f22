"""What must not be echoed: values that look like a password, a token or a key.

A guess, made to err on the side of silence: a value hidden without need costs a reader one look
into the file, a key printed into a build log costs an account (RELIABILITY.md, bad input 27).
"""

from __future__ import annotations

import re

_SECRET_NAME = re.compile(
    r"(?:secrets?|tokens?|password|passwd|pwd|passphrase|credentials?|bearer|authorization"
    r"|(?:api|access|account|auth|encryption|private|secret|signing)_?key|^key)"
    r"(?:_?\d+)?$"
)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_SECRET_NAME = re.compile(r"(?:^|_)(?:public|max|min|num|count)_")
_REFERENCE = re.compile(r"\s*\$\{(?:env|file):[^}]*\}\s*")
_PUBLIC_KEY = re.compile(r"\s*(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-ssh-\S+) ")
_KNOWN_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|://[^/\s:@]*:[^/\s@]+@"  # user:password@ in a URL
    r"|hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/"
    r"|(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_](?=[\w-]*[0-9])[\w-]{12,}"  # OpenAI, Anthropic, Stripe
    r"|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{16,}"
    r"|xox[a-z]-[\w-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|rpa_[A-Za-z0-9]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]+)"  # a JSON web token
)
_HEX_RUN = re.compile(
    r"(?<!sha256:)(?<![0-9A-Za-z])(?:0x)?(?=[0-9]*[a-fA-F])[0-9a-fA-F]{48,}(?![0-9A-Za-z])"
)
_LONG_RUN = re.compile(r"[A-Za-z0-9]{24,}")
_KINDS_OF_CHARACTER = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_DISTINCT_CHARACTERS_MIN = 14
_SEARCHED_CHARACTERS = 4096


def names_secret(key: str) -> bool:
    """Whether a key of this name is expected to hold a secret (``api_key``, ``HF_TOKEN``)."""
    name = _CAMEL_HUMP.sub("_", key[:200]).replace("-", "_").lower()
    return _SECRET_NAME.search(name) is not None and _NOT_A_SECRET_NAME.search(name) is None


def looks_secret(key: str, value: str) -> bool:
    """Whether ``value`` under ``key`` must be kept out of messages.

    True for any value under a telling name, and for values that are a token by shape: a known
    prefix (``sk-``, ``ghp_``, ``AKIA``), a private key, credentials inside a URL, long
    hexadecimal, or a long run of mixed letters and digits. False for empty values, for the
    references ``${env:NAME}`` and ``${file:PATH}``, and for public SSH keys. Only the first 4096
    characters are looked at, and 200 of the key.
    """
    shown = value[:_SEARCHED_CHARACTERS]
    if not shown.strip() or _REFERENCE.fullmatch(shown):
        return False
    if names_secret(key):
        return True
    if _PUBLIC_KEY.match(shown):
        return False
    return bool(_KNOWN_SHAPES.search(shown) or _HEX_RUN.search(shown) or _has_random_run(shown))


def _has_random_run(text: str) -> bool:
    return any(
        all(kind.search(run) for kind in _KINDS_OF_CHARACTER)
        and len(set(run)) >= _DISTINCT_CHARACTERS_MIN
        for run in _LONG_RUN.findall(text)
    )

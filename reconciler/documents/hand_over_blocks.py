"""What is written about handing a machine over: `ssh`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.documents.resource_blocks import Block
from reconciler.documents.written_keys import Written
from reconciler.documents.written_text import text_schema
from reconciler.model.hand_over import DEFAULT_SSH, SshAccess
from reconciler.model.ssh_key import KEY_LENGTH_MAX, KEY_TYPES, parse_public_key

PUBLIC_KEYS_MAX = 20
_LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)


def _check_login(value: str) -> str:
    if not _LOGIN.fullmatch(value):
        raise ValueError("a login name has small letters, digits, _ and -, no digit first")
    return value


PublicKey = Annotated[
    str,
    AfterValidator(parse_public_key),
    text_schema(
        rf"\s*({'|'.join(map(re.escape, KEY_TYPES))})\s+[A-Za-z0-9+/]+=*(\s.*)?",
        maxLength=KEY_LENGTH_MAX,
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... me@laptop"],
    ),
]
Login = Annotated[str, AfterValidator(_check_login), text_schema(_LOGIN, examples=["ubuntu"])]


class SshBlock(Block):
    user: Written[Login] = Field(
        None, description="Who logs in; default: the user that the provider names."
    )
    public_keys: Written[Annotated[list[PublicKey], Field(max_length=PUBLIC_KEYS_MAX)]] = Field(
        None, description="Your own public keys, the text of their .pub files; they may log in."
    )
    generate: Written[bool] = Field(
        None,
        description="Let the workspace's own key log in too, made before the first machine is "
        "ordered; default true. Without it machines cannot be looked at from inside.",
    )

    def access(self) -> SshAccess:
        """With the built-in defaults; each key once, in the order written."""
        return SshAccess(
            user=self.user,
            public_keys=tuple(dict.fromkeys(self.public_keys or ())),
            generate=self.generate is not False,
        )


def ssh_access(written: SshBlock | None) -> SshAccess:
    """What a fleet's `ssh` means; the built-in defaults where it is not written."""
    return DEFAULT_SSH if written is None else written.access()

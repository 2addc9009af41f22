"""What is written about handing a machine over: `ssh` and `ready`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reconciler.documents.resource_blocks import Block
from reconciler.documents.written_keys import Written
from reconciler.documents.written_text import text_schema
from reconciler.documents.written_values import Duration
from reconciler.model.hand_over import (
    DEFAULT_READY,
    DEFAULT_READY_ATTEMPTS,
    DEFAULT_READY_TIMEOUT,
    DEFAULT_SSH,
    ReadyRules,
    SshAccess,
)
from reconciler.model.ssh_key import KEY_LENGTH_MAX, KEY_TYPES, parse_public_key

PUBLIC_KEYS_MAX = 20
ATTEMPTS_MAX = 10
PORTS_MAX = 64
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


def _check_ports(value: list[int]) -> list[int]:
    if len(set(value)) != len(value):
        raise ValueError("each port stands here once")
    if 22 in value:
        raise ValueError("port 22 is that of SSH, which is reachable anyway: leave it out")
    return value


Ports = Annotated[
    list[Annotated[int, Field(ge=1, le=65535)]],
    Field(max_length=PORTS_MAX),
    AfterValidator(_check_ports),
]


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


class ReadyBlock(Block):
    timeout: Written[Duration] = Field(
        None, description="How long a new machine may take to become ready; default 30m."
    )
    ssh: Written[bool] = Field(
        None,
        description="Log in to a new machine before it counts as ready; default true. Without it "
        "the provider's word is enough, and no GPU is checked.",
    )
    gpu_check: Written[bool] = Field(
        None,
        description="Compare what the driver says of the GPUs with what was sold; default true.",
    )
    on_fail: Written[Literal["replace", "destroy", "keep"]] = Field(
        None,
        description="A machine that failed its check: destroy it and buy another one for its slot, "
        "only destroy it, or keep it; default replace.",
    )
    attempts: Written[Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)]] = Field(
        None,
        description="Machines bought for one slot in one run, the first one counted; default 2.",
    )

    @model_validator(mode="after")
    def _check_gpu_check(self) -> Self:
        if self.gpu_check and self.ssh is False:
            raise ValueError("gpu_check reads the driver over SSH: ssh: false leaves it out")
        return self

    def rules(self) -> ReadyRules:
        """With the built-in defaults."""
        ssh = self.ssh is not False
        return ReadyRules(
            timeout=DEFAULT_READY_TIMEOUT if self.timeout is None else self.timeout,
            ssh=ssh,
            gpu_check=ssh and self.gpu_check is not False,
            on_fail=self.on_fail or "replace",
            attempts=DEFAULT_READY_ATTEMPTS if self.attempts is None else self.attempts,
        )


def ready_rules(written: ReadyBlock | None) -> ReadyRules:
    """What a fleet's `ready` means; the built-in defaults where it is not written."""
    return DEFAULT_READY if written is None else written.rules()


def ssh_access(written: SshBlock | None) -> SshAccess:
    """What a fleet's `ssh` means; the built-in defaults where it is not written."""
    return DEFAULT_SSH if written is None else written.access()

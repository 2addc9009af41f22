"""Where TensorDock's token and address are found, and what stands for the account."""

from __future__ import annotations

import pytest

from reconciler.clock import SystemClock
from reconciler.model.errors import UsageRefused
from reconciler.providers.base import Provider
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import Opening
from reconciler.providers.tensordock.opening import account_of, open_tensordock
from reconciler.providers.tensordock.provider import TensorDockProvider

TOKEN = "0123456789abcdef"


def opened(**environ: str) -> Provider:
    return open_tensordock(Opening("tensordock", environ, SystemClock()))


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({"TENSORDOCK_API_TOKEN": TOKEN, "TENSORDOCK_API_KEY": "x" * 20}, "TENSORDOCK_API_TOKEN"),
        ({"TENSORDOCK_API_KEY": TOKEN}, "TENSORDOCK_API_KEY"),
    ],
)
def test_the_variables_in_their_order(environ: dict[str, str], source: str) -> None:
    provider = opened(**environ)
    assert isinstance(provider, TensorDockProvider)
    assert source in provider.key_source
    assert provider.origin == "https://dashboard.tensordock.com"


@pytest.mark.parametrize(
    "environ", [{}, {"TENSORDOCK_API_TOKEN": ""}, {"TENSORDOCK_AUTH_ID": TOKEN}]
)
def test_without_a_token_it_is_there_and_says_so(environ: dict[str, str]) -> None:
    assert isinstance(opened(**environ), KeylessProvider)


def test_I14_another_token_is_another_account_and_gives_nothing_away() -> None:
    assert account_of(TOKEN) == account_of(TOKEN)
    assert account_of(TOKEN) != account_of(TOKEN[::-1])
    assert len(account_of(TOKEN)) == 18
    assert TOKEN[:4] not in account_of(TOKEN)


@pytest.mark.parametrize("url", ["http://dashboard.tensordock.com", "https://x/?token=s3cret"])
def test_a_base_url_that_cannot_be_used_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageRefused, match="TENSORDOCK_API_URL cannot be used") as caught:
        opened(TENSORDOCK_API_TOKEN=TOKEN, TENSORDOCK_API_URL=url)
    assert "s3cret" not in " ".join(caught.value.lines())

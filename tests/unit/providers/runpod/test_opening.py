"""Where RunPod's key and addresses come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.model.errors import AuthenticationFailed, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.providers.base import OfferQuery, Provider
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import Opening
from reconciler.providers.runpod.opening import open_runpod
from reconciler.providers.runpod.provider import RunpodProvider
from tests.virtual_time import run_virtual

KEY = "rpa_0123456789ABCDEF"
HERE = "http://127.0.0.1:8700/runpod"


def opened(**environ: str) -> Provider:
    return open_runpod(Opening("runpod", environ, SystemClock()))


def home_with(tmp_path: Path, text: str) -> str:
    (tmp_path / ".runpod").mkdir()
    (tmp_path / ".runpod" / "config.toml").write_text(text)
    return str(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        f'apiKey = "{KEY}"\napiUrl = "https://api.runpod.io/graphql"\n',
        f'apikey = "{KEY}"\n',
        f'[default]\napi_key = "{KEY}"\n',
    ],
)
def test_the_files_of_both_of_their_commands_are_read(tmp_path: Path, text: str) -> None:
    assert isinstance(opened(HOME=home_with(tmp_path, text)), RunpodProvider)


@pytest.mark.parametrize(
    "text",
    ["", "rubbish", f'key = "{KEY}"', "apiKey = 7", '[default]\napi_key = ""', "default = 1"],
)
def test_a_file_without_a_key_is_said_and_shows_nothing_of_itself(
    tmp_path: Path, text: str
) -> None:
    provider = opened(HOME=home_with(tmp_path, text))
    assert isinstance(provider, KeylessProvider)
    with pytest.raises(AuthenticationFailed, match=r"config\.toml") as caught:
        run_virtual(provider.list_offers, OfferQuery())
    assert KEY not in " ".join(caught.value.lines())


def test_the_variable_comes_before_the_file(tmp_path: Path) -> None:
    home = home_with(tmp_path, "rubbish")
    assert isinstance(opened(HOME=home, RUNPOD_API_KEY=KEY), RunpodProvider)
    assert isinstance(opened(HOME=home, RUNPOD_API_KEY=""), KeylessProvider)
    named = tmp_path / "key"
    named.write_text(f"{KEY}\n")
    assert isinstance(opened(HOME=home, RUNPOD_API_KEY_FILE=str(named)), RunpodProvider)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"RUNPOD_API_URL": HERE},
        {"RUNPOD_API_URL": f"{HERE}/"},
        {"RUNPOD_API_URL": HERE, "RUNPOD_GRAPHQL_URL": f"{HERE}/graphql"},
    ],
    ids=str,
)
def test_one_address_moves_the_other_along(environ: dict[str, str]) -> None:
    assert isinstance(opened(RUNPOD_API_KEY=KEY, **environ), RunpodProvider)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"RUNPOD_API_URL": "http://api.runpod.io"}, "RUNPOD_API_URL cannot be used"),
        ({"RUNPOD_API_URL": "https://x/?api_key=s3cret"}, "RUNPOD_API_URL cannot be used"),
        ({"RUNPOD_API_URL": HERE, "RUNPOD_GRAPHQL_URL": "rubbish"}, "RUNPOD_GRAPHQL_URL cannot"),
        ({"RUNPOD_GRAPHQL_URL": f"{HERE}/graphql"}, "RUNPOD_API_URL is not: set both"),
    ],
    ids=str,
)
def test_an_address_that_cannot_be_used_is_a_usage_error(
    environ: dict[str, str], named: str
) -> None:
    with pytest.raises(UsageRefused, match=named) as caught:
        opened(RUNPOD_API_KEY=KEY, **environ)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "s3cret" not in " ".join(caught.value.lines())

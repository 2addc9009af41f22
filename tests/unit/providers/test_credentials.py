from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.model.errors import AuthenticationFailed, CredentialsMissing, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.providers.base import OfferQuery
from reconciler.providers.credentials import find_key
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import Opening
from reconciler.providers.vastai.opening import open_vastai
from reconciler.providers.vastai.provider import VastProvider
from tests.virtual_time import run_virtual

NAMES = ("VAST_API_KEY", "VASTAI_API_KEY")
KEY = "0123456789abcdef"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_sources_in_their_order(tmp_path: Path) -> None:
    named = write(tmp_path / "named", "from-a-named-file\n")
    own = write(tmp_path / "own", "from-their-own-file")
    sources = {
        "VAST_API_KEY": "from-the-variable",
        "VASTAI_API_KEY": "from-the-alias",
        "VAST_API_KEY_FILE": str(named),
    }
    found = []
    while sources:
        found.append(find_key(NAMES, [own], sources))
        del sources[next(iter(sources))]
    found.append(find_key(NAMES, [tmp_path / "missing", own], {}))
    assert found == [
        "from-the-variable",
        "from-the-alias",
        "from-a-named-file",
        "from-their-own-file",
    ]


def test_nothing_anywhere_is_77_and_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissing, match="set VAST_API_KEY, or VAST_API_KEY_FILE") as none:
        find_key(NAMES, [tmp_path / "missing"], {})
    assert none.value.exit_code is ExitCode.CREDENTIALS


@pytest.mark.parametrize(
    "value", ["", " ", "short", f"{KEY}\n", f" {KEY}", f'"{KEY}"', "kéy-kéy-kéy"]
)
def test_bad_input_36_a_variable_that_holds_no_key_is_named_and_ends_the_search(
    tmp_path: Path, value: str
) -> None:
    own = write(tmp_path / "own", KEY)
    with pytest.raises(CredentialsMissing, match="VASTAI_API_KEY") as caught:
        find_key(NAMES, [own], {"VASTAI_API_KEY": value})
    assert KEY not in " ".join(caught.value.lines())


def test_a_named_file_that_cannot_be_used_ends_the_search(tmp_path: Path) -> None:
    own = write(tmp_path / "own", KEY)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    long = write(tmp_path / "long", "k" * 5000)
    for path in (tmp_path / "missing", tmp_path, pipe, long, write(tmp_path / "empty", "\n")):
        with pytest.raises(CredentialsMissing, match="VAST_API_KEY_FILE"):
            find_key(NAMES, [own], {"VAST_API_KEY_FILE": str(path)})


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CONFIG_HOME": "xdg"}, "xdg/vastai/vast_api_key"),
        ({"HOME": "."}, ".config/vastai/vast_api_key"),
        ({"HOME": "."}, ".vast_api_key"),
    ],
)
def test_their_own_files_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / place, f"{KEY}\n")
    assert isinstance(open_vastai(Opening("vastai", environ, SystemClock())), VastProvider)


def test_without_a_key_every_call_says_so_and_the_provider_is_there() -> None:
    provider = open_vastai(Opening("cheap", {}, SystemClock()))
    assert isinstance(provider, KeylessProvider)

    async def ask() -> None:
        for call in (
            provider.list_offers(OfferQuery()),
            provider.list_instances(),
            provider.get_instance("1"),
            provider.destroy_instance("1"),
        ):
            with pytest.raises(AuthenticationFailed, match="cheap: no API key: set VAST_API_KEY"):
                await call

    run_virtual(ask)


@pytest.mark.parametrize("url", ["http://console.vast.ai", "https://x/?api_key=s3cret", "rubbish"])
def test_a_base_url_that_cannot_be_used_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageRefused, match="VAST_URL cannot be used") as caught:
        open_vastai(Opening("vastai", {"VAST_API_KEY": KEY, "VAST_URL": url}, SystemClock()))
    assert caught.value.exit_code is ExitCode.USAGE
    assert "s3cret" not in " ".join(caught.value.lines())

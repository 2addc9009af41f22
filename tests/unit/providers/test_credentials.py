from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from reconciler.clock import SystemClock
from reconciler.model.errors import AuthenticationFailed, CredentialsMissing, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.providers.base import OfferQuery
from reconciler.providers.credentials import FoundKey, checked_key, find_key
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
        found.append(find_key(NAMES, [own], sources).value)
        del sources[next(iter(sources))]
    found.append(find_key(NAMES, [tmp_path / "missing", own], {}).value)
    assert found == [
        "from-the-variable",
        "from-the-alias",
        "from-a-named-file",
        "from-their-own-file",
    ]


class MemoryKeyring(KeyringBackend):
    """The library's own interface, over a dictionary; locked where that is None."""

    priority = 1

    def __init__(self, kept: dict[tuple[str, str], str] | None) -> None:
        self.kept = kept

    def get_password(self, service: str, username: str) -> str | None:
        if self.kept is None:
            raise KeyringLocked("the keyring is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def kept() -> Iterator[dict[tuple[str, str], str]]:
    before = keyring.get_keyring()
    entries: dict[tuple[str, str], str] = {}
    keyring.set_keyring(MemoryKeyring(entries))
    yield entries
    keyring.set_keyring(before)


def test_the_keyring_comes_last_and_by_the_providers_own_name(
    kept: dict[tuple[str, str], str], tmp_path: Path
) -> None:
    kept["gpu-shopper", "cheap"] = "from-the-keyring"
    named = Opening("cheap", {}, SystemClock())
    found = named.find_key(NAMES, [tmp_path / "missing"])
    assert (found.value, found.source) == ("from-the-keyring", "the keyring (gpu-shopper cheap)")
    own = write(tmp_path / "own", "from-their-own-file")
    assert named.find_key(NAMES, [own]).value == "from-their-own-file"
    with pytest.raises(CredentialsMissing, match="set VAST_API_KEY"):
        Opening("another", {}, SystemClock()).find_key(NAMES)


def test_a_locked_keyring_is_told_from_one_without_the_entry(
    kept: dict[tuple[str, str], str],
) -> None:
    keyring.set_keyring(MemoryKeyring(None))
    with pytest.raises(CredentialsMissing, match="cannot be read: KeyringLocked"):
        Opening("cheap", {}, SystemClock()).find_key(NAMES)


def test_what_the_documents_refer_to_comes_first() -> None:
    def referred() -> FoundKey:
        return checked_key("from-the-documents", "${env:LAB}")

    opening = Opening("cheap", {"VAST_API_KEY": KEY}, SystemClock(), referred)
    assert opening.find_key(NAMES).value == "from-the-documents"


def test_I10_a_found_key_shows_its_source_and_never_itself() -> None:
    found = find_key(NAMES, [], {"VAST_API_KEY": KEY})
    assert found.source == "VAST_API_KEY"
    assert KEY not in repr(found)


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

from __future__ import annotations

import pytest

from reconciler.transport.api_base import ApiBase, parse_api_base, path_segment


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://console.vast.ai", ApiBase("https://console.vast.ai", "")),
        ("https://console.vast.ai/", ApiBase("https://console.vast.ai", "")),
        ("https://gateway.example.com/vast/", ApiBase("https://gateway.example.com", "/vast")),
        ("http://127.0.0.1:8700", ApiBase("http://127.0.0.1:8700", "")),
        ("http://localhost:8700", ApiBase("http://localhost:8700", "")),
        ("http://[::1]:8700", ApiBase("http://[::1]:8700", "")),
    ],
)
def test_https_anywhere_and_http_to_this_machine(text: str, base: ApiBase) -> None:
    assert parse_api_base(text) == base


@pytest.mark.parametrize(
    "text",
    [
        "http://console.vast.ai",
        "ftp://console.vast.ai",
        "https://user:s3cret@console.vast.ai",
        "https://console.vast.ai/?api_key=s3cret",
        "https://console.vast.ai/#s3cret",
        "console.vast.ai",
        "http://0x7f000001:8700",
        "",
    ],
)
def test_I25_everything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="it must") as caught:
        parse_api_base(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("12345678", "12345678"),
        ("../users/1", "..%2Fusers%2F1"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("a b\r\nX: y", "a%20b%0D%0AX%3A%20y"),
        ("\ud800", "%5Cud800"),
    ],
)
def test_C7_17_an_id_is_one_segment_whatever_it_holds(text: str, segment: str) -> None:
    assert path_segment(text) == segment


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_C7_17_what_no_encoding_tames_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an id must not"):
        path_segment(text)

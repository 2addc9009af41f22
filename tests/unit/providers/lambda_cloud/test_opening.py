"""Where Lambda's key and address are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.model.errors import UsageRefused
from reconciler.providers.base import Provider
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.lambda_cloud.opening import open_lambda
from reconciler.providers.lambda_cloud.provider import LambdaProvider
from reconciler.providers.provider_type import Opening

KEY = "secret_0123456789abcdef"


def opened(**environ: str) -> Provider:
    return open_lambda(Opening("lambda", environ, SystemClock()))


def keys_file(home: Path, text: str) -> None:
    (home / ".lambda_cloud").mkdir()
    (home / ".lambda_cloud" / "lambda_keys").write_text(text)


@pytest.mark.parametrize("text", [f"api_key = {KEY}\n", f"# mine\n  api_key={KEY}  \nother = x\n"])
def test_the_line_of_the_file_that_other_tools_use(tmp_path: Path, text: str) -> None:
    keys_file(tmp_path, text)
    provider = opened(HOME=str(tmp_path))
    assert isinstance(provider, LambdaProvider)
    assert "lambda_keys" in provider.key_source


@pytest.mark.parametrize("text", ["", f"{KEY}\n", "api_key =\n", "other = x\n", 'api_key = "x y"'])
def test_bad_input_36_a_file_without_the_line_ends_the_search(tmp_path: Path, text: str) -> None:
    keys_file(tmp_path, text)
    assert isinstance(opened(HOME=str(tmp_path)), KeylessProvider)


def test_the_variable_comes_before_the_file(tmp_path: Path) -> None:
    keys_file(tmp_path, "api_key =\n")
    provider = opened(HOME=str(tmp_path), LAMBDA_API_KEY=KEY)
    assert isinstance(provider, LambdaProvider)
    assert provider.origin == "https://cloud.lambda.ai"


@pytest.mark.parametrize("url", ["http://cloud.lambda.ai", "https://x/?api_key=s3cret", "rubbish"])
def test_a_base_url_that_cannot_be_used_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageRefused, match="LAMBDA_API_URL cannot be used") as caught:
        opened(LAMBDA_API_KEY=KEY, LAMBDA_API_URL=url)
    assert "s3cret" not in " ".join(caught.value.lines())

"""Each file that is read has a largest size: with it the file is read, with one byte more it is
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.market import offers_csv
from reconciler.model.errors import CredentialsMissing, GpuShopperError, UsageRefused
from reconciler.operations import money
from reconciler.operations.money import read_bill
from reconciler.providers.credentials import checked_key, find_key
from reconciler.statefile import decision_file, plan_file
from tests.unit.statefile.test_decision_file import decision
from tests.unit.statefile.test_plan_file import document

MIB = 2**20


def _bill(path: Path, content: str = "id,cost\ni-1,0.5\n") -> Path:
    path.write_text(content)
    return path


Limit = tuple[ModuleType, str, int, Callable[[Path], object], Callable[[Path], object], int]

LIMITS: dict[str, Limit] = {
    "a plan": (
        plan_file,
        "PLAN_BYTES_MAX",
        64 * MIB,
        lambda path: plan_file.write_plan(path, document()),
        plan_file.read_plan,
        10,
    ),
    "a decision": (
        decision_file,
        "RECORD_BYTES_MAX",
        512 * MIB,
        lambda path: decision_file.write_decision(path, decision()),
        decision_file.read_decision,
        13,
    ),
    "a bill": (
        money,
        "_BILL_MAX_BYTES",
        64 * MIB,
        _bill,
        lambda path: read_bill(path, None, None),
        64,
    ),
    "a list of offers": (
        offers_csv,
        "FILE_BYTES_MAX",
        256 * MIB,
        lambda path: path.write_text("cloud,gpu,gpu_count,price_hourly_usd\n"),
        offers_csv.load_offers,
        1,
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, constant, limit, write, read, code = LIMITS[name]
    assert getattr(module, constant) == limit
    path = tmp_path / "file"
    write(path)
    monkeypatch.setattr(module, constant, path.stat().st_size)
    assert read(path)
    monkeypatch.setattr(module, constant, path.stat().st_size - 1)
    with pytest.raises(GpuShopperError) as caught:
        read(path)
    assert caught.value.exit_code == code
    words = f"{caught.value.what} {caught.value.why}"
    assert "larger than" in words or "more than" in words


def test_a_key_of_1024_characters_in_a_file_of_4096_is_read_and_no_longer_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "key"
    for size, key in ((4096, "k" * 1024), (4096, "k" * 8)):
        path.write_text(key + "\n" * (size - len(key)))
        assert find_key(["A_KEY"], [path], {}).value == key
        path.write_text(key + "\n" * (size + 1 - len(key)))
        with pytest.raises(CredentialsMissing, match="too long for a key"):
            find_key(["A_KEY"], [path], {})
    for key in ("k" * 1025, "k" * 7):
        with pytest.raises(CredentialsMissing) as caught:
            checked_key(key, "A_KEY")
        assert caught.value.exit_code == 77
        assert key not in str(caught.value.what)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,cost\n" + "x" * 131_073 + ",1\n", "line 2 of the bill is no line of a CSV"),
        ("id,cost\ni-1,1000000000000.01\n", "line 2 of the bill: 1000000000000.01 is no amount"),
        ("id,cost\ni-1,1e999999\n", "line 2 of the bill: 1e999999 is no amount"),
        ("id,cost\ni-1," + "9" * 5000 + "\n", "is no amount"),
    ],
    ids=["field", "dollars", "exponent", "digits"],
)
def test_I23_what_is_too_long_or_too_much_in_a_bill_is_refused_at_its_line(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(UsageRefused) as caught:
        read_bill(_bill(tmp_path / "bill.csv", content), None, None)
    assert said in caught.value.what
    assert len(caught.value.what) < 200
    at_most = _bill(tmp_path / "bill.csv", "id,cost\n" + "x" * 131_072 + ",1000000000000\n")
    assert list(read_bill(at_most, None, None).values()) == [Decimal(10**12)]

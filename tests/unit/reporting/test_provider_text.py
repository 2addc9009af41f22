"""What ``providers check`` and ``providers matrix`` print."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from reconciler.model.capability_matrix import CapabilityMatrix, MatrixRow
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import ProviderHealth, ProvidersReport, failed, passed
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.provider_text import (
    matrix_json,
    matrix_markdown,
    matrix_text,
    providers_json,
    providers_text,
)
from tests.markets import START

REPORT = ProvidersReport(
    START,
    (
        ProviderHealth("cheap", "vastai", "12", Decimal("1.5"), (passed("key", "good"),)),
        ProviderHealth(
            "vastai",
            "vastai",
            None,
            None,
            (failed("key", "\x1b[2Jno", ExitCode.CREDENTIALS, why="because", fix="mend it"),),
        ),
    ),
)
MATRIX = CapabilityMatrix(
    ("one", "two"),
    (
        MatrixRow("spot", "spot machines", (True, False)),
        MatrixRow("lag", "a listing lags", (timedelta(seconds=90), timedelta(0))),
        MatrixRow("paces", "calls", (("list 1 in 2 s", "read | <b>"), ())),
        MatrixRow("parallel", "at once", (4, 8)),
    ),
)


def test_each_provider_has_its_checks_with_why_and_fix_below_what_failed() -> None:
    assert providers_text(REPORT, PLAIN).splitlines() == [
        "cheap (vastai)",
        "ok       key                     good",
        "vastai",
        "FAILED   key                     \\x1b[2Jno",
        "           why: because",
        "           fix: mend it",
        "2 provider(s), 1 check(s) failed.",
    ]


def test_a_long_check_is_folded_and_a_path_is_not_cut() -> None:
    path = "/" + "x" * 90
    check = passed("account", f"lrn-{'1' * 30}; the first apply will pin the state to it, {path}")
    report = ProvidersReport(START, (replace(REPORT.providers[0], checks=(check,)),))
    _, first, *more = providers_text(report, PLAIN).splitlines()
    assert len(first) <= 102
    assert path in " ".join(more)
    folded = providers_text(REPORT, PLAIN) + matrix_text(MATRIX, PLAIN)
    assert all(len(line) <= 80 for line in folded.splitlines())


def test_the_json_of_a_check_holds_money_as_text_and_the_most_urgent_code() -> None:
    found = json.loads(providers_json(REPORT))
    assert [one["balance_usd"] for one in found["providers"]] == ["1.5", None]
    assert (found["exit_code"], found["exit_word"]) == (77, "credentials")


def test_the_matrix_is_one_table_in_three_forms() -> None:
    assert matrix_text(MATRIX, PLAIN).splitlines() == [
        "one",
        "  spot machines   yes",
        "  a listing lags  1m30s",
        "  calls           list 1 in 2 s",
        "                  read | <b>",
        "  at once         4",
        "",
        "two",
        "  spot machines   no",
        "  a listing lags  no limit",
        "  calls           as fast as it answers",
        "  at once         8",
    ]
    assert matrix_markdown(MATRIX).splitlines()[2:] == [
        "| spot machines | yes | no |",
        "| a listing lags | 1m30s | no limit |",
        "| calls | list 1 in 2 s<br>read \\| &lt;b> | as fast as it answers |",
        "| at once | 4 | 8 |",
    ]
    assert json.loads(matrix_json(MATRIX))["providers"] == {
        "one": {"spot": True, "lag": 90.0, "paces": ["list 1 in 2 s", "read | <b>"], "parallel": 4},
        "two": {"spot": False, "lag": 0.0, "paces": [], "parallel": 8},
    }

"""Patterns that are compiled late mean what they mean when they are compiled at once."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from reconciler.cli.late_patterns import compile_patterns_late

_SOURCE = """
import re
WORD = re.compile(r"(?P<first>[a-z])[a-z]*", re.IGNORECASE)
class Reader:
    blank = re.compile(rb"\\s+")
def asked(text):
    return re.compile(text)
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(re, "compile", vars(re)["compile"])
    compile_patterns_late(frozenset({"pretended"}))
    return loaded("pretended.words", _SOURCE)


def loaded(name: str, source: str) -> ModuleType:
    module = ModuleType(name)
    exec(source, vars(module))
    return module


def test_a_pattern_finds_what_it_says_each_time_it_is_asked(module: ModuleType) -> None:
    for _ in range(2):
        found = module.WORD.fullmatch("Ada")
        assert (found["first"], module.WORD.match("1")) == ("A", None)
        assert module.Reader.blank.sub(b"-", b"a  b") == b"a-b"
    assert (module.WORD.pattern, module.WORD.flags & re.IGNORECASE) == (
        "(?P<first>[a-z])[a-z]*",
        re.IGNORECASE,
    )


def test_it_counts_as_a_pattern_wherever_one_is_asked_for(module: ModuleType) -> None:
    assert isinstance(module.WORD, re.Pattern)
    assert re.findall(module.WORD, "to be") == ["t", "b"]


def test_what_a_function_compiles_is_compiled_at_once(module: ModuleType) -> None:
    assert type(module.asked("a")) is re.Pattern
    with pytest.raises(re.error):
        module.asked("(")


def test_a_plugin_s_patterns_are_compiled_at_once(module: ModuleType) -> None:
    assert type(loaded("plugin", _SOURCE).WORD) is re.Pattern
    with pytest.raises(re.error):
        loaded("plugin", "import re\nBAD = re.compile('(')")

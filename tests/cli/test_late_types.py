"""Types that are compiled late, or once for many, mean what they mean otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FIRST = """
from reconciler.cli.late_types import compile_types_late
compile_types_late()
import typing, typing_extensions
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import core_schema
"""


def _printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST + program], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("print(core_schema.CoreConfig(title='a'), core_schema.CoreConfig.__mro__[1].__name__)",
         "{'title': 'a'} _Plain"),
        ("homes = (typing, typing_extensions)\n"
         "print(*(home.TypedDict('A', {'a': 'int'}).__total__ for home in homes))",
         "True True"),
        ("Told = typing_extensions.TypedDict('Told', {'a': 'int'})\n"
         "try: TypeAdapter(Told).validate_python({'a': 'x'})\n"
         "except ValidationError as error: print(error.errors()[0]['type'])", "int_parsing"),
        ("class Loud(BaseModel): number: 'Kind'\n"
         "Kind = int\n"
         "print(Loud(number='3').number)\n"
         "def within():\n"
         "    class Kind(str): pass\n"
         "    def asked(a: 'Kind'): pass\n"
         "    return typing.get_type_hints(asked, localns={'Kind': Kind})['a'].__name__\n"
         "print(typing.get_type_hints(Loud)['number'].__name__, within())", "3\nint Kind"),
    ],
    ids=["the core's are plain", "others are not", "pydantic reads others", "one text, two types"],
)  # fmt: skip
def test_types(program: str, expected: str) -> None:
    assert _printed(program) == expected

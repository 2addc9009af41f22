"""Records are values: a changed copy is as good as one that pydantic makes."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from tests.unit.statefile.states import instance, state


def test_a_changed_copy_is_the_one_that_pydantic_would_make() -> None:
    for record, changes in ((instance(0), {"ready_at": None}), (state(), {"serial": 9})):
        ours, theirs = record.with_(**changes), record.model_copy(update=changes)
        assert ours == theirs
        assert type(ours) is type(theirs)
        assert ours.model_fields_set == theirs.model_fields_set
        assert ours.__getstate__() == theirs.__getstate__()


def test_a_record_of_trusted_values_is_the_one_that_pydantic_would_make() -> None:
    for record in (instance(0), state()):
        values = {name: getattr(record, name) for name in record.model_fields_set}
        ours = type(record).model_construct(**values)
        theirs = BaseModel.model_construct.__func__(type(record), **values)  # type: ignore[attr-defined]
        assert ours.__getstate__() == theirs.__getstate__()
        assert list(ours.__dict__) == list(theirs.__dict__), "written in the same order"


def test_a_changed_copy_is_frozen_and_the_first_one_as_it_was() -> None:
    first = state(serial=3)
    assert (first.with_(serial=9).serial, first.serial) == (9, 3)
    with pytest.raises(ValidationError, match="frozen"):
        first.with_(serial=9).serial = 4  # type: ignore[misc]

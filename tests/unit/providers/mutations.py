"""Answers of providers with something wrong: values replaced, taken away, doubled, texts cut."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as some

# Times the kinds of answers of a provider: what `make test` tries, always the same ones.
EXAMPLES = 150
FUZZ = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "0", "1", "true", "null", "../users/1", "\x1b[2J", "\ud800", "x" * 300, [], {}, [None], [[]],
    {"a": 1}, [{"id": 1}], {"id": 7}, "not_found", "no_such_instance", "auth_error",
]  # fmt: skip
STATUSES = [200, 200, 200, 200, 201, 400, 401, 403, 404, 410, 429, 500, 503]


def places(value: Any) -> list[tuple[Any, ...]]:
    """The path of every value inside, the whole included."""
    inside: list[tuple[Any, ...]] = [()]
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        inside += [(key, *path) for key, one in items for path in places(one)]
    return inside


def changed(value: Any, path: tuple[Any, ...], junk: Any, how: str) -> Any:
    """A copy of ``value`` with the place at ``path`` replaced, taken away or doubled."""
    if not path:
        return junk
    made = copy.deepcopy(value)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    if how == "replace":
        holder[path[-1]] = junk
    elif how == "take away":
        del holder[path[-1]]
    elif isinstance(holder, list):
        holder.append(holder[path[-1]])
    else:
        holder[f"{path[-1]}_"] = holder.pop(path[-1])
    return made


@some.composite
def mutated(draw: some.DrawFn, whole: Any) -> tuple[int, Any]:
    """A status and a body: ``whole`` with one to three changes, or its text cut somewhere."""
    value = whole
    for _ in range(draw(some.integers(1, 3))):
        path = draw(some.sampled_from(places(value)))
        how = draw(some.sampled_from(["replace", "replace", "take away", "double"]))
        value = changed(value, path, draw(some.sampled_from(JUNK)), how)
    status = draw(some.sampled_from(STATUSES))
    if draw(some.integers(0, 9)) == 0:
        text = json.dumps(value)
        return status, text[: draw(some.integers(0, len(text) - 1))]
    return status, value

"""Which keys of two mappings differ: never their values, which may be secrets.

A module of its own because deepdiff takes longer to import than a whole plan takes to make: it is
imported where values differ, and nowhere else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from deepdiff import DeepDiff

from reconciler.model.plan import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS = {
    "dictionary_item_added": ("(not set)", "(a value)"),
    "dictionary_item_removed": ("(a value)", "(not set)"),
}
_CHANGED = ("(a value)", "(another value)")


def mapping_differences(
    attribute: str, actual: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[Difference]:
    """One for each key that was added, removed or changed, in order of the keys."""
    differing = _differing_keys(tuple(sorted(actual.items())), tuple(sorted(wanted.items())))
    for key, (before, after) in differing:
        yield Difference(f"{attribute}.{key}", before, after)


@lru_cache(maxsize=256)  # the machines of a fleet differ alike
def _differing_keys(
    actual: tuple[tuple[str, str], ...], wanted: tuple[tuple[str, str], ...]
) -> list[tuple[str, tuple[str, str]]]:
    tree = DeepDiff(dict(actual), dict(wanted), threshold_to_diff_deeper=0).tree
    words = {
        str(found.path(output_format="list")[0]): _WORDS.get(kind, _CHANGED)
        for kind, differences in tree.items()
        for found in differences
    }
    return sorted(words.items())

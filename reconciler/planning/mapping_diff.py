"""Which keys of two mappings differ: never their values, which may be secrets.

A module of its own because deepdiff takes longer to import than a whole plan takes to make: it is
imported where values differ, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepdiff import DeepDiff

from reconciler.model.plan import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ADDED, _REMOVED = "dictionary_item_added", "dictionary_item_removed"


def mapping_difference(
    attribute: str, actual: Mapping[str, str], wanted: Mapping[str, str]
) -> Difference:
    """What would have to change in ``actual``: the names of keys, and what happens to each."""
    tree = DeepDiff(dict(actual), dict(wanted), threshold_to_diff_deeper=0).tree
    touched = {kind: sorted({_key(one) for one in found}) for kind, found in tree.items() if found}
    added, removed = touched.pop(_ADDED, []), touched.pop(_REMOVED, [])
    changed = sorted({key for keys in touched.values() for key in keys})
    gone = [f"without {_names(added)}"] if added else []
    gone += [f"{_names(removed)} set"] if removed else []
    gone += [f"{_names(changed)} as it was"] if changed else []
    new = [f"add {_names(added)}"] if added else []
    new += [f"remove {_names(removed)}"] if removed else []
    new += [f"change {_names(changed)}"] if changed else []
    return Difference(attribute, "; ".join(gone), "; ".join(new))


def _key(found: object) -> str:
    path = found.path(output_format="list")  # type: ignore[attr-defined]  # deepdiff has no types
    return str(path[0])


def _names(keys: Iterable[str]) -> str:
    return ", ".join(keys)

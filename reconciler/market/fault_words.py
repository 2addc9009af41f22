"""Faults as a person writes them: `list=500`, `vastai:create=500-done`, `C2.4`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault, Operation
from reconciler.model.value import dataclass

_MINUTE = timedelta(minutes=1)
_ALL = ("search", "list", "read", "create", "destroy")
_LISTS = ("list",)
_MACHINES = ("list", "read")
_SOME = ("C1.1", "C2.4", "C4.2")

ENDPOINTS: Mapping[str, Operation] = MappingProxyType(
    {
        "search": "list_offers",
        "list": "list_instances",
        "read": "get_instance",
        "create": "create_instance",
        "destroy": "destroy_instance",
    }
)


@dataclass(frozen=True, slots=True)
class FaultWord:
    """What ``fault`` does, in a few words, and the endpoints at which it makes sense."""

    fault: Fault
    meaning: str
    endpoints: tuple[str, ...] = _ALL


FAULT_WORDS: Mapping[str, FaultWord] = MappingProxyType(
    {
        "500": FaultWord(Fault(error="unavailable"), "a server error; nothing is done"),
        "500-done": FaultWord(
            Fault(error="unavailable", done=True),
            "a server error, but it is done",
            ("create", "destroy"),
        ),
        "429": FaultWord(Fault(error="rate-limited"), "too many calls, with no word for how long"),
        "429-wait": FaultWord(
            Fault(error="rate-limited", delay=_MINUTE), "too many calls: wait a minute"
        ),
        "401": FaultWord(Fault(error="auth-refused"), "the key is refused"),
        "404": FaultWord(
            Fault(error="not-found"), "the machine is denied while it lives", ("read", "destroy")
        ),
        "garbage": FaultWord(
            Fault(error="unreadable"), "an answer cut short, HTML, or of another shape, in turn"
        ),
        "garbage-done": FaultWord(
            Fault(error="unreadable", done=True), "the same, but it is done", ("create", "destroy")
        ),
        "hang": FaultWord(Fault(hang=timedelta(hours=1)), "no answer; what was asked is done"),
        "ignored": FaultWord(
            Fault(done=False), "answered well, and nothing is done", ("create", "destroy")
        ),
        "taken": FaultWord(Fault(error="offer-gone"), "somebody else was faster", ("create",)),
        "full": FaultWord(Fault(error="no-capacity"), "there is none free", ("create",)),
        "refused": FaultWord(Fault(error="refused"), "the order is refused", ("create",)),
        "refused-done": FaultWord(
            Fault(error="refused", done=True, carries_id=True),
            "refused, and made all the same",
            ("create",),
        ),
        "no-id": FaultWord(Fault(without_id=True), "made, and no id is told", ("create",)),
        "hidden": FaultWord(
            Fault(appears_after=10 * _MINUTE), "made, and seen ten minutes later", ("create",)
        ),
        "stops": FaultWord(
            Fault(stops_after=timedelta(seconds=5)), "made, and stops by itself", ("create",)
        ),
        "dearer": FaultWord(
            Fault(billed_percent=250), "billed at 2.5 times the price", ("create",)
        ),
        "no-label": FaultWord(Fault(loses_label=True), "made without our mark", ("create",)),
        "empty": FaultWord(Fault(shape="empty"), "no machine, though they live", _LISTS),
        "cut": FaultWord(Fault(shape="cut", keep=1), "one machine, as if it were all", _LISTS),
        "partial": FaultWord(
            Fault(shape="partial", keep=1), "one machine, and it says that more follow", _LISTS
        ),
        "twice": FaultWord(Fault(shape="duplicated"), "every machine twice", _LISTS),
        "reversed": FaultWord(Fault(shape="reversed"), "in another order", _LISTS),
        "old": FaultWord(Fault(stale=10 * _MINUTE), "as it was ten minutes ago", _LISTS),
        "no-labels": FaultWord(Fault(drop_labels=True), "labels are gone", _MACHINES),
        "zombified": FaultWord(Fault(status="zombified"), "a status that nobody knows", _MACHINES),
        "offline": FaultWord(Fault(status="offline"), "the host is lost", _MACHINES),
        "exited": FaultWord(Fault(status="exited"), "the machine has ended by itself", _MACHINES),
        "price-nan": FaultWord(Fault(price="NaN"), "prices are no numbers", ("search",)),
        "price-null": FaultWord(Fault(price="null"), "prices are missing", ("search",)),
        "price-text": FaultWord(Fault(price="$0.22"), "prices are text", ("search",)),
        "cheaper": FaultWord(
            Fault(quoted_percent=80), "prices are shown 20 % too low", ("search",)
        ),
    }
)


@dataclass(frozen=True, slots=True)
class WantedFault:
    """``served_as``: the face that it is for; "" for all of them."""

    text: str
    operation: Operation
    fault: Fault
    served_as: str = ""


def parse_fault(text: str) -> WantedFault:
    """`[PROVIDER:]ENDPOINT=FAULT` or `[PROVIDER:]NUMBER`, a number of the fault catalogue.

    Raises ValueError with what may be written.
    """
    face, _, rest = text.rpartition(":")
    endpoint, equals, word = rest.partition("=")
    if not equals:
        if rest not in CATALOGUE:
            raise ValueError(f"write ENDPOINT=FAULT, or a number such as {', '.join(_SOME)}")
        operation, fault = CATALOGUE[rest]
        return WantedFault(text, operation, fault, face)
    if endpoint not in ENDPOINTS:
        raise ValueError(f"an endpoint is one of {', '.join(ENDPOINTS)}")
    known = [name for name, one in FAULT_WORDS.items() if endpoint in one.endpoints]
    if word not in known:
        raise ValueError(f"a fault of {endpoint} is one of {', '.join(known)}")
    return WantedFault(text, ENDPOINTS[endpoint], FAULT_WORDS[word].fault, face)


def fault_text(where: str, fault: Fault) -> str:
    """As ``parse_fault`` reads it, for a script in force; the fault's own fields where it has no
    word.
    """
    face, _, operation = where.rpartition(":")
    endpoint = next(name for name, one in ENDPOINTS.items() if one == operation)
    word = next(
        (
            name
            for name, one in FAULT_WORDS.items()
            if one.fault == fault and endpoint in one.endpoints
        ),
        fault.to_json(),
    )
    return f"{face}:{endpoint}={word}" if face else f"{endpoint}={word}"

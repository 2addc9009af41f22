"""How the name of a GPU is written: words, short forms, sizes. Text in, text out.

Knows nothing of models; `gpu` looks the spellings up. A name is read as words: vendor and
marketing words are dropped, a socket or edition ("pcie", "SXM5", "Max-Q") and a memory size
("80GB", "80 g") are set apart, and the rest, squeezed together, is the spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.model.gpu_catalog import FORM_WORDS, IGNORED_WORDS
from reconciler.model.value import dataclass

GIB = 2**30
# Longer text is no name; the cap also bounds what the patterns below may cost.
NAME_LENGTH_MAX = 100

_WORD = re.compile(r"[a-z0-9]+")
_LONG_NUMBER = re.compile(r"[0-9]{4,}")
_MAX_Q = re.compile(r"max[\s_-]?q\b")
_GLUED_VENDOR = re.compile(r"^(?:nvidia|geforce|tesla|instinct|radeon|amd|intel)+")
_GLUED_FORM = re.compile(
    r"^(.+?)(pcie|sxm[0-9]?|nvlink|nvl|oam|laptop|mobile|server|workstation|ws|wk|maxq)$"
)
_MEMORY = re.compile(r"^([0-9]+)g(?:i?b)?$")
_MEMORY_UNITS = frozenset({"g", "gb", "gib"})
_COUNT = re.compile(r"(?<![a-z0-9])[0-9]{1,2}x(?![a-z0-9])", re.IGNORECASE)
_NUMBERED_BRAND = re.compile(r"^(?:rtx|gtx|rx)(?=(?:a|pro)?[0-9]{3,})")


@dataclass(frozen=True, slots=True)
class Reading:
    """A name taken apart: what it is called, sockets and editions, the size that it states."""

    spelling: str
    forms: frozenset[str] = frozenset()
    memory_bytes: int | None = None


def squeezed(text: str) -> str:
    """Only the letters and digits of `text`, lowercase."""
    return "".join(_WORD.findall(text.lower()))


def without_count(listing: str) -> str:
    """A listing's name without "8x": what is sold together is another field of the offer."""
    return _COUNT.sub(" ", listing)


def bare_spelling(text: str) -> str:
    """All words of a name but the vendor's, squeezed: sockets and sizes stay in."""
    return "".join(_words(text))


def card_numbers(text: str) -> frozenset[str]:
    """The numbers of four digits or more that say which card: {"4090"} of "rtx4090ti"."""
    return frozenset(_LONG_NUMBER.findall(text))


def readings(text: str) -> Iterator[Reading]:
    """The ways to take `text` apart, the likeliest first; none for text too long to be a name."""
    if len(text) > NAME_LENGTH_MAX:
        return
    yield read(text)
    words = _words(text)
    if words and words[-1].isdigit():  # "a100-pcie-80": a size without its unit
        shorter = read(" ".join(words[:-1]))
        yield Reading(shorter.spelling, shorter.forms, int(words[-1]) * GIB)
    yield Reading(bare_spelling(text))  # "a 10 g" and "a100sxm80gb", whose pieces mislead


def read(text: str) -> Reading:
    """The likeliest reading of `text`, which the caller keeps below `NAME_LENGTH_MAX`."""
    spelling: list[str] = []
    forms: set[str] = set()
    memory_bytes: int | None = None
    for word in _sizes_joined(_words(text)):
        if size := _MEMORY.match(word):
            memory_bytes = int(size.group(1)) * GIB
        elif form := FORM_WORDS.get(word):
            forms.add(form)
        elif glued := _GLUED_FORM.match(word):
            spelling.append(glued.group(1))
            forms.add(FORM_WORDS[glued.group(2)])
        else:
            spelling.append(word)
    if "maxq" in forms:  # sold as "Max-Q Workstation Edition"
        forms.discard("workstation")
    return Reading("".join(spelling), frozenset(forms), memory_bytes)


def spelled_ways(spelling: str) -> Iterator[str]:
    """A catalogue spelling and the short forms that people and listings use for it."""
    ways = [spelling]
    if spelling.endswith("tisuper"):
        ways += [spelling[:-7] + ending for ending in ("tis", "sti", "superti")]
    elif spelling.endswith("super"):
        ways.append(spelling[:-4])
    if spelling.startswith("quadrortx"):
        ways.append("q" + spelling[6:])
    for way in ways:
        yield way
        if (short := _NUMBERED_BRAND.sub("", way)) != way:
            yield short


def _words(text: str) -> list[str]:
    words = _WORD.findall(_MAX_Q.sub("maxq ", text.lower()))
    bare = (_GLUED_VENDOR.sub("", word) for word in words)
    return [word for word in bare if word and word not in IGNORED_WORDS]


def _sizes_joined(words: Sequence[str]) -> list[str]:
    """The words, with "80 gb" made one."""
    joined: list[str] = []
    for word in words:
        if word in _MEMORY_UNITS and joined and joined[-1].isdigit():
            joined[-1] += word
        else:
            joined.append(word)
    return joined

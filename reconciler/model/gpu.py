"""What a GPU is called: by us, by the providers' listings and by people.

Pure and deterministic: the tables of `gpu_catalog` are indexed on first use and never change.
A socket, an edition or a memory size in a name narrows the answer; the rest of it must be exactly
a known spelling, so that "A10" never finds an A10G or an A100.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model import gpu_catalog
from reconciler.model.gpu_spelling import (
    GIB,
    NAME_LENGTH_MAX,
    Reading,
    bare_spelling,
    card_numbers,
    read,
    readings,
    spelled_ways,
    squeezed,
    without_count,
)
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from decimal import Decimal

NEAREST_MAX = 3
# Percent of the marketing size. Drivers report up to 7 % less (SPEC.md section 2); above it, a
# listing in decimal gigabytes reads 7.4 % too large, and B200 is sold as 180 and as 192.
SOLD_PERCENT_MIN = 93
SOLD_PERCENT_MAX = 108
# Below this share of a card that comes in one size, the offer is a slice of it, not the card.
WHOLE_CARD_PERCENT_MIN = 60


@dataclass(frozen=True, slots=True)
class GpuModel:
    """One accelerator as clouds sell it: a memory size and a socket of one `family`.

    `memory_bytes` is the marketing size of one GPU; a driver reports a little less.
    """

    name: str
    family: str
    vendor: str
    memory_bytes: int


class UnknownGpu(ValueError):
    """`name` is no GPU, or not one in particular; `nearest` has up to 3 names, best first."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        self.name = name
        self.nearest = nearest
        shown = name if len(name) <= NAME_LENGTH_MAX else name[:NAME_LENGTH_MAX] + "…"
        advice = f"did you mean {' or '.join(nearest)}?" if nearest else "no known name is near it"
        super().__init__(f"{shown!r} does not name one known GPU; {advice}")


@dataclass(frozen=True, slots=True)
class _Named:
    """What a name can mean: `plain` models, and `rebuilt` ones that only a memory size finds."""

    known: tuple[GpuModel, ...] = ()
    plain: tuple[GpuModel, ...] = ()
    rebuilt: tuple[GpuModel, ...] = ()
    memory_bytes: int | None = None

    def models(self) -> tuple[GpuModel, ...]:
        """The models left by the memory that the name itself states."""
        if self.memory_bytes is None:
            return self.plain
        return _of_size(self.plain, self.memory_bytes) or _of_size(self.rebuilt, self.memory_bytes)


@cache
def gpu_models() -> Mapping[str, GpuModel]:
    """Every model by canonical name, in catalogue order."""
    models = (
        GpuModel(name, family, vendor, gib * GIB)
        for name, family, vendor, gib, _ in gpu_catalog.MODELS
    )
    return MappingProxyType({model.name: model for model in models})


def gpu_model(name: str) -> GpuModel:
    """The model with this canonical name, spelled exactly; `KeyError` for any other text."""
    return gpu_models()[name]


def models_named(text: str) -> tuple[GpuModel, ...]:
    """The models that a person means by `text`, never empty, in catalogue order.

    "H100" is every member of the family, "H100-SXM" one; "A100 80GB" is what has 80 GB. A plain
    name sold in several sizes ("RTX 4060 Ti") means all of them, the smallest first. Laptop chips
    must be called so ("RTX 3060 laptop"); aftermarket and special editions must be called so or
    asked for by their memory ("4090 48GB"). Raises `UnknownGpu` where nothing matches, and where
    one name belongs to unlike cards: "RTX 6000" without a size is a card of 2018, 2022 or 2025.
    """
    models = _named(text).models()
    if not models or len({model.family for model in models}) > 1:
        raise UnknownGpu(text, nearest_names(text))
    return models


def resolve_offered(provider: str, raw_name: str, memory_bytes: int | None) -> GpuModel | None:
    """The model behind a provider's listing, or None where that cannot be told.

    `memory_bytes` is what the listing says of one GPU, None if it is silent. The provider's own
    aliases come first, then the general reading; the first that has a model of the offered size
    decides, the nearest size winning. Where no size agrees, a name with a single size still
    stands unless the offer has less than 60 % of it (a slice of a card). Models of one size that
    differ by socket: the first of the alias, else the first of the catalogue, which is the PCIe
    card for A100, H100, V100 and P100, the SXM one for H200, the server edition for RTX PRO 6000.
    """
    aliased = tuple(map(gpu_model, _aliases().get(_alias_key(provider, raw_name), ())))
    named = _named(without_count(raw_name))
    general = named.models()
    if memory_bytes is not None:
        rebuilt = named.rebuilt if named.memory_bytes is None else ()
        for models in (aliased, general, rebuilt):
            if fitting := _of_size(models, memory_bytes):
                return fitting[0]
    for models in (aliased, general):
        if _has_one_size(models) and _is_whole_card(models[0], memory_bytes):
            return models[0]
    return None


def memory_matches(
    sold_bytes: int, wanted_min: Decimal | int | None, wanted_max: Decimal | int | None
) -> bool:
    """Whether a GPU sold with `sold_bytes` satisfies the range, both ends included, None = open.

    Sold memory may fall 7 % short of the minimum and still match (SPEC.md section 2), because
    marketplaces report usable memory. The maximum has no slack.
    """
    if wanted_min is not None and sold_bytes * 100 < wanted_min * SOLD_PERCENT_MIN:
        return False
    return wanted_max is None or sold_bytes <= wanted_max


def nearest_names(text: str) -> tuple[str, ...]:
    """Up to 3 canonical or family names to suggest for `text`, best first; often the fix itself.

    A known name with an impossible size or socket gets the members that exist.
    """
    asked = without_count(text)
    named = _named(asked)
    if named.known:
        return _suggested_members(named)
    from difflib import get_close_matches  # only errors need it

    displays = _display_names()
    spelling = bare_spelling(asked[:NAME_LENGTH_MAX])
    close = get_close_matches(spelling, displays, 4 * NEAREST_MAX)
    # "4090 ti" is nearer to a 4090 than to a 4070 Ti: the number is what people remember.
    asked_for = card_numbers(spelling)
    close.sort(key=lambda candidate: asked_for.isdisjoint(card_numbers(candidate)))
    return tuple(dict.fromkeys(displays[candidate] for candidate in close))[:NEAREST_MAX]


def _suggested_members(named: _Named) -> tuple[str, ...]:
    families = tuple(dict.fromkeys(model.family for model in named.known))
    if len(families) > 1:
        return families[:NEAREST_MAX]
    wanted = named.memory_bytes or 0
    likeliest_first = sorted(
        named.known, key=lambda model: (model not in named.plain, abs(model.memory_bytes - wanted))
    )
    return tuple(model.name for model in likeliest_first)[:NEAREST_MAX]


@lru_cache(maxsize=4096)
def _named(text: str) -> _Named:
    """The first reading of `text` whose spelling is known and leaves a model standing."""
    named = _Named()
    for reading in readings(text):
        known = _spellings().get(reading.spelling, ())
        found = _narrowed(known, reading)
        if found.models():
            return found
        if known and not named.known:
            named = found
    return named


def _narrowed(known: tuple[GpuModel, ...], reading: Reading) -> _Named:
    """`known` without what the stated forms exclude; forms that must be stated kept apart."""
    by_form = [(model, _forms()[model.name]) for model in known]
    allowed = [(model, forms) for model, forms in by_form if reading.forms <= forms]
    hidden = gpu_catalog.FORMS_TO_STATE - reading.forms
    plain = tuple(model for model, forms in allowed if not forms & hidden)
    rebuilt = tuple(
        model for model, forms in allowed if forms & hidden & gpu_catalog.FORMS_FOUND_BY_MEMORY
    )
    return _Named(known, plain, rebuilt, reading.memory_bytes)


@cache
def _forms() -> Mapping[str, frozenset[str]]:
    return {
        name: read(name).forms | frozenset(sockets.split())
        for name, _, _, _, sockets in gpu_catalog.MODELS
    }


@cache
def _spellings() -> Mapping[str, tuple[GpuModel, ...]]:
    """Every spelling, squeezed to letters and digits, with the models it names."""
    found: dict[str, list[GpuModel]] = {}
    for model in gpu_models().values():
        for name in (model.name, model.family):
            for spelling in spelled_ways(read(name).spelling):
                _add(found, spelling, model)
        _add(found, bare_spelling(model.name), model)
    for spelling, same_as in gpu_catalog.PEOPLES_SPELLINGS:
        found.setdefault(spelling, found[same_as])
    for spelling, names in gpu_catalog.SHARED_NAMES:
        found[spelling] = [gpu_model(name) for name in names]
    return {spelling: tuple(models) for spelling, models in found.items()}


def _add(found: dict[str, list[GpuModel]], spelling: str, model: GpuModel) -> None:
    models = found.setdefault(spelling, [])
    if model not in models:
        models.append(model)


@cache
def _display_names() -> Mapping[str, str]:
    """What to suggest for each spelling: the model, or the family where it names several."""
    displays: dict[str, str] = {}
    for spelling, models in _spellings().items():
        families = {model.family for model in models}
        if len(families) == 1:
            displays[spelling] = models[0].name if len(models) == 1 else models[0].family
    return displays


@cache
def _aliases() -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for provider, rows in gpu_catalog.PROVIDER_ALIASES.items():
        for row in rows.split():
            alias, _, names = row.partition("=")
            found[provider, squeezed(alias)] = tuple(names.split("|"))
    return found


def _alias_key(provider: str, raw_name: str) -> tuple[str, str]:
    asked = squeezed(provider)
    return gpu_catalog.PROVIDER_SYNONYMS.get(asked, asked), squeezed(raw_name)


def _of_size(models: Iterable[GpuModel], memory_bytes: int) -> tuple[GpuModel, ...]:
    """The models of the one marketing size that a GPU sold with `memory_bytes` can be."""
    fitting = [model for model in models if _fits(memory_bytes, model.memory_bytes)]
    if not fitting:
        return ()
    size = min((abs(m.memory_bytes - memory_bytes), m.memory_bytes) for m in fitting)[1]
    return tuple(model for model in fitting if model.memory_bytes == size)


def _fits(sold_bytes: int, marketing_bytes: int) -> bool:
    percent = sold_bytes * 100
    return marketing_bytes * SOLD_PERCENT_MIN <= percent <= marketing_bytes * SOLD_PERCENT_MAX


def _has_one_size(models: Sequence[GpuModel]) -> bool:
    return len({model.memory_bytes for model in models}) == 1


def _is_whole_card(model: GpuModel, sold_bytes: int | None) -> bool:
    whole = model.memory_bytes * WHOLE_CARD_PERCENT_MIN
    return sold_bytes is None or sold_bytes * 100 >= whole

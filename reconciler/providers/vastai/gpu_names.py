"""How Vast.ai spells GPUs, for the filter of a search; answers are read by ``model.gpu``."""

from __future__ import annotations

from functools import cache

from reconciler.model.gpu import gpu_models, resolve_offered

# With spaces, as the search wants them. One that is missing here is searched for without a filter.
_SPELLINGS = """
    A10, A10G, A16, A30, A40, A100 PCIE, A100 SXM, A100 SXM4, A100X, A800 PCIE, B200, B300, B300 PC,
    GH200, GH200 SXM, GTX 1060, GTX 1070, GTX 1070 Ti, GTX 1080, GTX 1080 Ti, GTX 1650, GTX 1650 S,
    GTX 1660, GTX 1660 S, GTX 1660 Ti, H100 NVL, H100 PCIE, H100 SXM, H100 SXM5, H200, H200 NVL,
    H200 SXM, L4, L40, L40S, MI300X, MI325X, MI355X, Q RTX 4000, Q RTX 5000, Q RTX 6000, Q RTX 8000,
    RTX 2060, RTX 2060S, RTX 2070, RTX 2070S, RTX 2080, RTX 2080S, RTX 2080 Ti, RTX 3050, RTX 3060,
    RTX 3060 Ti, RTX 3060 laptop, RTX 3070, RTX 3070 Ti, RTX 3070 laptop, RTX 3080, RTX 3080 Ti,
    RTX 3090, RTX 3090 Ti, RTX 4000Ada, RTX 4060, RTX 4060 Ti, RTX 4070, RTX 4070S, RTX 4070S Ti,
    RTX 4070 Ti, RTX 4080, RTX 4080S, RTX 4090, RTX 4090D, RTX 4500Ada, RTX 5000Ada, RTX 5060,
    RTX 5060 Ti, RTX 5070, RTX 5070 Ti, RTX 5080, RTX 5090, RTX 5880Ada, RTX 6000Ada, RTX A2000,
    RTX A4000, RTX A4500, RTX A5000, RTX A6000, RTX PRO 4000, RTX PRO 4500, RTX PRO 5000,
    RTX PRO 6000, RTX PRO 6000 S, RTX PRO 6000 WS, Tesla P4, Tesla P40, Tesla P100, Tesla T4,
    Tesla V100, Titan RTX, Titan V, Titan X, Titan Xp
"""


def search_names(models: frozenset[str]) -> list[str] | None:
    """What to search for so that every offer of ``models`` is found; None: search for everything.

    ``models`` are canonical names; none means all.
    """
    known = _names_by_model()
    if not models or not models <= known.keys():
        return None
    return sorted({name for model in models for name in known[model]})


@cache
def _names_by_model() -> dict[str, frozenset[str]]:
    """Every name under every model that it can mean, whatever memory a listing states."""
    sizes = [None, *sorted({model.memory_bytes for model in gpu_models().values()})]
    found: dict[str, set[str]] = {}
    for written in _SPELLINGS.split(","):
        name = " ".join(written.split())
        for size in sizes:
            model = resolve_offered("vastai", name, size)
            if model is not None:
                found.setdefault(model.name, set()).add(name)
    return {model: frozenset(spelled) for model, spelled in found.items()}

"""What cloud-init puts on a virtual machine for us: its environment, and the setup text.

Virtual machines have no environment of their own: ``/etc/environment`` is what every login reads.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

ENVIRONMENT_FILE = "/etc/environment"
SETUP_FILE = "/var/lib/gpu-shopper-setup.sh"
MARK_VARIABLE = "GPU_SHOPPER_NODE"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# That file has no escapes: a quote, a # or a line's end there would cut or change a value.
_VALUE = re.compile(
    r"(?:[^\x00-\x1f\x7f#'\"\s\\](?:[^\x00-\x1f\x7f#'\"\\]*[^\x00-\x1f\x7f#'\"\s\\])?)?"
)


def why_env_refused(env: Mapping[str, str]) -> str:
    """Why these variables cannot stand in ``/etc/environment``; "" when they can."""
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            return "the name of an environment variable has letters, digits and _ only"
        if not _VALUE.fullmatch(value):
            return (
                f"the value of {name} cannot stand in {ENVIRONMENT_FILE} of a virtual machine: no"
                " line breaks, #, quotes or backslashes, and no spaces at its ends"
            )
    return ""


def environment_text(env: Mapping[str, str], mark: str) -> str:
    """What is added to the file. The first line may follow one that has no end."""
    lines = [f"{name}={value}" for name, value in {**env, MARK_VARIABLE: mark}.items()]
    return "\n" + "".join(f"{line}\n" for line in lines)


def setup_text(env: Mapping[str, str], mark: str, setup: str) -> str:
    """``setup`` with the variables of ``env`` set for it: nobody has logged in where it runs."""
    exported = (
        f"export {name}={shlex.quote(value)}\n"
        for name, value in {**env, MARK_VARIABLE: mark}.items()
    )
    return "".join(exported) + setup + "\n"

"""The timer with which a machine at Vast.ai destroys itself, whoever has forgotten it.

Every container there has a key that can start, stop and destroy that one machine and do nothing
else. The timer goes by a file on the machine, because that key may not read what we could write at
the API. It has to work in whatever image was ordered: a shell, and curl or Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

TIMER_VARIABLE = "GPU_SHOPPER_TIMER"
ENDS_FILE = "/root/.gpu-shopper-ends"
# Its key is on no command line. What the file says is believed only where it is a time, so that a
# file that is cut or empty ends nothing early.
_SCRIPT = r"""
file=$1
first=@ENDS@
variable() { tr '\0' '\n' < /proc/1/environ 2>/dev/null | sed -n "s/^$1=//p"; }
id=${CONTAINER_ID:-$(variable CONTAINER_ID)}
key=${CONTAINER_API_KEY:-$(variable CONTAINER_API_KEY)}
url=@ORIGIN@/api/v0/instances/$id/
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$key" |
    curl -sS -m 60 -K - -X DELETE -H 'Content-Type: application/json' -d '{}' "$url" && return
  KEY=$key URL=$url python3 -c '
import os, urllib.request as web
heads = {"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"}
web.urlopen(web.Request(os.environ["URL"], b"{}", heads, method="DELETE"), timeout=60)'
}
[ -s "$file" ] || echo "$first" > "$file"
ends=$first
while :; do
  told=$(cat "$file" 2>/dev/null)
  case $told in
    *[!0-9]*) ;;
    ??????????|???????????) ends=$told ;;
  esac
  left=$((ends - $(date +%s)))
  if [ "$left" -le 0 ]; then ask; left=60; fi
  [ "$left" -gt 60 ] && left=60
  sleep "$left"
done
"""
START_TIMER = (
    f'( printf %s "${TIMER_VARIABLE}" | base64 -d > /root/.gpu-shopper-timer.sh; '
    f"nohup sh /root/.gpu-shopper-timer.sh {ENDS_FILE} "
    "> /root/.gpu-shopper-timer.log 2>&1 < /dev/null & )"
)
"""For the start script: a restart goes on with the time that was set last."""


def timer_script(ends_at: datetime, origin: str) -> str:
    """What runs on the machine; ``origin`` of the API, without a path."""
    return _SCRIPT.replace("@ENDS@", str(_seconds(ends_at))).replace("@ORIGIN@", origin)


def set_command(ends_at: datetime) -> str:
    """Run on the machine, sets the timer to another time and prints the one that holds."""
    return f"echo {_seconds(ends_at)} > {ENDS_FILE} && cat {ENDS_FILE}"


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())

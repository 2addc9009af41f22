"""The timer with which a machine at Vast.ai destroys itself, whoever has forgotten it.

Every container there has a key that can start, stop and destroy that one machine and do nothing
else. The timer goes by a file on the machine, because that key may not read what we could write at
the API. It has to work in whatever image was ordered: a shell, and curl or Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

TIMER_VARIABLE = "GPU_SHOPPER_TIMER"
ENDS_FILE = "/root/.gpu-shopper-ends"
# Its key is on no command line. What the file says is believed only where it is a time, so that a
# file that is cut or empty ends nothing early. A file that is missing may have held a later time,
# where the host has made the container anew: nothing ends before somebody had time to look.
_SCRIPT = r"""
file=$1
first=@ENDS@
least=$(($(date +%s) + @MARGIN@))
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
command -v curl > /dev/null || command -v python3 > /dev/null || {
  echo "there is neither curl nor python3"
  exit 1
}
echo $$ > "$file.pid"
ends=$first
if [ ! -s "$file" ]; then
  [ "$ends" -ge "$least" ] || ends=$least
  echo "$ends" > "$file"
fi
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
_SET = """\
kill -0 "$(cat @FILE@.pid 2>/dev/null)" 2>/dev/null || { echo "0 0"; exit 0; }
was=$(cat @FILE@ 2>/dev/null)
case $was in
  *[!0-9]*) was=0 ;;
  ??????????|???????????) ;;
  *) was=0 ;;
esac
[ "$was" -ge @ENDS@ ] || echo @ENDS@ > @FILE@
echo "$was $(cat @FILE@)"
"""
START_TIMER = (
    f'( printf %s "${TIMER_VARIABLE}" | base64 -d > /root/.gpu-shopper-timer.sh; '
    f"nohup sh /root/.gpu-shopper-timer.sh {ENDS_FILE} "
    "> /root/.gpu-shopper-timer.log 2>&1 < /dev/null & )"
)
"""For the start script: a restart goes on with the time that was set last."""


def timer_script(ends_at: datetime, margin: timedelta, origin: str) -> str:
    """What runs on the machine. ``margin``: so long it lives at least where it finds no time that
    was kept; ``origin`` of the API, without a path.
    """
    filled = _SCRIPT.replace("@ENDS@", str(_seconds(ends_at))).replace("@ORIGIN@", origin)
    return filled.replace("@MARGIN@", str(int(margin.total_seconds())))


def set_command(ends_at: datetime) -> str:
    """Run on the machine, sets the timer to a later time and prints which one held, 0 for none, and
    which one holds, 0 where no timer runs. A later one stays: whoever was held up must not undo
    what another one did.
    """
    return _SET.replace("@FILE@", ENDS_FILE).replace("@ENDS@", str(_seconds(ends_at)))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())

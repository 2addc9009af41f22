"""``reconcile --install``: the entry that makes cron or systemd run a pass every minute."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.terminal import is_interactive
from reconciler.model.errors import GpuShopperError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CRON_TAG = "# gpu-shopper reconcile"


def install_loop(directory: Path, kind: str, flags: Sequence[str], *, assume_yes: bool) -> int:
    """Show the entry, ask, write it. Writing it again replaces the entry of this directory.

    ``flags``: what each pass may do beside enforcing: ``--heal``, ``--schedule``.
    """
    from reconciler.documents.loader import load_documents

    workspace = load_documents(directory).workspace
    where = directory.resolve()
    make = cron_entry if kind == "cron" else systemd_units
    texts = make(where, workspace, flags)
    for place, text in texts.items():
        click.echo(f"# {place}\n{text}")
    if not assume_yes:
        if not is_interactive():
            raise click.UsageError("nobody can be asked here: add --yes to write it")
        if input('Write this? Only "yes" is accepted: ').strip().lower() != "yes":
            say("Nothing was written.")
            return 0
    if kind == "cron":
        _write_crontab(where, next(iter(texts.values())))
        say("Written. The next pass runs within a minute; plans show it as `enforced by`.")
    else:
        _write_units(texts)
        name = f"gpu-shopper-{workspace}.timer"
        say(
            f"Written. Start it: systemctl --user daemon-reload && "
            f"systemctl --user enable --now {name}"
        )
    return 0


def _command(directory: Path, flags: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", "reconciler", f"--chdir={directory}", "reconcile", "--once"]
    return [*command, *flags, "--lock-timeout=30s"]


def cron_entry(directory: Path, workspace: str, flags: Sequence[str]) -> dict[str, str]:
    """The crontab line; ``%`` is special there."""
    command = shlex.join(_command(directory, flags)).replace("%", r"\%")
    log = shlex.quote(str(directory / "state" / f"{workspace}.loop.log")).replace("%", r"\%")
    return {"crontab": f"* * * * * {command} >> {log} 2>&1 {_CRON_TAG} {directory}\n"}


def systemd_units(directory: Path, workspace: str, flags: Sequence[str]) -> dict[str, str]:
    """A one-shot service and its timer, for the user's own systemd."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"
    start = " ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
        for word in _command(directory, flags)
    )
    service = (
        "[Unit]\n"
        f"Description=Destroy what has expired or is not declared in {workspace}\n\n"
        "[Service]\nType=oneshot\n"
        f"ExecStart={start}\n"
    )
    timer = (
        "[Unit]\n"
        f"Description=gpu-shopper reconcile for {workspace}, every minute\n\n"
        "[Timer]\nOnCalendar=minutely\nAccuracySec=1s\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    name = f"gpu-shopper-{workspace}"
    return {str(folder / f"{name}.service"): service, str(folder / f"{name}.timer"): timer}


def _write_crontab(directory: Path, entry: str) -> None:
    crontab = shutil.which("crontab")
    if crontab is None:
        raise GpuShopperError(
            "there is no crontab command here", fix="install cron, or use --install systemd"
        )
    present = subprocess.run([crontab, "-l"], capture_output=True, text=True, check=False)
    mine = f"{_CRON_TAG} {directory}"
    kept = [
        line
        for line in present.stdout.splitlines(keepends=True)
        if not line.rstrip().endswith(mine)
    ]
    done = subprocess.run(
        [crontab, "-"], input="".join(kept) + entry, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GpuShopperError("crontab refused the entry", why=done.stderr.strip()[:200])


def _write_units(texts: dict[str, str]) -> None:
    for place, text in texts.items():
        path = Path(place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise GpuShopperError(f"{path} cannot be written", why=error.strerror or "") from error

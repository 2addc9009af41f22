"""``init``, ``validate``, ``schema``, ``version``, ``completion``: none needs a provider."""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

import click

from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.version_line import VERSION_LINE

_STARTER = """\
# One machine, destroyed four hours after it was created.
# `simulated` is a market without an account: try everything, nothing costs money.
version: 1
workspace: {workspace}
providers:
  simulated: {{}}
fleets:
  dev:
    resources: {{ gpu: RTX4090 }}
    max_gpu_hour_usd: 0.60
    ttl: 4h
"""


@click.command(cls=TerraformCommand)
@click.option("--workspace", metavar="NAME", help="Its name (default: from the directory).")
@click.pass_obj
def init_command(directory: Path, workspace: str | None) -> int:
    """Write a first fleets.yaml, unless one is there."""
    from reconciler.documents.loader import load_text
    from reconciler.model.errors import GpuShopperError

    path = directory / "fleets.yaml"
    text = _STARTER.format(workspace=workspace or _workspace_name(directory))
    load_text(str(path), text.encode())
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise GpuShopperError(
            f"{path} is there already and was not touched", fix="gpu-shopper validate"
        ) from None
    except OSError as error:
        raise GpuShopperError(f"{path} cannot be written", why=error.strerror or "") from error
    click.echo(f"Wrote {path}. Next: gpu-shopper plan")
    return 0


def _workspace_name(directory: Path) -> str:
    """The directory's name and four random characters: two people never share one by accident."""
    base = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")[:40]
    return f"{base or 'workspace'}-{secrets.token_hex(2)}"


@click.command(cls=TerraformCommand)
@click.argument("file", required=False)
@click.pass_obj
def validate_command(directory: Path, file: str | None) -> int:
    """Check the documents of this directory, one FILE, or standard input (-)."""
    from reconciler.documents.loader import load_documents, load_text
    from reconciler.documents.yaml_source import read_capped

    if file is None:
        desired = load_documents(directory)
    elif file == "-":
        desired = load_text("<stdin>", sys.stdin.buffer.read(2**20 + 1))
    else:
        path = directory / file
        desired = load_text(str(path), read_capped(path))
    count = len(desired.fleets)
    nodes = sum(fleet.nodes.target for fleet in desired.fleets.values())
    click.echo(f"Valid: workspace {desired.workspace}, {count} fleet(s), {nodes} node(s).")
    return 0


@click.command(cls=TerraformCommand)
@click.option("--write", type=click.Path(path_type=Path), metavar="DIR", help="Write all there.")
@click.pass_obj
def schema_command(directory: Path, /, write: Path | None) -> int:
    """Print the JSON Schema of the documents, or write every schema into DIR."""
    import json

    from reconciler.documents.json_schema import document_schema, write_schemas

    if write is None:
        click.echo(json.dumps(document_schema(), indent=2))
        return 0
    write_schemas(directory / write)
    click.echo(f"Wrote the schemas into {write}.")
    return 0


@click.command(cls=TerraformCommand)
def version_command() -> int:
    """Print the version."""
    click.echo(VERSION_LINE)
    return 0


@click.command(cls=TerraformCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> int:
    """Print completion for SHELL: eval "$(gpu-shopper completion bash)"."""
    from click.shell_completion import get_completion_class

    from reconciler.cli.root import root

    kind = get_completion_class(shell)
    assert kind is not None
    os.environ.pop("_GPU_SHOPPER_COMPLETE", None)
    click.echo(kind(root, {}, "gpu-shopper", "_GPU_SHOPPER_COMPLETE").source())
    return 0

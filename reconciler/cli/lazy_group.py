"""A click group that imports a command's module when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.terraform_flags import with_double_dashes
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """``target`` is ``module:attribute`` below ``reconciler.cli``."""

    name: str
    target: str
    help: str

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(f"reconciler.cli.{module}"), attribute)
        assert isinstance(command, click.Command), f"{self.target} is no command"
        return command


class TerraformCommand(click.Command):
    """A command whose long flags may be written with one dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_double_dashes(self, args))


class TerraformGroup(click.Group):
    """A group of such commands."""

    command_class = TerraformCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_double_dashes(self, args, only_first=True))


class LazyGroup(TerraformGroup):
    """The root: its help needs the table alone."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[LazyCommand]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._sections = sections
        self._table = {entry.name: entry for entries in sections.values() for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._table.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._table and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._table, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.help) for entry in entries])

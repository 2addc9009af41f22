"""Every way a command can end, as an exit code and a message (SPEC.md section 10)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import forsake, was_closed
from reconciler.model.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES_MAX = 10


def run_command(command: click.Command, arguments: Sequence[str]) -> int:
    """Run and return the exit code. Errors go to standard error, ten lines at most."""
    debug = "--debug" in arguments or "-debug" in arguments
    try:
        code = command.main(list(arguments), prog_name="gpu-shopper", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _closed_output()
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _failure(error)
    ended = int(code) if isinstance(code, int) else ExitCode.DONE
    return ended or (ExitCode.UNEXPECTED if was_closed() else ExitCode.DONE)


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    click.echo(f"Error: {error.format_message()}", err=True)
    return ExitCode.USAGE


def _closed_output() -> int:
    """The reader went away (``| head``) from a command that only shows something."""
    forsake(sys.stdout.fileno())
    return ExitCode.UNEXPECTED


def _failure(error: Exception) -> int:
    from reconciler.model.errors import DocumentError, GpuShopperError

    error = innermost(error)
    if isinstance(error, BrokenPipeError):
        return _closed_output()
    if not isinstance(error, GpuShopperError):
        click.echo(f"Error: unexpected {type(error).__name__}: {_plain(str(error))}", err=True)
        click.echo("  fix: run it again with --debug and report what it shows", err=True)
        return ExitCode.UNEXPECTED
    lines = error.lines()
    if not isinstance(error, DocumentError):
        lines = [f"Error: {lines[0]}", *lines[1:]][:_LINES_MAX]
    for line in lines:
        click.echo(line, err=True)
    return error.exit_code


def innermost(error: Exception) -> Exception:
    """The first error of a group, however deep: what tasks raise comes in groups."""
    group = error if isinstance(error, ExceptionGroup) else None
    while group is not None:
        error = group.exceptions[0]
        group = error if isinstance(error, ExceptionGroup) else None
    return error


def _plain(text: str) -> str:
    from reconciler.model.text import printable

    return printable(text, 300)

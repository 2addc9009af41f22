"""The command tree, in the order and the groups in which ``--help`` shows it."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.lazy_group import LazyCommand, LazyGroup
from reconciler.cli.version_line import VERSION_LINE

_COMMANDS = {
    "Declare": (
        LazyCommand("init", "documents:init_command", "Write a first fleets.yaml."),
        LazyCommand("validate", "documents:validate_command", "Check the documents."),
        LazyCommand("schema", "documents:schema_command", "Print or write the JSON Schemas."),
    ),
    "Shop": (
        LazyCommand("offers", "market:offers_command", "List what can be rented now."),
        LazyCommand("explain", "market:explain_command", "Say why a fleet gets what it gets."),
    ),
    "Change": (
        LazyCommand("plan", "change:plan_command", "Show what would change, and what it costs."),
        LazyCommand("show", "saved_plans:show_command", "Show a saved plan."),
        LazyCommand("apply", "change:apply_command", "Create and destroy as planned."),
        LazyCommand("destroy", "change:destroy_command", "Destroy fleets or slots."),
        LazyCommand("extend", "leases:extend_command", "Let a fleet live longer."),
        LazyCommand("release", "leases:release_command", "End a fleet now: its work is done."),
    ),
    "Enforce": (
        LazyCommand("reconcile", "enforce:reconcile_command", "Destroy what has to go; the loop."),
        LazyCommand("orphans", "market:orphans_command", "List machines that no record covers."),
        LazyCommand(
            "replay", "replay:replay_command", "Decide once more from a recorded decision."
        ),
    ),
    "Use": (
        LazyCommand("status", "use:status_command", "Show the machines, their cost and end."),
        LazyCommand("output", "use:output_command", "Print the machines for other programs."),
        LazyCommand("ssh", "use:ssh_command", "Log in to a machine."),
        LazyCommand("ssh-config", "use:ssh_config_command", "Print Host blocks for ssh."),
    ),
    "Pay": (
        LazyCommand("costs", "money:costs_command", "Show what was spent, by whom and on what."),
        LazyCommand("budgets", "money:budgets_command", "Show what is spent, reserved and left."),
        LazyCommand("forecast", "money:forecast_command", "Say when each budget is empty."),
        LazyCommand("ledger", "money:ledger_group", "Export what was billed; check a bill."),
    ),
    "Look after": (
        LazyCommand(
            "doctor", "doctor:doctor_command", "Check everything, name what is unfinished."
        ),
        LazyCommand(
            "quarantine", "quarantine:quarantine_group", "Hosts from which nothing is bought."
        ),
        LazyCommand(
            "providers", "providers:providers_group", "Check the accounts; what each type can do."
        ),
        LazyCommand("state", "state:state_group", "Inspect and mend the state file."),
        LazyCommand("force-unlock", "state:unlock_command", "The same as state unlock."),
        LazyCommand("events", "audit:events_command", "Show what was done, by whom and why."),
        LazyCommand("audit", "audit:audit_group", "Verify the audit trail."),
        LazyCommand("simulate", "simulate:simulate_group", "Make and move the simulated market."),
        LazyCommand("completion", "documents:completion_command", "Print shell completion."),
        LazyCommand("version", "documents:version_command", "Print the version."),
    ),
}


@click.group(
    cls=LazyGroup,
    sections=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Long flags may be written with one dash, as Terraform does: -auto-approve.",
)
@click.option(
    "--chdir",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Directory of the documents and the state (default: here).",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(message=VERSION_LINE)
@click.pass_context
def root(context: click.Context, chdir: Path, debug: bool) -> None:
    """Terraform for rented GPUs: declare fleets in YAML, know the cost, never forget a machine."""
    context.obj = chdir
    context.meta["debug"] = debug

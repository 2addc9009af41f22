"""README and docs/ say what is true: commands, flags, keys, exit codes, rules, links, the demo."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from reconciler.cli.root import root
from reconciler.cli.terraform_flags import with_double_dashes
from reconciler.documents.loader import load_text
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.planning.enforcement import ENFORCEMENT_RULES
from reconciler.reporting.plan_entries import SIGNS
from tests.documentation.reference_pages import (
    COMMANDS_PAGE,
    GUIDE,
    MATRIX_PAGE,
    REASONS_PAGE,
    ROOT,
    WRITE_THEM,
    commands_page,
    matrix_page,
    reasons_page,
    with_sections,
)

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("**/*.md"))]
KINDS = {"added", "changed", "deprecated", "removed", "fixed", "security"}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BREAK = {"|", ">", ">>", "&&", ";", ";;", "||", "&"}


def _page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


# --- generated pages --------------------------------------------------------------------------


def test_the_page_of_commands_is_the_generated_one() -> None:
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == commands_page(), WRITE_THEM


def test_the_page_of_reasons_is_the_generated_one() -> None:
    assert REASONS_PAGE.read_text(encoding="utf-8") == reasons_page(), WRITE_THEM


def test_the_page_of_what_providers_can_do_is_the_generated_one() -> None:
    assert MATRIX_PAGE.read_text(encoding="utf-8") == matrix_page(), WRITE_THEM


def test_the_page_of_reasons_holds_every_sign_reason_and_rule_with_its_sentence() -> None:
    page = REASONS_PAGE.read_text(encoding="utf-8")
    for sign, meaning in SIGNS.items():
        assert f"| `{sign}` | {meaning} |" in page
    for reason in (*CreateReason, *DestroyReason):
        assert f"| `{reason.value}` | {reason.sentence} |" in page
    places = [page.index(rule.because) for rule in ENFORCEMENT_RULES]
    assert places == sorted(places)


def test_the_tables_in_the_guide_are_the_generated_ones() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert text == with_sections(text), WRITE_THEM


def _all_commands() -> Iterator[tuple[str, click.Command]]:
    waiting: list[tuple[str, click.Command]] = [("gpu-shopper", root)]
    while waiting:
        path, command = waiting.pop()
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                waiting.append((f"{path} {name}", below))


def test_every_command_and_every_flag_has_words_of_help() -> None:
    bare = [path for path, command in _all_commands() if not command.help]
    for path, command in _all_commands():
        options = [one for one in command.params if isinstance(one, click.Option)]
        bare += [f"{path} {option.opts[-1]}" for option in options if not option.help]
    assert bare == []


def test_every_command_and_every_flag_stands_on_the_page_of_commands() -> None:
    page = COMMANDS_PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (gpu-shopper [^\n]+)\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    for path, command in _all_commands():
        where = page if command is root else sections.get(path, "")
        assert where, f"{path} has no section"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for flag in (*parameter.opts, *parameter.secondary_opts):
                    assert flag in where, f"{path} {flag}"


# --- command lines ----------------------------------------------------------------------------


def _command_lines(page: Path) -> Iterator[str]:
    """What a reader would type: prompts, lines of shell blocks, and code in the text."""
    text = page.read_text(encoding="utf-8")
    for language, block in _FENCE.findall(text):
        for line in block.splitlines():
            if language == "console" and line.startswith("$ gpu-shopper"):
                yield line[2:]
            elif language == "sh" and "gpu-shopper " in line:
                yield line[line.index("gpu-shopper ") :]
    for code in _INLINE.findall(_FENCE.sub("", text)):
        if code.startswith("gpu-shopper "):
            yield code.replace("\n", " ")


def _wrong_with(line: str) -> str:
    """What of ``line`` does not exist; empty when all of it does."""
    words = shlex.split(line, comments=True)[1:]
    for position, word in enumerate(words):
        if word in _BREAK or word.endswith(";"):
            words = words[:position]
            break
    command: click.Command = root
    while words:
        words = with_double_dashes(command, words, only_first=isinstance(command, click.Group))
        known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}
        word = words.pop(0)
        if word.startswith("-"):
            if word.partition("=")[0] not in known | {"-h", "--help"}:
                return word
        elif isinstance(command, click.Group) and word != "COMMAND":
            below = command.get_command(click.Context(command), word)
            if below is None:
                return word
            command = below
    return ""


@pytest.mark.parametrize("page", PAGES, ids=_page_name)
def test_every_command_line_names_commands_and_flags_that_exist(page: Path) -> None:
    wrong = {line: word for line in _command_lines(page) if (word := _wrong_with(line))}
    assert wrong == {}


def test_the_pages_really_hold_command_lines_and_a_wrong_one_is_found() -> None:
    assert sum(1 for page in PAGES for _ in _command_lines(page)) > 50
    assert _wrong_with("gpu-shopper aply -auto-approve") == "aply"
    assert _wrong_with("gpu-shopper apply -auto-aprove") == "--auto-aprove"
    assert _wrong_with("gpu-shopper simulate new --speeed 60 | head") == "--speeed"
    assert _wrong_with("gpu-shopper -chdir=x state show fleet.dev") == ""


# --- documents --------------------------------------------------------------------------------


def _documents(page: Path) -> list[str]:
    """Whole documents: blocks of their own, and what `cat fleets.yaml` printed."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for _, block in _FENCE.findall(text) if block.startswith("version:")]
    printed = re.findall(r"^\$ cat fleets\.yaml\n(.*?)(?=^\$ |^```|^$)", text, re.M | re.S)
    return blocks + printed


@pytest.mark.parametrize("page", [one for one in PAGES if _documents(one)], ids=_page_name)
def test_every_document_in_the_words_loads(page: Path) -> None:
    for document in _documents(page):
        assert load_text(page.name, document.encode()).fleets


_BLOCKS = {
    "The root": "FleetDocument",
    "A fleet": "FleetBlock",
    "nodes": "NodesBlock",
    "resources": "ResourcesBlock",
    "gpu, as a mapping": "GpuBlock",
    "offers": "OffersBlock",
    "spot": "SpotBlock",
    "ssh": "SshBlock",
    "ready": "ReadyBlock",
    "lifecycle": "LifecycleBlock",
    "providers": "ProviderBlock",
    "safety": "SafetyBlock",
    "max_destroy": "MaxDestroyBlock",
    "state": "StateBlock",
    "notifiers": "NotifierBlock",
    "budget": "FleetBudgetBlock",
    "active": "ActiveBlock",
    "budgets": "BudgetBlock",
    "price_watch": "PriceWatchBlock",
    "match": "BudgetMatchBlock",
}


def _schema_keys() -> dict[str, set[str]]:
    schema: dict[str, Any] = json.loads((ROOT / "schemas/fleets.schema.json").read_text())
    keys = {name: set(block["properties"]) for name, block in schema["$defs"].items()}
    return keys | {"FleetDocument": set(schema["properties"])}


def _documented_keys() -> dict[str, set[str]]:
    text = (ROOT / "docs/reference/documents.md").read_text(encoding="utf-8")
    sections = re.findall(r"^#{2,4} ([^\n]+)\n(.*?)(?=^#{2,4} |\Z)", text, re.M | re.S)
    rows = {title: set(re.findall(r"^\| `(\w+)` \|", body, re.M)) for title, body in sections}
    return {_BLOCKS[title]: keys for title, keys in rows.items() if title in _BLOCKS}


def test_the_page_of_documents_lists_exactly_the_keys_of_the_schema() -> None:
    expected = _schema_keys()
    assert expected.pop("FleetSettings") < expected["FleetBlock"]
    assert _documented_keys() == expected


def test_every_documented_key_says_its_meaning_and_an_example() -> None:
    text = (ROOT / "docs/reference/documents.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.M)
    for key, rest in rows:
        meaning, _, example = (cell.strip() for cell in rest.split(" | "))
        assert meaning, key
        assert example.startswith("`"), key


# --- exit codes, links, layout, news ----------------------------------------------------------


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([a-z ]+) \| (.+?) \|", page, re.M)
    assert [int(number) for number, _, _ in rows] == [int(code) for code in ExitCode]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "changelog.d/README.md"], ids=_page_name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    seen, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in seen:
                seen.add(target)
                waiting.append(target)
    assert [_page_name(page) for page in PAGES if page not in seen] == []


def test_the_layout_in_the_readme_is_the_layout_of_the_tree() -> None:
    listed = set(re.findall(r"^  ([a-z]+)/ ", README.read_text(encoding="utf-8"), re.M))
    package = {path.parent.name for path in (ROOT / "reconciler").glob("*/__init__.py")}
    assert listed == package


def test_every_target_of_make_that_the_words_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, page


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(reconciler/[a-z_/]+\.py|tests/[a-z_]+)`", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_news_is_named_as_its_readme_says() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md", path.name), path.name


# --- the demo ---------------------------------------------------------------------------------


def _prompts(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("$ ")]


def test_the_demo_ends_with_nothing_alive_and_runs_what_the_readme_shows(tmp_path: Path) -> None:
    command = tmp_path / "bin/gpu-shopper"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m reconciler "$@"\n')
    command.chmod(0o755)
    place = tmp_path / "tmp"
    place.mkdir()
    done = subprocess.run(
        [ROOT / "examples/demo/run.sh"],
        env={
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(place),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing runs." in done.stdout
    assert "0 machine(s) alive" in done.stdout
    assert list(place.iterdir()) == []
    shown = README.read_text(encoding="utf-8").partition("## Watch it")[2]
    demo = next(block for language, block in _FENCE.findall(shown) if language == "console")
    assert _prompts(demo) == _prompts(done.stdout)

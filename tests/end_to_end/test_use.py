"""What a person does with running machines: ssh, its configuration, output, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from tests.end_to_end.command import environment, gpu_shopper, stand_in
from tests.end_to_end.workplace import SLOW_TIME, workplace


def test_ssh_starts_ssh_with_the_machines_address(tmp_path: Path) -> None:
    record = 'printf "%s\\n" "$@" > "$ARGUMENTS"; exit 7'
    folder = stand_in(tmp_path / "bin", "ssh", record)
    path = f"{folder}{os.pathsep}{environment(tmp_path)['PATH']}"
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        (machine,) = shop.alive()
        arguments = tmp_path / "arguments"
        inside = shop.run(
            "ssh", "fleet.dev[0]", "nvidia-smi", "-L", PATH=path, ARGUMENTS=str(arguments)
        )
        assert inside.code == 7, "the exit code is that of ssh"
        words = arguments.read_text().splitlines()
        assert words[-2:] == ["nvidia-smi", "-L"]
        assert any(machine.ssh_host in word for word in words)
        assert str(machine.ssh_port) in words

        assert shop.run("ssh", "fleet.dev[4]").code == 64


def test_what_follows_the_address_belongs_to_the_machine(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        (machine,) = shop.alive()
        for words, remote in (
            ("-print fleet.dev", ""),
            ("fleet.dev[0] -print", ""),
            ("--print fleet.dev df -h", " df -h"),
            ("fleet.dev -print find . -print", " find . -print"),
            ("-print fleet.dev -- find . -print", " find . -print"),
            ("-print fleet.dev.0 make --help", " make --help"),
        ):
            printed = shop.run("ssh", *words.split())
            assert printed.code == 0, printed.err
            assert printed.out.startswith("ssh ")
            assert printed.out.rstrip().endswith(f"{machine.ssh_host}{remote}"), words


def test_ssh_to_a_machine_that_boots_says_so(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        refused = shop.run("ssh", "fleet.dev[0]")
        assert refused.code == 1
        assert "cannot be reached yet" in refused.err


def test_ssh_config_is_understood_by_ssh(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        (machine,) = shop.alive()
        printed = shop.run("ssh-config")
        assert printed.code == 0
        host = next(line.split()[1] for line in printed.out.splitlines() if line.startswith("Host"))
        ssh = shutil.which("ssh")
        if ssh is None:
            assert machine.ssh_host in printed.out
            pytest.skip("no ssh here to read it")
        config = tmp_path / "ssh_config"
        config.write_text(printed.out)
        read = subprocess.run(
            [ssh, "-G", "-F", str(config), host], capture_output=True, text=True, check=True
        )
        assert f"hostname {machine.ssh_host}" in read.stdout.splitlines()
        assert f"port {machine.ssh_port}" in read.stdout.splitlines()


def test_output_is_json_for_other_programs(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        (machine,) = shop.alive()
        printed = shop.run("output", "-json")
        assert printed.code == 0
        assert machine.ssh_host in json.dumps(json.loads(printed.out))
        assert "dev" in json.dumps(json.loads(shop.run("status", "-json").out))
        key = json.loads(printed.out)["private_key_file"]
        assert Path(key).stat().st_mode & 0o777 == 0o600
        variables = shop.run("output", "fleet.dev", "-env")
        assert f"export GPU_SHOPPER_DEV_0_HOST={machine.ssh_host}\n" in variables.out
        assert shop.run("output", "-hostfile").out == "dev-0 slots=1\n"
        assert f'ansible_host: "{machine.ssh_host}"' in shop.run("output", "-ansible").out
        assert shop.run("output", "fleet.lab", "-env").code == 64


def test_a_hostfile_without_a_machine_that_still_boots_is_not_whole(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        told = shop.run("output", "-hostfile")
        assert told.code == ExitCode.NOT_READY
        assert told.out.startswith("# fleet.dev[0]: left out")
        assert shop.run("output", "-env").code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["pla"], "plan"), (["apply", "--auto"], "--auto-approve"), (["state", "unl"], "unlock")],
)
def test_bash_completes(tmp_path: Path, words: list[str], expected: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    script = tmp_path / "completion"
    script.write_text(gpu_shopper("completion", "bash", cwd=tmp_path).out)
    subprocess.run([bash, "-n", script], check=True)
    asked = f"""
        source {script}
        COMP_WORDS=(gpu-shopper {" ".join(words)}) COMP_CWORD={len(words)} COMP_LINE=x
        function=$(complete -p gpu-shopper | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function gpu-shopper {words[-1]}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [bash, "-c", asked], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert expected in done.stdout.splitlines(), done

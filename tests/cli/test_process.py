"""Where a real process matters: the program's own start, pipes, signals and shells."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pratique import __version__

PROGRAM = [sys.executable, "-m", "pratique"]


def pratique(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **more}
    )


def test_version_answers_without_the_command_line() -> None:
    script = "import sys; sys.argv[1:] = ['--version']; from pratique.__main__ import main; main(); print('typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"pratique {__version__}\nFalse\n"


def test_exit_code_reaches_the_shell() -> None:
    assert pratique("scan", "gone").returncode == 1
    assert pratique("scan").returncode == 4


def test_traceback_only_with_debug() -> None:
    assert "Traceback" not in pratique("db", "import", "gone").stderr
    done = pratique("db", "import", "gone", "--debug")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "UnavailableError: gone: no such file or folder" in done.stderr


def test_reader_that_goes_away() -> None:
    with subprocess.Popen(
        [*PROGRAM, "completion", "bash"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr.read(10_000) == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["version"], ["completion", "bash"], ["--help"]])
def test_full_disk_behind_stdout(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: output: no space left on device\n       Free space or check permissions.\n"


def test_interrupt_ends_with_its_own_code(tmp_path: Path) -> None:
    pipe = tmp_path / "policy.toml"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [*PROGRAM, "scan", "x", "--policy", str(pipe)], stderr=subprocess.PIPE, text=True
    ) as process:
        with pipe.open("wb"):  # the program has come to read it
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        assert process.stderr
        assert process.stderr.read(10_000) == ""


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_completion_is_a_script_that_the_shell_accepts(tmp_path: Path, shell: str, check: str) -> None:
    script = tmp_path / "script"
    done = pratique("completion", shell)
    assert done.returncode == 0
    script.write_text(done.stdout)
    assert "_PRATIQUE_COMPLETE" in done.stdout
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    assert subprocess.run([shell, check, script], capture_output=True, check=False).returncode == 0


def test_bash_completes_commands(tmp_path: Path) -> None:
    words = {
        "COMP_WORDS": "pratique s",
        "COMP_CWORD": "1",
        "_PRATIQUE_COMPLETE": "complete_bash",
        "HOME": str(tmp_path),
    }
    assert sorted(pratique(**words).stdout.split()) == ["sbom", "scan"]


def test_colours_are_for_terminals_alone() -> None:
    assert "\x1b" not in pratique("--help").stdout
    assert "\x1b" not in pratique("scan", "gone").stderr

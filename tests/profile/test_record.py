"""The recorder with real programs: every path, of every child, and nothing lost."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pratique.model.errors import UnsupportedError
from pratique.profile import Drive, Recording, record
from pratique.sandbox import Root
from tests.making import roots

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/bin").is_symlink(), reason="needs root and a merged-usr Linux"
)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = roots.root(tmp_path / "root")
    (made.lower[0] / "srv" / "file").write_text("text")
    return made


def recorded(root: Root, *command: str, **more: object) -> Recording:
    run = record(roots.job(root, *command, **more), timeout=60)
    finished, recording = run.finished, run.recording
    assert finished.exit_code == 0, finished.stderr
    assert recording.lost == 0
    return recording


def test_opens_look_ups_and_programs(root: Root) -> None:
    seen = recorded(root, "sh", "-c", "cat /srv/file; test -e /etc/passwd; ls -l /srv >/dev/null").calls
    assert "opened" in seen["/srv/file"]
    assert "looked up" in seen["/etc/passwd"]
    assert "executed" in seen["/usr/bin/cat"]
    assert "opened" in seen["/srv"]


def test_relative_paths_follow_the_process_s_own_folder(root: Root) -> None:
    seen = recorded(root, "sh", "-c", "cd /srv && cat file", folder="/etc").calls
    assert "opened" in seen["/srv/file"]
    assert "looked up" in recorded(root, "test", "-e", "group", folder="/etc").calls["/etc/group"]


def test_paths_below_an_open_folder(root: Root) -> None:
    (root.lower[0] / "srv" / "deep").mkdir()
    (root.lower[0] / "srv" / "deep" / "leaf").touch()
    assert any(
        p.endswith("/srv/deep/leaf") for p in recorded(root, "find", "/srv", "-newer", "/etc/passwd").calls
    )


def test_children_of_children_that_end_at_once(root: Root) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do (sh -c 'cat /srv/file' >/dev/null &) ; done; wait; sleep 0.3"
    recording = recorded(root, "sh", "-c", script)
    assert "opened" in recording.calls["/srv/file"]


def test_what_is_looked_for_in_vain_is_seen_too(root: Root) -> None:
    assert "looked up" in recorded(root, "sh", "-c", "test -e /srv/none; true").calls["/srv/none"]


def test_ten_thousand_calls_and_none_lost(root: Root) -> None:
    recording = recorded(
        root, "sh", "-c", "i=0; while [ $i -lt 10000 ]; do test -e /srv/$i; i=$((i+1)); done; true"
    )
    assert recording.events >= 10_000
    assert {f"/srv/{i}" for i in range(10_000)} <= set(recording.calls)


def test_a_link_names_what_was_asked_for(root: Root) -> None:
    (root.lower[0] / "srv" / "link").symlink_to("file")
    seen = recorded(root, "cat", "/srv/link").calls
    assert "opened" in seen["/srv/link"]


def test_exit_code_and_output_are_the_program_s(root: Root) -> None:
    run = record(roots.job(root, "sh", "-c", "echo out; exit 3"), timeout=60)
    finished, recording = run.finished, run.recording
    assert (finished.exit_code, finished.stdout) == (3, b"out\n")
    assert recording.events > 0


SERVER = (
    "import http.server,sys,signal; signal.signal(15, lambda *a: sys.exit(0)); open('/srv/file').close();"
)
SERVER += "http.server.HTTPServer(('127.0.0.1', 8099), http.server.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def python() -> str:
    found = shutil.which("python3", path="/usr/bin")
    if not found:
        pytest.skip("needs a python3 in /usr/bin")
    return found


def test_a_service_is_driven_and_stopped(root: Root, python: str) -> None:
    probe = (
        sys.executable,
        "-I",
        "-c",
        "import urllib.request as u; u.urlopen('http://127.0.0.1:8099/file').read(9)",
    )
    job = roots.job(root, python, "-c", SERVER, folder="/srv")
    run = record(job, drive=Drive("http://127.0.0.1:8099/", probe))
    finished, recording = run.finished, run.recording
    assert finished.exit_code == 0, finished.stderr
    assert b"GET /file" in finished.stderr
    assert (recording.lost, "opened" in recording.calls["/srv/file"]) == (0, True)


def test_a_drive_that_fails_is_said(root: Root, python: str) -> None:
    job = roots.job(root, python, "-c", SERVER, folder="/srv")
    run = record(job, drive=Drive("http://127.0.0.1:8099/", ("sh", "-c", "echo why >&2; exit 9")))
    assert run.driven is not None
    assert (run.driven.exit_code, run.driven.stderr, run.unready) == (9, b"why\n", "")


def test_a_service_that_ends_before_it_is_ready(root: Root) -> None:
    run = record(roots.job(root, "sh", "-c", "exit 4"), drive=Drive("http://127.0.0.1:8099/", ("true",)))
    assert (run.finished.exit_code, run.driven, run.unready) == (4, None, "it ended before it was ready")


def test_nothing_that_strace_sees_is_missed(root: Root, python: str, tmp_path: Path) -> None:
    """Every path that strace saw opened or executed in a real run is in the recording."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    program = (
        "import json, sqlite3, ssl, subprocess, decimal; subprocess.run(['cat', '/etc/passwd'], check=True)"
    )
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,execve",
            "-e",
            "signal=none",
            "-o",
            trace,
            python,
            "-I",
            "-c",
            program,
        ],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin"},
    )
    wanted = {
        line.split('"')[1]
        for line in trace.read_text().splitlines()
        if '"/usr/' in line and "= -1" not in line
    }
    seen = recorded(root, python, "-I", "-c", program).calls
    assert len(wanted) > 40
    assert {os.path.realpath(p) for p in wanted if "__pycache__" not in p} <= {
        os.path.realpath(p) for p in seen
    }


def test_an_error_beside_a_service_leaves_no_recorder(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that serves the filter has ended, and its channel was not closed under it."""
    monkeypatch.setenv("PATH", "/nowhere")
    job = roots.job(root, "sleep", "600")
    with pytest.raises(UnsupportedError, match="nsenter is missing"):
        record(job, drive=Drive("http://127.0.0.1:8099/", ("true",)))
    assert [t.name for t in threading.enumerate() if t.name == "recorder"] == []

"""The program in a process of its own, as another user."""

import os
import subprocess
import sys
from pathlib import Path

import pratique

_SCRIPT = """
import os, sys
import pratique.flows.clear, pratique.flows.harden, pratique.flows.prove, pratique.cli.clearance, pratique.cli.workloads
from pratique.cli import run
run(["version", "--format", "json"])
sys.stdout.flush()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(run(sys.argv[1:]))
"""
"""Everything is imported before the user changes: another user may not read where Python lies."""


def as_nobody(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user without rights, in a folder."""
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(pratique.__file__).parent.parent)},
    )

"""``python -m benchmarks LAYOUT``: measure, print a table, and fail where a ratio is over its bound.

Every row runs our command and its floor in turn, A B A B, and takes the ratio of the medians: the machine may be slow or
busy, a ratio holds. Seconds are wall-clock; memory is the peak resident set of the process.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).parent
MIB = 1 << 20
LOCKS = ("requirements", "notebook", "tools", "upgrade")


class Run(NamedTuple):
    """One finished process: seconds of wall clock, bytes at the peak."""

    seconds: float
    memory: int


class Row(NamedTuple):
    """One comparison: what, ours, the floor, and the highest ratio allowed."""

    name: str
    ours: float
    floor: float
    bound: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times the floor ours is."""
        return self.ours / self.floor


def measure(command: list[str], environment: dict[str, str]) -> Run:
    """Run a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 2, 3}:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    return Run(seconds, usage.ru_maxrss * 1024)


def pair(
    ours: list[str], floor: list[str], runs: int, environment: dict[str, str], *, cold: bool = False
) -> tuple[list[Run], list[Run]]:
    """Run two commands in turn, after one run of each that does not count; cold ones find no facts of layers."""
    found = []
    for _ in range(runs + 1):
        if cold:
            shutil.rmtree(Path(environment["PRATIQUE_CACHE_DIR"]) / "facts", ignore_errors=True)
        found.append((measure(ours, environment), measure(floor, environment)))
    found = found[1:]
    return [a for a, _ in found], [b for _, b in found]


def rows(layout: Path, environment: dict[str, str]) -> list[Row]:
    """Measure everything."""
    python = sys.executable
    ours, floor = pair([python, "-m", "pratique", "--version"], [python, "-c", "pass"], 15, environment)
    start = Row("start: pratique --version / python", *seconds(ours, floor), 3.0, "s")
    ours, floor = pair([python, "-m", "pratique", "--help"], [python, "-c", "pass"], 9, environment)
    helped = Row("start: pratique --help / python", *seconds(ours, floor), 25.0, "s")
    scan = [python, "-m", "pratique", "scan", f"oci:{layout}", "--fail-on", "high", "--format", "json"]
    reading = [python, str(HERE / "floor.py"), str(layout)]
    ours, floor = pair(scan, reading, 5, environment, cold=True)
    scanned = Row("scan of the image / inflate and sha256", *seconds(ours, floor), 2.5, "s")
    peak = Row("peak memory of that scan / 256 MiB", max(r.memory for r in ours) / MIB, 256.0, 1.0, "MiB")
    ours, floor = pair(scan, reading, 5, environment)
    again = Row("the same scan again / inflate and sha256", *seconds(ours, floor), 1.0, "s")
    return [start, helped, scanned, peak, again, *locks(layout, reading, environment)]


def locks(layout: Path, reading: list[str], environment: dict[str, str]) -> list[Row]:
    """Measure the check of the demo's locks, and the comparison of the image with them after a first one."""
    files = [str(HERE.parent / "demo" / f"{name}.txt") for name in LOCKS]
    check = [sys.executable, "-m", "pratique", "lock", "check", *files[:3]]
    ours, floor = pair(check, [sys.executable, "-c", "pass"], 9, environment)
    checked = Row("lock check of the demo's locks / python", *seconds(ours, floor), 40.0, "s")
    named = [word for file in files for word in ("--lock", file)]
    verify = [sys.executable, "-m", "pratique", "lock", "verify", f"oci:{layout}", *named, "--quiet"]
    ours, floor = pair(verify, reading, 5, environment)
    return [checked, Row("lock verify again / inflate and sha256", *seconds(ours, floor), 1.25, "s")]


def seconds(ours: list[Run], floor: list[Run]) -> tuple[float, float]:
    """Return the medians."""
    return median(r.seconds for r in ours), median(r.seconds for r in floor)


def main(layout: Path) -> int:
    """Print the table; return 1 where a bound is broken."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PRATIQUE_CACHE_DIR": cache}
        feeds = HERE.parent / "data" / "advisories"
        measure([sys.executable, "-m", "pratique", "db", "import", str(feeds)], environment)
        table = rows(layout, environment)
    print(f"{'what':<44}{'ours':>12}{'floor':>12}{'ratio':>8}{'bound':>8}")
    for row in table:
        ours, floor = f"{row.ours:.3f} {row.unit}", f"{row.floor:.3f} {row.unit}"
        print(
            f"{row.name:<44}{ours:>12}{floor:>12}{row.ratio:>8.2f}{row.bound:>8.2f}{'' if row.ratio <= row.bound else '  OVER'}"
        )
    return int(any(row.ratio > row.bound for row in table))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

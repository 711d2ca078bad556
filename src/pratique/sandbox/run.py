"""Starting a job in the sandbox, waiting for it, and ending it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pratique.model.errors import InputError, UnavailableError, UnsupportedError
from pratique.sandbox.job import Finished, Job

_LAUNCH = Path(__file__).with_name("launch.py")
_KEPT = 1 << 20
_NO_SANDBOX = 125
_PATIENCE = 5.0
Supervisor = Callable[[socket.socket], None]
"""Takes the channel on which the listener arrives, and returns when the job has ended."""


def available() -> None:
    """Say whether this user can run jobs.

    Raises:
        UnsupportedError: not on Linux on a known machine, or not as root.
    """
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in {"x86_64", "aarch64"}:
        raise UnsupportedError(
            f"the sandbox needs Linux on x86_64 or aarch64, not {sys.platform} on {machine}",
            remedy="Run it on such a machine; scan, sbom and plan work on this one",
        )
    if os.geteuid() != 0:
        raise UnsupportedError(
            "running an image needs root in this version",
            remedy="Run it with sudo; it keeps to namespaces of its own",
        )


class Service:
    """A job that runs until it is stopped; ends with the block that it was started in.

    Args:
        job: to run.
        work: an empty folder for mount points.
        program: of a seccomp filter whose listener goes to ``channel``; empty for none.
        channel: our end's peer, inherited by the job.
    """

    def __init__(
        self, job: Job, work: Path, program: bytes = b"", channel: socket.socket | None = None
    ) -> None:
        available()
        self._own_network = not job.network
        (work / "root").mkdir(parents=True, exist_ok=True)
        (work / "scratch").mkdir(exist_ok=True)
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        specification = json.dumps(_specification(job, work, program, channel))
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_LAUNCH), specification],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            pass_fds=[channel.fileno()] if channel else [],
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._err.close()

    def ended(self) -> bool:
        """Say whether the job has ended by itself."""
        return self._process.poll() is not None

    def wait(self, timeout: float | None = None) -> Finished:
        """Wait for the end; the job is ended when its seconds are up.

        Raises:
            InputError: the image has something where the sandbox mounts.
            UnavailableError: the sandbox could not be made.
        """
        late = False
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            late = True
            self._process.kill()
            self._process.wait()
        code, err = self._process.returncode, _last(self._err)
        if code == _NO_SANDBOX:
            _explain(err.decode("utf-8", "replace").strip())
        return Finished(
            exit_code=code if code >= 0 else 128 - code, stdout=_last(self._out), stderr=err, timed_out=late
        )

    def stop(self, grace: float) -> Finished:
        """Ask the job to end, and end it after some seconds of grace."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(grace)

    def _await_network(self) -> None:
        """Wait until the job has a network of its own, which it gets in its first milliseconds."""
        end = time.monotonic() + _PATIENCE
        while (
            self._own_network and _network(self._process.pid) == _network("self") and time.monotonic() < end
        ):
            time.sleep(0.01)

    def run_beside(self, command: Sequence[str], timeout: float) -> Finished:
        """Run a program of the host in the job's network.

        Raises:
            UnsupportedError: ``nsenter`` of util-linux is missing.
        """
        if not shutil.which("nsenter"):
            raise UnsupportedError("nsenter is missing", remedy="Install the package util-linux")
        self._await_network()
        words = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", "--", *command]
        try:
            done = subprocess.run(words, capture_output=True, timeout=timeout, check=False)  # noqa: S603 - the user's
        except subprocess.TimeoutExpired as error:
            return Finished(
                exit_code=124, stdout=error.stdout or b"", stderr=error.stderr or b"", timed_out=True
            )
        return Finished(exit_code=done.returncode, stdout=done.stdout[-_KEPT:], stderr=done.stderr[-_KEPT:])


def _explain(said: str) -> None:
    """Raise what ``launch.py`` says; a job may end with its exit code too."""
    if said.startswith("sandbox: "):
        remedy = "Run as root, with CAP_SYS_ADMIN, on a kernel with overlayfs"
        raise UnavailableError(said, remedy=remedy)
    if said.startswith("image: "):
        what, _, place = said.removeprefix("image: ").partition(": ")
        raise InputError(
            f"the image has {what} where the sandbox mounts",
            place=place,
            remedy="Put a plain folder or file in its place",
        )


def _network(process: int | str) -> str:
    """Return the name of a process's network namespace; empty where the process has ended."""
    try:
        return os.readlink(f"/proc/{process}/ns/net")  # noqa: PTH115 - a name, not a path
    except OSError:
        return ""


def start(job: Job, *, work: Path) -> Service:
    """Start a job that is stopped later.

    Raises:
        UnsupportedError: this user cannot run jobs.
    """
    return Service(job, work)


def run(job: Job, *, work: Path, timeout: float | None = None) -> Finished:
    """Run a job to its end.

    Raises:
        UnsupportedError: this user cannot run jobs.
        InputError: the image has something where the sandbox mounts.
        UnavailableError: the sandbox could not be made.
    """
    with Service(job, work) as service:
        return service.wait(timeout)


def _specification(job: Job, work: Path, program: bytes, channel: socket.socket | None) -> dict[str, object]:
    upper = job.root.upper
    overlay = work / "overlay"
    if upper:
        overlay = (
            upper.parent / f".{upper.name}.overlay"
        )  # overlayfs wants it on the file system of the upper
        overlay.mkdir(exist_ok=True)
    return {
        "work": str(work.resolve()),
        "lower": [str(path.resolve()) for path in job.root.lower],
        "upper": str(upper.resolve()) if upper else "",
        "overlay": str(overlay.resolve()),
        "command": list(job.command),
        "environment": job.environment,
        "folder": job.folder or "/",
        "user": job.user,
        "binds": [[str(b.source.resolve()), b.target, b.writable] for b in job.binds],
        "network": job.network,
        "filter": program.hex(),
        "channel": channel.fileno() if channel else -1,
    }


def _last(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _KEPT))
    return file.read(_KEPT)

"""Running a workload under the recorder: a job to its end, or a service that is driven and stopped."""

import os
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from pratique.model.errors import UnavailableError
from pratique.profile.calls import program
from pratique.profile.supervisor import Recording, Supervisor
from pratique.sandbox import Finished, Job, Service

__all__ = ["Drive", "Recorded", "Recording", "record"]

_PROBE = (
    "import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=2).read(1)"
)
_PATIENCE = 120.0
_GRACE = 20.0


class Drive(Struct, frozen=True):
    """How a service is used while it runs.

    Attributes:
        ready: URL that answers as soon as the service can be used.
        command: program of the host that uses it; runs in the service's network.
    """

    ready: str
    command: tuple[str, ...]


class Recorded(Struct, frozen=True):
    """A workload that was run.

    Attributes:
        finished: how it ended; a service, after it was stopped.
        recording: what it used.
        driven: how the command that used a service ended; None without one, or where the service was never ready.
        unready: why a service could not be used; empty where it could.
    """

    finished: Finished
    recording: Recording
    driven: Finished | None = None
    unready: str = ""


def record(job: Job, *, timeout: float | None = None, drive: Drive | None = None) -> Recorded:
    """Run a workload and return how it ended and what it used.

    1. Start it; its filter's listener comes over a channel before its program runs.
    2. Serve the listener in a thread until the last process is gone.
    3. Wait for the end; of a service, wait until it is ready, drive it, and stop it.

    Raises:
        UnsupportedError: this user or machine cannot record.
        UnavailableError: the sandbox could not be made.
        InputError: the image has a link where the sandbox must mount.
    """
    machine = os.uname().machine
    ours, theirs = socket.socketpair()
    with (
        TemporaryDirectory(prefix="pratique-") as folder,
        ours,
        theirs,
        ExitStack() as last,
        Service(job, Path(folder), program(machine), theirs) as service,  # 1
    ):
        theirs.close()
        thread, found = _serving(ours, machine)  # 2
        last.callback(thread.join)  # it ends with the job, and its channel is closed after it
        unready = _unready(service, drive.ready) if drive else ""  # 3
        driven = service.run_beside(drive.command, _PATIENCE * 5) if drive and not unready else None
        finished = service.stop(_GRACE) if drive else service.wait(timeout)
    if not found:
        raise UnavailableError(
            "the recorder saw nothing", remedy="Run the command by itself to see why it does not start"
        )
    return Recorded(finished, found[0], driven, unready)


def _serving(channel: socket.socket, machine: str) -> tuple[threading.Thread, list[Recording]]:
    found: list[Recording] = []

    def serve() -> None:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if descriptors:
            with suppress(OSError):  # the job was ended before it was heard
                channel.sendall(b"g")
            found.append(Supervisor(descriptors[0], machine).serve())

    thread = threading.Thread(target=serve, name="recorder")
    thread.start()
    return thread, found


def _unready(service: Service, url: str) -> str:
    """Wait until a service answers; return why it does not."""
    end = time.monotonic() + _PATIENCE
    while service.run_beside((sys.executable, "-I", "-c", _PROBE, url), 10).exit_code != 0:
        if service.ended():
            return "it ended before it was ready"
        if time.monotonic() > end:
            return f"it was not ready after {_PATIENCE:.0f} s"
        time.sleep(0.1)
    return ""

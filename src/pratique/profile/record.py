"""Running a workload under the recorder: a job to its end, or a service that is driven and stopped."""

import os
import socket
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from pratique.model.errors import InputError, UnavailableError
from pratique.profile.calls import program
from pratique.profile.supervisor import Recording, Supervisor
from pratique.sandbox import Finished, Job, Service

__all__ = ["Drive", "Recording", "record"]

_PROBE = (
    "import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=2).read(1)"
)
_PATIENCE = 120.0
_GRACE = 20.0


class Drive(Struct, frozen=True):
    """How a service is used while it is recorded.

    Attributes:
        ready: URL that answers as soon as the service can be used.
        command: program of the host that uses it; runs in the service's network.
    """

    ready: str
    command: tuple[str, ...]


def record(
    job: Job, *, timeout: float | None = None, drive: Drive | None = None
) -> tuple[Finished, Recording]:
    """Run a workload and return how it ended and what it used.

    1. Start it; its filter's listener comes over a channel before its program runs.
    2. Serve the listener in a thread until the last process is gone.
    3. Wait for the end; of a service, wait until it is ready, drive it, and stop it.

    Raises:
        UnsupportedError: this user or machine cannot record.
        UnavailableError: the sandbox could not be made, or the service never became ready.
        InputError: the drive command failed.
    """
    machine = os.uname().machine
    ours, theirs = socket.socketpair()
    with TemporaryDirectory(prefix="pratique-") as folder, ours, theirs:
        with Service(job, Path(folder), program(machine), theirs) as service:  # 1
            theirs.close()
            thread, found = _serving(ours, machine)  # 2
            finished = _driven(service, drive) if drive else service.wait(timeout)  # 3
        thread.join()
    if not found:
        raise UnavailableError(
            "the recorder saw nothing", remedy="Run the command by itself to see why it does not start"
        )
    return finished, found[0]


def _serving(channel: socket.socket, machine: str) -> tuple[threading.Thread, list[Recording]]:
    found: list[Recording] = []

    def serve() -> None:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if descriptors:
            channel.sendall(b"g")
            found.append(Supervisor(descriptors[0], machine).serve())

    thread = threading.Thread(target=serve, name="recorder")
    thread.start()
    return thread, found


def _driven(service: Service, drive: Drive) -> Finished:
    _await_ready(service, drive.ready)
    done = service.run_beside(drive.command, _PATIENCE * 5)
    if done.exit_code != 0:
        what = f"the drive command ended with {done.exit_code}"
        raise InputError(what, place=" ".join(drive.command), remedy=_tail(done.stderr))
    return service.stop(_GRACE)


def _await_ready(service: Service, url: str) -> None:
    end = time.monotonic() + _PATIENCE
    while service.run_beside((sys.executable, "-I", "-c", _PROBE, url), 10).exit_code != 0:
        if service.ended():
            finished = service.wait()
            what = f"the service ended with {finished.exit_code} before it was ready"
            raise UnavailableError(what, place=url, remedy=_tail(finished.stderr))
        if time.monotonic() > end:
            raise UnavailableError(f"the service was not ready after {_PATIENCE:.0f} s", place=url)
        time.sleep(0.2)


def _tail(output: bytes) -> str:
    said = output.decode("utf-8", "replace").strip()[-500:]
    return f"It said: {said}" if said else "It said nothing on stderr"

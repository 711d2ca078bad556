"""Read an image, unpack it, run a workload on it under the recorder, and say what was used."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from pratique.flows.clock import Clock, read_clock
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.scan import Request
from pratique.formats.documents import digest_of_document
from pratique.image import unpack
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UsageError
from pratique.model.usage import How, RecordedRun, Usage
from pratique.profile import Drive, Recording, record, usage, with_interpreters
from pratique.sandbox import Finished, Job, Root, available
from pratique.storage import cache_folder, locked

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOPPED = {0, 143}


class Workload(Struct, frozen=True, kw_only=True):
    """What is to be run in an image.

    Attributes:
        phase: its name, such as ``training``.
        command: in place of the image's entrypoint and command; empty for the image's own.
        environment: set over the image's.
        drive: how it is used, where it is a service.
        timeout: seconds; None for no limit.
    """

    phase: str
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    drive: Drive | None = None
    timeout: float | None = None


def profile(request: Request, workload: Workload, progress: Progress, note: Callable[[str], None]) -> Usage:
    """Return what one workload used of an image.

    1. Read the image, and unpack it into our own folder, once for all runs.
    2. Run the workload on it; what it writes is thrown away.
    3. Follow every recorded path in the image's tree.

    Raises:
        UnsupportedError: this user or machine cannot run images, or the source names no way to run it.
        InputError: the workload failed.
        UnavailableError: a call was lost, so that the profile would have a hole.
    """
    available()
    clock = read_clock()
    taken = take_inventory(request.reference, request.platform, clock, progress)
    root = unpacked(taken, request.cache, note)  # 1
    job = job_of(taken, root, workload)
    note(f"running {' '.join(job.command)}")
    finished, recording = record(job, timeout=workload.timeout, drive=workload.drive)  # 2
    run = _checked(workload, job, finished, recording)
    return _document(taken, run, with_interpreters(recording.calls, taken.tree, root), clock)  # 3


def unpacked(taken: Taken, cache: str, note: Callable[[str], None]) -> Path:
    """Return the folder that holds an image's files; it is made once and found again by the image's digest."""
    digest = image_digest(taken)
    folder = cache_folder(cache) / "roots" / digest.removeprefix("sha256:")
    with locked(folder.parent):
        if not folder.exists():
            note(f"unpacking into {folder}")
            unpack(taken.image, taken.facts, taken.tree, folder)
    return folder


def image_digest(taken: Taken) -> Digest:
    """Return the digest of an image's configuration.

    Raises:
        UnsupportedError: the source has none.
    """
    if taken.image.source.config is None:
        raise UnsupportedError(
            "an unpacked root does not say how to run it",
            place=taken.image.source.reference,
            remedy="Name an image",
        )
    return taken.image.source.config


def job_of(taken: Taken, root: Path, workload: Workload) -> Job:
    """Return a workload as the image would run it: its environment, user and working directory.

    Raises:
        UsageError: neither the user nor the image names a command.
    """
    execution = taken.image.execution
    own = (*(execution.entrypoint or ()), *(execution.cmd or ()))
    command = workload.command or own
    if not command:
        raise UsageError("the image names no command", remedy="Name one after --")
    said = dict(pair.partition("=")[::2] for pair in execution.env or ())
    environment = {"PATH": _PATH, "HOME": "/tmp", **said, **workload.environment}  # noqa: S108 - inside the sandbox
    return Job(
        root=Root((root,)),
        command=command,
        environment=environment,
        folder=execution.working_dir or "/",
        user=execution.user,
    )


def _checked(workload: Workload, job: Job, finished: Finished, recording: Recording) -> RecordedRun:
    place = " ".join(job.command)
    if finished.timed_out:
        raise InputError("the workload was not done in time", place=place, remedy="Raise --timeout")
    if finished.exit_code not in (_STOPPED if workload.drive else {0}):
        said = finished.stderr.decode("utf-8", "replace").strip()[-500:]
        raise InputError(
            f"the workload ended with {finished.exit_code}", place=place, remedy=f"It said: {said}"
        )
    if recording.lost:
        raise UnavailableError(
            f"{recording.lost} of {recording.events} calls were lost", place=place, remedy="Profile it again"
        )
    return RecordedRun(
        phase=workload.phase,
        command=job.command,
        exit_code=finished.exit_code,
        events=recording.events,
        lost=recording.lost,
    )


def _document(taken: Taken, run: RecordedRun, calls: Mapping[str, frozenset[How]], clock: Clock) -> Usage:
    paths, missing, packages = usage([(run, calls)], taken.inventory, taken.tree)
    return Usage(
        tool=taken.inventory.tool,
        created=clock.now,
        clock=clock.source,
        image=image_digest(taken),
        inventory=digest_of_document(taken.inventory),
        mechanism="seccomp user notification",
        valid=True,
        runs=(run,),
        paths=paths,
        missing=missing,
        packages=packages,
    )

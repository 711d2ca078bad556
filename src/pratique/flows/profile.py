"""Read an image, unpack it, run a workload on it under the recorder, and say what was used."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from pratique.flows.clock import Clock
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.scan import Request
from pratique.flows.setting import Setting, setting
from pratique.formats.documents import digest_of_document
from pratique.image import unpack
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UsageError
from pratique.model.usage import How, RecordedRun, Usage
from pratique.profile import Drive, Recorded, record, usage, with_interpreters
from pratique.sandbox import Bind, Job, Root, available
from pratique.storage import locked, touch

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOPPED = {0, 143}
_SAID = 500


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
    here = setting(request.cache, note)
    taken = take_inventory(request.reference, request.platform, here, progress)
    return profiled(taken, workload, here)


def profiled(taken: Taken, workload: Workload, here: Setting) -> Usage:
    """Return what one workload used of an image that was read; raises as ``profile`` does."""
    root = unpacked(taken, here)  # 1
    job = job_of(taken, Root((root,)), workload)
    here.note(f"running {' '.join(job.command)}")
    recorded = record(job, timeout=workload.timeout, drive=workload.drive)  # 2
    run = _checked(workload, job, recorded)
    return _document(
        taken, run, with_interpreters(recorded.recording.calls, taken.tree, root), here.clock
    )  # 3


def unpacked(taken: Taken, here: Setting) -> Path:
    """Return the folder that holds an image's files; it is made once and found again by the image's digest."""
    digest = image_digest(taken)
    folder = here.cache / "roots" / digest.removeprefix("sha256:")
    with locked(folder.parent):
        if not folder.exists():
            here.note(f"unpacking into {folder}")
            unpack(taken.image, taken.facts, taken.tree, folder)
        touch(folder)
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


def job_of(taken: Taken, root: Root, workload: Workload, binds: tuple[Bind, ...] = ()) -> Job:
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
        root=root,
        command=command,
        environment=environment,
        folder=execution.working_dir or "/",
        user=execution.user,
        binds=binds,
    )


def _checked(workload: Workload, job: Job, recorded: Recorded) -> RecordedRun:
    recording, place = recorded.recording, " ".join(job.command)
    if fault := failure(workload, recorded):
        raise InputError(f"the workload failed: {fault}", place=place, remedy=tail(recorded.finished.stderr))
    if recording.lost:
        raise UnavailableError(
            f"{recording.lost} of {recording.events} calls were lost", place=place, remedy="Profile it again"
        )
    return RecordedRun(
        phase=workload.phase,
        command=job.command,
        exit_code=recorded.finished.exit_code,
        events=recording.events,
        lost=recording.lost,
    )


def failure(workload: Workload, recorded: Recorded) -> str:
    """Return what went wrong in a run; empty where it ended as wanted."""
    if recorded.unready:
        return recorded.unready
    if recorded.driven and recorded.driven.exit_code:
        said = recorded.driven.stderr.decode("utf-8", "replace").strip()[-_SAID:]
        return f"the drive command ended with {recorded.driven.exit_code} ({said or 'it said nothing'})"
    if recorded.finished.timed_out and not workload.drive:
        return "it was not done in time; raise --timeout"
    if recorded.finished.exit_code not in (_STOPPED if workload.drive else {0}):
        return f"it ended with {recorded.finished.exit_code}"
    return ""


def tail(output: bytes) -> str:
    """Return the end of what a program wrote, as a sentence."""
    said = output.decode("utf-8", "replace").strip()[-_SAID:]
    return f"It said: {said}" if said else "It said nothing on stderr"


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

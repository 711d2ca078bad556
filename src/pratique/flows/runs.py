"""One run of a workload in one image, with what tells whether it did its work: how it ended, what it wrote, what a check said."""

import subprocess
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from pratique.flows.inventory import Taken
from pratique.flows.profile import Workload, failure, job_of, tail, unpacked
from pratique.flows.setting import Setting
from pratique.model.errors import InputError, UnavailableError
from pratique.profile import Outputs, Recorded, record
from pratique.sandbox import Bind, Root
from pratique.storage import workspace

_JSON = 64 << 20
_CHECK_TIMEOUT = 600.0
_SAID = 1500


class Expected(Struct, frozen=True):
    """A file that a workload writes, and how two of them are compared."""

    path: str
    kind: Literal["sha256", "json"] = "sha256"
    tolerance: float = 0.0


class Scenario(Struct, frozen=True, kw_only=True):
    """A workload with what tells that it did its work.

    Attributes:
        expect: files that it writes.
        check: program of this machine that judges a run by these files, in a folder that holds them.
    """

    workload: Workload
    expect: tuple[Expected, ...] = ()
    check: tuple[str, ...] = ()


class Run(NamedTuple):
    """How a run ended, and what is compared of it."""

    recorded: Recorded
    fault: str
    command: tuple[str, ...]
    digests: dict[str, str]
    documents: dict[str, bytes | None]
    checked: tuple[int, str] | None


def run_scenario(taken: Taken, scenario: Scenario, here: Setting) -> Run:
    """Run a workload on an image; what it writes goes to folders of this run, and these are taken away at its end."""
    root = unpacked(taken, here)
    with workspace(here.cache / "work" / "run") as folder:
        outputs = Outputs(folder / "upper", folder / "tmp")
        outputs.changed.mkdir()
        outputs.temporary.mkdir()
        outputs.temporary.chmod(0o1777)
        bind = Bind(outputs.temporary, "/tmp", writable=True)  # noqa: S108 - inside the sandbox
        workload = scenario.workload
        job = job_of(taken, Root((root,), outputs.changed), workload, (bind,))
        here.note(f"running {' '.join(job.command)}")
        recorded = record(job, timeout=workload.timeout, drive=workload.drive)
        return Run(
            recorded,
            failure(workload, recorded),
            job.command,
            {e.path: outputs.digest(e.path) for e in scenario.expect if e.kind == "sha256"},
            {e.path: _document(outputs, e.path) for e in scenario.expect if e.kind == "json"},
            _judged(scenario, outputs, folder / "outputs"),
        )


def _document(outputs: Outputs, path: str) -> bytes | None:
    file = outputs.open(path)
    if file is None:
        return None
    with file:
        data = file.read(_JSON + 1)
    if len(data) > _JSON:
        raise InputError(f"larger than {_JSON} bytes", place=path, remedy="Compare it by sha256")
    return data


def _judged(scenario: Scenario, outputs: Outputs, folder: Path) -> tuple[int, str] | None:
    """Run the check command in a folder with the expected files; return its exit code and what it said."""
    if not scenario.check:
        return None
    folder.mkdir()
    for expected in scenario.expect:
        outputs.copy(expected.path, folder)
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            scenario.check, cwd=folder, capture_output=True, timeout=_CHECK_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return 124, "it was not done in time"
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise UnavailableError(
            what, place=scenario.check[0], remedy="Name a program of this machine"
        ) from error
    return done.returncode, said(done.stderr)


def check_original(scenario: Scenario, run: Run) -> None:
    """See that a run in the original can prove something.

    Raises:
        InputError: the workload or the check failed, or an expected file was not written.
    """
    place = " ".join(run.command)
    if run.fault:
        what = f"the workload fails in the original, so it can prove nothing: {run.fault}"
        raise InputError(what, place=place, remedy=tail(run.recorded.finished.stderr))
    missing = [p for p, d in run.digests.items() if not d] + [
        p for p, d in run.documents.items() if d is None
    ]
    if missing:
        raise InputError(
            f"the original's run did not write {missing[0]}", place=place, remedy="Check --expect"
        )
    if run.checked and run.checked[0]:
        what = f"the check ends with {run.checked[0]} for the original"
        raise InputError(
            what, place=" ".join(scenario.check), remedy=f"It said: {run.checked[1] or 'nothing'}"
        )


def said(output: bytes) -> str:
    """Return the end of what a program wrote."""
    return output.decode("utf-8", "replace").strip()[-_SAID:]

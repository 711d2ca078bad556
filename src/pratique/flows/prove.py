"""Run one workload in two images and compare: does the new one still do the work?"""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.profile import Workload, failure, image_digest, job_of, tail, unpacked
from pratique.flows.scan import Request
from pratique.flows.setting import Setting, setting
from pratique.model.errors import InputError, UnavailableError
from pratique.model.inventory import Package
from pratique.model.proof import Compared, Lost, Proof, Verdict
from pratique.model.usage import RecordedRun, UsedPath
from pratique.profile import (
    Outputs,
    Recorded,
    compare_digests,
    compare_json,
    record,
    usage,
    with_interpreters,
)
from pratique.sandbox import Bind, Root, available
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


class _Run(NamedTuple):
    recorded: Recorded
    fault: str
    command: tuple[str, ...]
    digests: dict[str, str]
    documents: dict[str, bytes | None]
    checked: tuple[int, str] | None


def prove(
    original: Request, new: str, scenario: Scenario, *, progress: Progress, note: Callable[[str], None]
) -> Proof:
    """Return what the comparison of two images by one workload says.

    Raises:
        InputError: the workload fails in the original, so that it can prove nothing.
        PratiqueError: an image cannot be read, or this user cannot run one.
    """
    available()
    here = setting(original.cache, note)
    before = take_inventory(original.reference, original.platform, here.clock, progress)
    after = take_inventory(new, original.platform, here.clock, progress)
    return proved(before, after, scenario, here)


def proved(before: Taken, after: Taken, scenario: Scenario, here: Setting) -> Proof:
    """Compare two images that were read.

    1. Run the workload in the original; there it has to succeed, with every expected file written.
    2. Run it in the new image.
    3. Compare what was declared. Where something differs, name the packages that could explain it.
    """
    old = _run(before, scenario, here)  # 1
    _check_original(scenario, old)
    new = _run(after, scenario, here)  # 2
    compared = tuple(_compared(scenario, old, new))  # 3
    verdict = _verdict(compared)
    different = verdict == "different"
    used = _used(before, scenario, old, here) if different else {}
    return Proof(
        tool=before.inventory.tool,
        created=here.clock.now,
        clock=here.clock.source,
        original=image_digest(before),
        result=image_digest(after),
        phase=scenario.workload.phase,
        command=old.command,
        verdict=verdict,
        compared=compared,
        lost=tuple(_lost(used, after)),
        replaced=tuple(_replaced(used, after)),
        said=new.recorded.finished.stderr.decode("utf-8", "replace").strip()[-_SAID:] if different else "",
    )


def _run(taken: Taken, scenario: Scenario, here: Setting) -> _Run:
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
        return _Run(
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
    return done.returncode, done.stderr.decode("utf-8", "replace").strip()[-_SAID:]


def _check_original(scenario: Scenario, run: _Run) -> None:
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


def _compared(scenario: Scenario, old: _Run, new: _Run) -> Iterator[Compared]:
    codes = [str(run.recorded.finished.exit_code) for run in (old, new)]
    failed = new.recorded.unready or (new.fault if new.recorded.driven is None else "")
    yield Compared(
        kind="exit code",
        subject=" ".join(old.command),
        same=codes[0] == codes[1] and not failed,
        before=codes[0],
        after=new.recorded.unready or codes[1],
    )
    drive = scenario.workload.drive
    if drive:
        driven = new.recorded.driven
        code = "not run" if driven is None else str(driven.exit_code)
        yield Compared(
            kind="drive", subject=" ".join(drive.command), same=code == "0", before="0", after=code
        )
    for expected in scenario.expect:
        path = expected.path
        if expected.kind == "sha256":
            yield compare_digests(path, old.digests[path], new.digests[path])
        else:
            yield compare_json(path, old.documents[path] or b"", new.documents[path], expected.tolerance)
    if new.checked:
        code = str(new.checked[0])
        yield Compared(
            kind="check", subject=" ".join(scenario.check), same=code == "0", before="0", after=code
        )


def _verdict(compared: Sequence[Compared]) -> Verdict:
    if not all(c.same for c in compared):
        return "different"
    return "weak" if all(c.kind == "exit code" for c in compared) else "same"


def _used(taken: Taken, scenario: Scenario, run: _Run, here: Setting) -> dict[str, tuple[Package, str]]:
    """Return what the original's run used: package id -> package and one used file."""
    recording = run.recorded.recording
    calls = with_interpreters(recording.calls, taken.tree, unpacked(taken, here))
    told = RecordedRun(
        phase=scenario.workload.phase, command=run.command, exit_code=0, events=recording.events, lost=0
    )
    paths, _, packages = usage([(told, calls)], taken.inventory, taken.tree)
    return dict(_first_files(taken, paths, {p.package for p in packages if p.state == "used"}))


def _first_files(
    taken: Taken, paths: Sequence[UsedPath], used: set[str]
) -> Iterator[tuple[str, tuple[Package, str]]]:
    seen = {path.path for path in paths}
    for package in taken.inventory.packages:
        if package.id in used:
            yield package.id, (package, next((f for f in package.files if f in seen), package.path))


def _lost(used: dict[str, tuple[Package, str]], after: Taken) -> Iterator[Lost]:
    there = {(p.type, p.name) for p in after.inventory.packages}
    for package, path in used.values():
        if (package.type, package.name) not in there:
            yield Lost(package=package.id, name=package.name, path=path)


def _replaced(used: dict[str, tuple[Package, str]], after: Taken) -> Iterator[str]:
    versions = {(p.type, p.name): p.version for p in after.inventory.packages}
    for package, _ in used.values():
        now = versions.get((package.type, package.name), package.version)
        if now != package.version:
            yield f"{package.name} {package.version} -> {now}"

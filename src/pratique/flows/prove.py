"""Run one workload in two images and compare: does the new one still do the work?"""

from collections.abc import Callable, Iterator, Sequence

from pratique.ecosystems.names import comparable
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.profile import image_digest, unpacked
from pratique.flows.runs import Run, Scenario, check_original, run_scenario, said
from pratique.flows.scan import Request
from pratique.flows.setting import Setting, setting
from pratique.model.inventory import Package
from pratique.model.proof import Compared, Lost, Proof, Verdict
from pratique.model.usage import RecordedRun, UsedPath
from pratique.profile import (
    compare_digests,
    compare_json,
    usage,
    with_interpreters,
)
from pratique.sandbox import available


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
    before = take_inventory(original.reference, original.platform, here, progress)
    after = take_inventory(new, original.platform, here, progress)
    return proved(before, after, scenario, here)


def proved(before: Taken, after: Taken, scenario: Scenario, here: Setting) -> Proof:
    """Compare two images that were read.

    1. Run the workload in the original; there it has to succeed, with every expected file written.
    2. Run it in the new image.
    3. Compare what was declared. Where something differs, name the packages that could explain it.
    """
    old = run_scenario(before, scenario, here)  # 1
    check_original(scenario, old)
    new = run_scenario(after, scenario, here)  # 2
    compared = tuple(_compared(scenario, old, new))  # 3
    verdict = _verdict(compared, scenario)
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
        said=said(new.recorded.finished.stderr) if different else "",
    )


def _compared(scenario: Scenario, old: Run, new: Run) -> Iterator[Compared]:
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


def _verdict(compared: Sequence[Compared], scenario: Scenario) -> Verdict:
    """Return what the comparisons come to.

    A check without an expected file had nothing to judge, and a JSON document whose every member is masked says nothing.
    """
    if not all(c.same for c in compared):
        return "different"
    shows = {"sha256", "json", "drive", "check"} if scenario.expect else {"drive"}
    return "same" if any(c.kind in shows and c.values for c in compared) else "weak"


def _used(taken: Taken, scenario: Scenario, run: Run, here: Setting) -> dict[str, tuple[Package, str]]:
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
    there = {comparable(p.type, p.name) for p in after.inventory.packages}
    for package, path in used.values():
        if comparable(package.type, package.name) not in there:
            yield Lost(package=package.id, name=package.name, path=path)


def _replaced(used: dict[str, tuple[Package, str]], after: Taken) -> Iterator[str]:
    versions = {comparable(p.type, p.name): p.version for p in after.inventory.packages}
    for package, _ in used.values():
        now = versions.get(comparable(package.type, package.name), package.version)
        if now != package.version:
            yield f"{package.name} {package.version} -> {now}"

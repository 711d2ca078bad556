"""Carry a plan out: fetch, change in the sandbox, write a new image. The original is read and never changed."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from posixpath import dirname
from typing import NamedTuple

from pratique.checks import base_layers
from pratique.flows.artifacts import fetch_artifacts
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.profile import image_digest, unpacked
from pratique.flows.scan import Request
from pratique.flows.setting import Setting, setting
from pratique.formats.documents import digest_of_document, read
from pratique.harden import (
    LEFTOVERS,
    PythonHome,
    WheelFile,
    audit,
    byte_compile,
    doomed,
    emptied,
    install,
    installed_files,
    purge,
    python_home,
)
from pratique.image import Change, Edit, Relayered, Target, Upper, write_image
from pratique.model.errors import InputError
from pratique.model.hardening import Hardening, LayerChange
from pratique.model.inventory import Package
from pratique.model.plan import Artifact, Plan, Step
from pratique.sandbox import Root, available
from pratique.storage import read_whole, workspace

Note = Callable[[str], None]
_LIMIT = 256 << 20


class _Bench(NamedTuple):
    """An image on the bench: its files with an upper folder on top, and what is to be done."""

    taken: Taken
    plan: Plan
    files: Mapping[Artifact, Path]
    root: Root
    upper: Upper
    folder: Path

    def edit(self) -> Edit:
        """Return the image's layers as the upper changes them by now."""
        return Edit(self.taken.image, self.taken.facts, self.taken.tree, self.upper)

    def packages(self, kind: str, *actions: str) -> list[Package]:
        """Return the installed packages of a kind that steps of these actions name."""
        by_id = {p.id: p for p in self.taken.inventory.packages}
        return [by_id[s.package] for s in self.steps(kind, *actions) if s.package]

    def steps(self, kind: str, *actions: str) -> list[Step]:
        """Return the steps of these actions for packages of a kind."""
        return [s for s in self.plan.steps if s.type == kind and s.action in actions]


def harden(
    request: Request, plan: Path, target: Target, *, mirror: str, progress: Progress, note: Note
) -> Hardening:
    """Carry out a plan document on an image and write the result.

    Raises:
        InputError: the plan is of another image, or a package refuses.
        PratiqueError: the image or a repository cannot be read or trusted; the target cannot be written.
    """
    available()
    here = setting(request.cache, note, mirror)
    wanted = read(read_whole(plan, _LIMIT), Plan, str(plan))
    taken = take_inventory(request.reference, request.platform, here.clock, progress)
    return hardened(taken, wanted, target, here)


def hardened(taken: Taken, plan: Plan, target: Target, here: Setting) -> Hardening:
    """Carry out a plan on an image that was read.

    1. Fetch and verify everything that the plan installs.
    2. Change Debian packages by the image's own dpkg, then Python distributions by their lists of files.
    3. Write the changed layers, and the image: its tag last.
    """
    _check(taken, plan)
    here.note("fetching packages")
    files = fetch_artifacts(plan, taken, here)  # 1
    root = unpacked(taken, here)
    name = digest_of_document(plan).removeprefix("sha256:")
    with workspace(here.cache / "work" / name) as folder:
        changes = folder / "upper"
        changes.mkdir()
        since = changes.stat().st_mtime
        bench = _Bench(taken, plan, files, Root((root,), changes), Upper(changes, root), folder)
        here.note("changing packages")
        _debian(bench)  # 2
        notes = _python(bench, int(here.clock.now.timestamp()))
        found = audit(bench.root) if bench.steps("deb", "remove", "upgrade") else ""
        _tidy(bench)
        here.note("writing layers")
        layers = _layers(bench, since, int(here.clock.now.timestamp()))  # 3
        base = base_layers(taken.inventory)
        change = Change(
            layers=tuple(layer.now for layer in layers),
            step=f"pratique harden --plan sha256:{name}",
            created=here.clock.now,
            base_changed=any(layer.state == "rewritten" for layer in layers[:base]),
        )
        manifest, config = write_image(target, taken.image, change)
    return Hardening(
        tool=taken.inventory.tool,
        created=here.clock.now,
        clock=here.clock.source,
        image=image_digest(taken),
        plan=digest_of_document(plan),
        result=config,
        manifest=manifest,
        layers=tuple(_layer(layer, i < base) for i, layer in enumerate(layers)),
        audit=found,
        notes=tuple(notes),
    )


def _check(taken: Taken, plan: Plan) -> None:
    place, remedy = "--plan", "Plan for this image"
    if plan.image != image_digest(taken):
        raise InputError(f"a plan for another image, {plan.image}", place=place, remedy=remedy)
    known = {p.id: p for p in taken.inventory.packages}
    for step in plan.steps:
        wanted = known.get(step.package)
        if (step.package and wanted is None) or (step.action != "install" and not step.package):
            raise InputError(
                f"a package that the image does not have: {step.package[:80]!r}", place=place, remedy=remedy
            )
        if (step.action == "remove") != (step.artifact is None) or (wanted and wanted.type != step.type):
            raise InputError(
                f"a step that does not fit its package: {step.name[:80]!r}", place=place, remedy=remedy
            )


def _debian(bench: _Bench) -> None:
    """Remove first: what goes needs no patch, and what is patched finds less to be configured with."""
    if removed := bench.packages("deb", "remove"):
        purge(bench.root, removed)
    upgraded = [s.artifact for s in bench.steps("deb", "upgrade", "install") if s.artifact]
    if upgraded:
        debs = bench.folder / "debs"
        debs.mkdir()
        for artifact in upgraded:
            shutil.copyfile(bench.files[artifact], debs / artifact.filename)
        install(bench.root, debs, [a.filename for a in upgraded])


def _python(bench: _Bench, stamp: int) -> list[str]:
    """Take away and lay files; return what the image's Python could not compile."""
    going = bench.packages("pypi", "remove", "upgrade")
    gone = {p.id for p in going}
    tree = bench.edit().tree()
    old = doomed(going, [p for p in bench.taken.inventory.packages if p.id not in gone], tree)
    home = _home(bench)
    laid = {tree.resolve(file.path): file for file in _laid(bench, home)} if home else {}
    sites = [dirname(p.path) for p in going]
    for path in sorted(emptied(old, laid.keys(), tree, sites) | (old - laid.keys())):
        bench.upper.remove(path)
    for path, file in laid.items():
        bench.upper.write(path, file.content, file.mode, stamp)
    sources = sorted(path for path in laid if path.endswith(".py"))
    said = byte_compile(bench.root, home.program, sources) if home and sources else ""
    return [f"not compiled: {line}" for line in said.splitlines()[:20]]


def _home(bench: _Bench) -> PythonHome | None:
    """Return where new distributions go: where the ones lie that they replace."""
    upgraded = bench.packages("pypi", "upgrade")
    return python_home(dirname(upgraded[0].path), bench.taken.tree) if upgraded else None


def _laid(bench: _Bench, home: PythonHome) -> Iterator[WheelFile]:
    for step in bench.steps("pypi", "upgrade", "install"):
        wheel = bench.files[step.artifact] if step.artifact else Path()
        yield from installed_files(
            wheel, site=home.site, scripts=f"{home.prefix}/bin", data=home.prefix, python=home.program
        )


def _tidy(bench: _Bench) -> None:
    """Take away the logs and older copies that dpkg leaves; a log that the image had is put back as it was."""
    tree = bench.edit().tree()
    for path in LEFTOVERS:
        real = tree.resolve(path)
        if tree.at(real):
            bench.upper.remove(real)


def _layers(bench: _Bench, since: float, stamp: int) -> list[Relayered]:
    patched = {path for p in bench.packages("deb", "upgrade") for path in p.files}
    patched |= {path for p in bench.packages("pypi", "upgrade") for path in p.files}
    base = base_layers(bench.taken.inventory)
    return bench.edit().layers(bench.folder, base=base, patched=patched, since=since, stamp=stamp)


def _layer(layer: Relayered, base: bool) -> LayerChange:  # noqa: FBT001
    return LayerChange(
        state=layer.state,
        diff_id=layer.now.diff_id,
        before=layer.before.diff_id if layer.before else None,
        size=layer.now.size or 0,
        size_before=(layer.before.size or 0) if layer.before else 0,
        base=base,
    )

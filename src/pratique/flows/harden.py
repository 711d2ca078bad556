"""Carry a plan out: fetch, change in the sandbox, write a new image. The original is read and never changed."""

from collections.abc import Callable
from pathlib import Path
from posixpath import dirname

from pratique.checks import base_layers
from pratique.flows.artifacts import fetch_artifacts
from pratique.flows.bench import Bench, change_debian, change_python, tidy
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.profile import image_digest, unpacked
from pratique.flows.scan import Request
from pratique.flows.setting import Setting, setting
from pratique.formats.documents import digest_of_document, read
from pratique.harden import audit
from pratique.image import Change, Relayered, Target, Upper, check_target, write_image
from pratique.model.errors import InputError
from pratique.model.hardening import Hardening, LayerChange
from pratique.model.plan import Plan
from pratique.sandbox import Root, available
from pratique.storage import read_whole, workspace

Note = Callable[[str], None]
_LIMIT = 256 << 20


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
    taken = take_inventory(request.reference, request.platform, here, progress)
    return hardened(taken, wanted, target, here)


def hardened(taken: Taken, plan: Plan, target: Target, here: Setting) -> Hardening:
    """Carry out a plan on an image that was read.

    1. Fetch and verify everything that the plan installs.
    2. Change Debian packages by the image's own dpkg, then Python distributions by their lists of files.
    3. Write the changed layers, and the image: its tag last.
    """
    _check(taken, plan)
    check_target(target, taken.image)
    here.note("fetching packages")
    files = fetch_artifacts(plan, taken, here)  # 1
    root = unpacked(taken, here)
    name = digest_of_document(plan).removeprefix("sha256:")
    with workspace(here.cache / "work" / name) as folder:
        changes = folder / "upper"
        changes.mkdir()
        since = changes.stat().st_mtime
        bench = Bench(taken, plan, files, Root((root,), changes), Upper(changes, root), folder)
        here.note("changing packages")
        change_debian(bench)  # 2
        notes = change_python(bench, int(here.clock.now.timestamp()))
        found = audit(bench.root) if bench.steps("deb", "remove", "upgrade", "install") else ""
        tidy(bench)
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
    sites = {dirname(known[s.package].path) for s in plan.steps if s.type == "pypi" and s.action == "upgrade"}
    added = any(s.type == "pypi" and s.action == "install" for s in plan.steps)
    if len(sites) > 1 or (added and not sites):
        what = "new distributions of several site folders, or of none"
        raise InputError(what, place=place, remedy=remedy)


def _layers(bench: Bench, since: float, stamp: int) -> list[Relayered]:
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

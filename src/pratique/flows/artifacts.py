"""The package files that a plan names, fetched and verified once and found again by their digests."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pratique.flows.inventory import Taken
from pratique.flows.setting import Setting
from pratique.harden import python_target
from pratique.model.digest import Digest, parse_digest
from pratique.model.errors import UnsupportedError
from pratique.model.plan import Artifact, Plan
from pratique.repositories import apt, debian
from pratique.repositories.python import PythonIndex
from pratique.storage import touch


def fetch_artifacts(plan: Plan, taken: Taken, here: Setting) -> dict[Artifact, Path]:
    """Return the file of every artifact of a plan; what is in the cache already is checked and used.

    Raises:
        InputError: the plan names a file by no digest.
        UntrustedError: a repository sends something else than the plan names.
        UnavailableError: a repository or the disk refuses.
    """
    wanted = [step.artifact for step in plan.steps if step.artifact]
    found = {a: path for a in wanted if (path := _kept(a, here.cache))}
    debs = [a for a in wanted if a.kind == "deb" and a not in found]
    wheels = [a for a in wanted if a.kind == "wheel" and a not in found]
    return found | _debs(debs, taken, here) | _wheels(wheels, taken, here.cache)


def _place(artifact: Artifact, cache: Path) -> Path:
    return artifact_folder(parse_digest(artifact.digest, place=f"plan: {artifact.name[:80]}"), cache)


def _kept(artifact: Artifact, cache: Path) -> Path | None:
    """Return a file that was fetched before, under the name that the plan gives it, and is still what it was."""
    _place(artifact, cache)
    path = kept_artifact(artifact.digest, cache)
    return path if path and path.name == artifact.filename else None


def artifact_folder(digest: Digest, cache: Path) -> Path:
    """Return where a file of this digest belongs."""
    return cache / "artifacts" / digest.removeprefix("sha256:")


def kept_artifact(digest: Digest, cache: Path) -> Path | None:
    """Return a file that was fetched before and is still what it was."""
    folder = artifact_folder(digest, cache)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix != ".part" and path.is_file():
            with path.open("rb") as file:
                if "sha256:" + hashlib.file_digest(file, "sha256").hexdigest() == digest:
                    touch(folder)
                    return path
    return None


def _debs(wanted: Sequence[Artifact], taken: Taken, here: Setting) -> dict[Artifact, Path]:
    if not wanted:
        return {}
    sources = apt.sources(taken.inventory.distribution, here.mirror)
    with debian.open_transport(sources) as transport:
        return {a: debian.fetch(a, sources, transport, _place(a, here.cache)) for a in wanted}


def _wheels(wanted: Sequence[Artifact], taken: Taken, cache: Path) -> dict[Artifact, Path]:
    if not wanted:
        return {}
    target = python_target(taken.inventory, [p.id for p in taken.inventory.packages])
    if target is None:
        raise UnsupportedError("the plan has wheels and the image no Python", remedy="Plan for this image")
    with PythonIndex(target.version, target.platform) as index:
        return {a: index.fetch(a, _place(a, cache)) for a in wanted}

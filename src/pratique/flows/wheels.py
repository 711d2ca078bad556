"""What wheels are to images: where they come from, which one was installed, and what an installer lays of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from posixpath import dirname
from typing import NamedTuple, Protocol

from pratique.checks.installed import Comparison, Laid, Place
from pratique.ecosystems.wheel import WheelName
from pratique.flows.artifacts import artifact_folder, kept_artifact
from pratique.flows.compiled import Outlines
from pratique.flows.inventory import Taken
from pratique.harden import PythonHome, PythonTarget, listed_files, python_home, python_target
from pratique.model.digest import Digest
from pratique.model.errors import UnsupportedError
from pratique.model.inventory import Package
from pratique.repositories.python import LockedWheel


class Wheels(Protocol):
    """Where wheels come from."""

    def offered(self, pins: Iterable[tuple[str, str]], /) -> Sequence[LockedWheel]:
        """Return every wheel that is offered for some (name, version)."""
        ...

    def take(self, wheel: LockedWheel, folder: Path, /) -> Path:
        """Return an offered wheel, verified and placed in a folder."""
        ...


OpenWheels = Callable[[str, str], AbstractContextManager[Wheels]]


def tags(package: Package, taken: Taken) -> tuple[str, ...]:
    """Return the tags that the image's WHEEL of a distribution names."""
    file = taken.tree.at(f"{package.path}/WHEEL")
    fact = file.facts.get("wheel-tags") if file else None
    return fact if isinstance(fact, tuple) else ()


def file_tags(filename: str) -> tuple[str, ...]:
    """Return the tags in the name of a wheel."""
    return tuple(sorted(map(str, WheelName.parse(filename).tags)))


class WheelComparison(NamedTuple):
    """An image that is compared with wheels: what was read of it, its Python, what was found so far, and our cache."""

    taken: Taken
    target: PythonTarget
    found: Comparison
    cache: Path

    def compare(self, package: Package, wheel: Path) -> int:
        """Compare a distribution with a wheel; return how many files are the same.

        Raises:
            InputError, UnsupportedError, UntrustedError, UnavailableError: the wheel cannot be taken apart.
        """
        where = home(package, self.taken, self.target)
        outlines = Outlines(wheel, self.cache)
        files = list(laid(wheel, where, self.found, outlines))
        outlines.keep()
        return self.found.compare(package, files, Place(where.scripts, where.program))


def laid(wheel: Path, home: PythonHome, comparison: Comparison, outlines: Outlines) -> Iterator[Laid]:
    """Yield what an installer lays of a wheel, with the content of scripts and the outlines of sources."""
    scripts = f"{home.scripts}/"

    def wanted(path: str, digest: Digest) -> bool:
        return path.startswith(scripts) or not all(outlines.known(digest, n) for n in comparison.levels(path))

    for file in listed_files(wheel, home, wanted):
        code = {n: outlines.of(file.digest, n, file.content) for n in comparison.levels(file.path)}
        script = file.content if file.path.startswith(scripts) else None
        yield Laid(file.path, file.digest, script or b"", code)


def wheel_file(wheel: LockedWheel, wheels: Wheels, cache: Path) -> Path:
    """Return an offered wheel, from the cache or verified from where it is offered."""
    return kept_artifact(wheel.digest, cache) or wheels.take(wheel, artifact_folder(wheel.digest, cache))


def target_of(taken: Taken) -> PythonTarget:
    """Return the Python of an image.

    Raises:
        UnsupportedError: no distribution lies where a Python would look; nothing could be compared.
    """
    target = python_target(taken.inventory, [p.id for p in taken.inventory.packages])
    if target is None:
        raise UnsupportedError(
            "no Python with distributions is in the image",
            place=taken.inventory.source.reference,
            remedy="Name an image that has a site-packages or dist-packages folder with distributions",
        )
    return target


def home(package: Package, taken: Taken, target: PythonTarget) -> PythonHome:
    """Return where a distribution's files belong; in a ``--target`` folder all of them lie below it."""
    site = dirname(package.path)
    try:
        return python_home(site, taken.tree)
    except UnsupportedError:
        return PythonHome(site, site, _program(taken, target))


def _program(taken: Taken, target: PythonTarget) -> str:
    """Return the interpreter of the image's Python, wherever its own distributions lie."""
    for package in target.packages.values():
        try:
            return python_home(dirname(package.path), taken.tree).program
        except UnsupportedError:
            break
    return "/usr/bin/python3"

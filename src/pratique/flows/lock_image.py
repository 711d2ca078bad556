"""An image that was built without a lock: the very wheel of each of its distributions, and a lock of these."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from pratique.catalog.contents import CONTENTS
from pratique.checks.installed import Comparison
from pratique.ecosystems.pylock import PinnedWheel, write_pylock
from pratique.ecosystems.python import normalise
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.setting import Setting
from pratique.flows.wheels import OpenWheels, WheelComparison, Wheels, file_tags, tags, target_of, wheel_file
from pratique.formats.text import plural
from pratique.harden import PythonTarget
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UntrustedError
from pratique.model.inventory import Package
from pratique.repositories.python import LockedWheel, PythonIndex
from pratique.transport import Address

_ELSEWHERE = "it lies beside the path of the image's Python, and a lock names each distribution once"
_DIRECT = "it was installed from an address or folder, so no index is asked for it"
_NOT_OFFERED = "no index offers a wheel of this version with the tags that were installed"


class LeftOut(Struct, frozen=True):
    """A distribution that is not in the lock, and why."""

    name: str
    version: str
    reason: str


class Locked(Struct, frozen=True):
    """A lock made of an image.

    Attributes:
        text: of a ``pylock.toml``.
        wheels: what it names.
        left_out: what it does not.
    """

    text: str
    wheels: tuple[PinnedWheel, ...]
    left_out: tuple[LeftOut, ...]


def lock_image(
    image: str, platform: str, here: Setting, progress: Progress, open_wheels: OpenWheels = PythonIndex
) -> Locked:
    """Return a lock of what is in an image.

    1. Read the image once: what is installed, and the digest of every file.
    2. Ask the index for the wheels of each name and version, but for what came from elsewhere.
    3. Of those with the tags that were installed, take the one whose every file is in the image, unchanged.
    4. Lock it by its sha256; say what is left out.

    Raises:
        InputError: nothing of the image can be locked.
        UnsupportedError: the image has no Python, or its C library cannot be told.
        UnavailableError: an index cannot be asked.
        PratiqueError: the image cannot be read.
    """
    taken = take_inventory(image, platform, here, progress, CONTENTS)  # 1
    target = target_of(taken)
    search = _Search(taken, target, here.cache)
    chosen = [p for p in target.packages.values() if search.asks(p)]
    here.note(f"looking for the wheels of {plural(len(chosen), 'distribution')}")
    with open_wheels(target.version, target.platform) as wheels:
        offered = defaultdict(list)
        for wheel in wheels.offered((p.name, p.version) for p in chosen):  # 2
            offered[wheel.name].append(wheel)
        for package in chosen:
            search.find(package, offered[normalise(package.name)], wheels)  # 3
    locked, left = tuple(sorted(search.found)), tuple(search.left_out)
    if not locked:
        raise InputError("no distribution of the image can be locked", place=image, remedy=left[0].reason)
    text = write_pylock(locked, target.version, [(o.name, o.version, o.reason) for o in left])  # 4
    return Locked(text, locked, left)


class _Search:
    """The wheels that were found so far, and what was left out."""

    def __init__(self, taken: Taken, target: PythonTarget, cache: Path) -> None:
        self._taken = taken
        found = Comparison(taken.tree, taken.inventory.packages)
        self._against = WheelComparison(taken, target, found, cache)
        self.found: list[PinnedWheel] = []
        self.left_out: list[LeftOut] = []
        asked = {p.id for p in target.packages.values()}
        for package in taken.inventory.packages:
            if package.type == "pypi" and not package.vendored_in and package.id not in asked:
                self._leave(package, _ELSEWHERE)

    def asks(self, package: Package) -> bool:
        """Say whether an index may be asked for a distribution: a private name would be published by asking."""
        if self._taken.tree.at(f"{package.path}/direct_url.json") is None:
            return True
        self._leave(package, _DIRECT)
        return False

    def _leave(self, package: Package, reason: str) -> None:
        self.left_out.append(LeftOut(normalise(package.name), package.version, reason))

    def find(self, package: Package, offered: Sequence[LockedWheel], wheels: Wheels) -> None:
        """Find the wheel of a distribution among those that are offered."""
        own = tags(package, self._taken)
        reason = _NOT_OFFERED
        for wheel in sorted((w for w in offered if file_tags(w.filename) == own), key=lambda w: w.filename):
            why = self._differs(package, wheel_file(wheel, wheels, self._against.cache))
            if not why:
                self.found.append(_pinned(package, wheel))
                return
            reason = f"{wheel.filename}: {why}"
        self._leave(package, reason)

    def _differs(self, package: Package, wheel: Path) -> str:
        """Return how what is installed differs from a wheel; empty where it does not."""
        before = self._against.found.doubts
        try:
            self._against.compare(package, wheel)
        except (InputError, UnsupportedError, UntrustedError, UnavailableError) as error:
            return f"it cannot be taken apart: {error.what}"
        count = self._against.found.doubts - before
        return f"{count:,} of its files are not there as it has them" if count else ""


def _pinned(package: Package, wheel: LockedWheel) -> PinnedWheel:
    """Return what is locked of a wheel; its address holds no password and no query, which may be one."""
    return PinnedWheel(
        name=normalise(package.name),
        version=wheel.version,
        filename=wheel.filename,
        url=str(Address.parse(wheel.url)),
        digits=wheel.digest.removeprefix("sha256:"),
        size=wheel.size,
    )

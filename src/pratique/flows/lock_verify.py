"""An image compared with its lock: the very wheels, fetched by the lock's hashes, against the files as they lie."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

from pratique import __version__
from pratique.catalog.contents import CONTENTS
from pratique.checks.installed import Comparison
from pratique.ecosystems.python import marker_environment, normalise, version_key
from pratique.ecosystems.wheel import best_wheel, supported_tags
from pratique.flows.artifacts import kept_artifact
from pratique.flows.inventory import Progress, Taken, take_inventory
from pratique.flows.lock import check_locks
from pratique.flows.setting import Setting
from pratique.flows.wheels import OpenWheels, WheelComparison, file_tags, tags, target_of, wheel_file
from pratique.formats.text import plural
from pratique.harden import PythonTarget
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UntrustedError
from pratique.model.inventory import Package
from pratique.model.pins import Pin, Pins
from pratique.model.verification import Verification, Verified
from pratique.repositories.python import LockedWheel, PythonIndex

_NOT_OFFERED = "no index offers a wheel that the lock pins and that fits this image"
_NO_DIGEST = "locked without an exact version or sha256"


class Question(Struct, frozen=True, kw_only=True):
    """What is to be verified.

    Attributes:
        image: reference, as the user named it.
        platform: which image of several.
        locks: lock files that together say what belongs into the image.
        root: folder that includes of the locks may not lead out of.
    """

    image: str
    platform: str = ""
    locks: tuple[Path, ...]
    root: Path | None = None


class _Wanted(NamedTuple):
    """A distribution of the image, with the pins of its name and version."""

    package: Package
    digests: frozenset[Digest]


def verify_image(
    question: Question, here: Setting, progress: Progress, open_wheels: OpenWheels = PythonIndex
) -> Verification:
    """Return how an image's Python files compare with its lock.

    1. The lock holds by itself.
    2. Read the image once: what is installed, and the digest of every file.
    3. Find for each distribution the wheel that the lock pins, in the cache or at the index.
    4. Compare what the wheel lays with what is there.
    5. Tell all that no wheel accounts for, and all that could not be compared.

    Raises:
        InputError: the lock does not hold by itself.
        UntrustedError: an index sends other bytes than the lock names.
        UnavailableError: an index cannot be asked.
        UnsupportedError: the image has no Python with distributions.
        PratiqueError: the image cannot be read.
    """
    pins = _sound(check_locks(question.locks, question.root, here.clock))  # 1
    taken = take_inventory(question.image, question.platform, here, progress, CONTENTS)  # 2
    packages = taken.inventory.packages
    comparison = Comparison(taken.tree, packages)
    target = target_of(taken)
    against = WheelComparison(taken, target, comparison, here.cache)
    wanted = _wanted(taken, pins, target, comparison)
    found = _find(wanted, taken, target, here, open_wheels)  # 3
    verified = tuple(_compared(w, found.get(w.package.id), against) for w in wanted)  # 4
    deviations, unchecked = comparison.finish()  # 5
    return Verification(
        tool=__version__,
        created=here.clock.now,
        clock=here.clock.source,
        image=taken.inventory.source,
        locks=pins.files,
        distributions=tuple(v for v in verified if v),
        deviations=deviations,
        unchecked=unchecked,
        verdict="different" if deviations else "incomplete" if unchecked else "same",
    )


def _sound(pins: Pins) -> Pins:
    refused = next((f for f in pins.faults if f.level == "refused"), None)
    if refused:
        raise InputError(
            f"the lock does not hold: {refused.code}: {refused.subject}: {refused.text}",
            place=f"{refused.file}:{refused.line}" if refused.line else refused.file,
            remedy="See all with: pratique lock check FILE",
        )
    return pins


def _wanted(taken: Taken, pins: Pins, target: PythonTarget, comparison: Comparison) -> list[_Wanted]:
    """Return the distributions to compare; what is not locked, or locked and not there, is noted."""
    by_name: dict[str, list[Pin]] = defaultdict(list)
    for pin in pins.pins:
        by_name[pin.name].append(pin)
    top = [p for p in taken.inventory.packages if p.type == "pypi" and not p.vendored_in]
    wanted: list[_Wanted] = []
    for package in top:
        same = [p for p in by_name.get(normalise(package.name), ()) if _is_version(p, package)]
        if not same:
            comparison.unlocked(package)
            continue
        wanted.append(_Wanted(package, frozenset(d for p in same if p.version for d in p.digests)))
    there = {normalise(package.name) for package in top}
    for name in sorted(set(by_name) - there):
        asked = [p for p in by_name[name] if _applies(p, target)]
        if asked:
            comparison.absent(name, asked[0].version)
    return wanted


def _is_version(pin: Pin, package: Package) -> bool:
    """Say whether a pin is of this version; one by address gives none, and is found not to be comparable later."""
    try:
        return not pin.version or version_key(pin.version) == version_key(package.version)
    except InputError:
        return pin.version == package.version


def _applies(pin: Pin, target: PythonTarget) -> bool:
    """Say whether a pin is for the image's Python; one for an extra or group is not missed."""
    if not pin.marker:
        return True
    environment = marker_environment(target.version, target.platform.partition("-")[0] or "x86_64")
    try:
        return Marker(pin.marker).evaluate({**environment, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError, KeyError, TypeError):
        return False


def _find(
    wanted: Sequence[_Wanted],
    taken: Taken,
    target: PythonTarget,
    here: Setting,
    open_wheels: OpenWheels,
) -> dict[str, Path]:
    """Return package id -> the wheel that the lock pins and that was installed, as far as the image's tags tell."""
    found: dict[str, Path] = {}
    for each in wanted:
        kept = [path for digest in sorted(each.digests) if (path := kept_artifact(digest, here.cache))]
        if exact := [path for path in kept if tags(each.package, taken) == file_tags(path.name)]:
            found[each.package.id] = exact[0]
    left = [each for each in wanted if each.digests and each.package.id not in found]
    if not left:
        return found
    here.note(f"fetching {plural(len(left), 'wheel')}")
    with open_wheels(target.version, target.platform) as wheels:
        offered = wheels.offered((each.package.name, each.package.version) for each in left)
        for each in left:
            if chosen := _chosen(each, offered, taken, target):
                found[each.package.id] = wheel_file(chosen, wheels, here.cache)
    return found


def _chosen(
    each: _Wanted, offered: Sequence[LockedWheel], taken: Taken, target: PythonTarget
) -> LockedWheel | None:
    """Return the pinned wheel with the tags that the image has, or else the one that fits best."""
    pinned = {w.filename: w for w in offered if w.digest in each.digests}
    own = tags(each.package, taken)
    for filename in sorted(pinned):
        if file_tags(filename) == own:
            return pinned[filename]
    return pinned.get(best_wheel(list(pinned), supported_tags(target.version, target.platform)))


def _compared(each: _Wanted, wheel: Path | None, against: WheelComparison) -> Verified | None:
    """Compare a distribution with its wheel; None where that cannot be done, which is noted."""
    package = each.package
    if wheel is None:
        against.found.skip(package, _NOT_OFFERED if each.digests else _NO_DIGEST)
        return None
    try:
        same = against.compare(package, wheel)
    except (InputError, UnsupportedError, UntrustedError, UnavailableError) as error:
        against.found.skip(package, f"a wheel that cannot be taken apart: {error.what}")
        return None
    return Verified(
        name=normalise(package.name),
        version=package.version,
        path=package.path,
        wheel=wheel.name,
        digest=Digest(f"sha256:{wheel.parent.name}"),
        files=same,
    )

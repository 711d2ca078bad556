"""Lock files as uv writes them (PyPA ``pylock.toml`` 1.0): which wheels there are, with address, digest and size."""

import tomllib
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec import Struct, field

from pratique.ecosystems.python import normalise
from pratique.model.digest import Digest, parse_digest
from pratique.model.errors import InputError
from pratique.transport import Address


class LockedWheel(Struct, frozen=True):
    """A wheel that an index offers.

    Attributes:
        url: with whatever the index put into it; never shown.
        size: None where the index does not say.
    """

    name: str
    version: str
    filename: str
    url: str
    digest: Digest
    size: int | None


class _Wheel(Struct):
    url: str = ""
    name: str = ""
    size: int | None = None
    hashes: dict[str, str] = field(default_factory=dict)


class _Package(Struct):
    name: str
    version: str = ""
    wheels: list[_Wheel] = field(default_factory=list)


class _Lock(Struct, rename="kebab"):
    lock_version: str
    packages: list[_Package] = field(default_factory=list)


def parse_pylock(text: str) -> tuple[LockedWheel, ...]:
    """Return the wheels of a lock file.

    Raises:
        InputError: it is none, of another major version, or a wheel has no address or no sha256.
    """
    try:
        document: Any = tomllib.loads(text)
        lock = msgspec.convert(document, _Lock)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise InputError("not a lock file", place="pylock.toml") from error
    if lock.lock_version.split(".")[0] != "1":
        raise InputError(f"a lock file of version {lock.lock_version[:20]!r}", place="pylock.toml")
    return tuple(_locked(package, wheel) for package in lock.packages for wheel in package.wheels)


def _locked(package: _Package, wheel: _Wheel) -> LockedWheel:
    if not wheel.url or "sha256" not in wheel.hashes:
        raise InputError("a wheel without address or sha256: its index gives none", place=package.name)
    name = wheel.name or PurePosixPath(Address.parse(wheel.url).file).name
    digest = parse_digest(f"sha256:{wheel.hashes['sha256']}", place=package.name)
    return LockedWheel(normalise(package.name), package.version, name, wheel.url, digest, wheel.size)

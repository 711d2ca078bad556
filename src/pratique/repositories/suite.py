"""One suite of a Debian repository: its signed Release file, and the Packages files that this vouches for."""

import lzma
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from pratique.ecosystems import debian_archive
from pratique.ecosystems.debian_archive import Release
from pratique.model.errors import InputError, UnsupportedError, UntrustedError
from pratique.repositories import signatures
from pratique.repositories.apt import DebianSource
from pratique.repositories.memory import Memory
from pratique.transport import Transport

_RELEASE = 8 << 20
_INDEX = 512 << 20
_XZ_MEMORY = 128 << 20
_SKEW = timedelta(hours=1)
_REMEDY = "Do not use this mirror, or try again when it is up to date"


class Suite:
    """A suite whose Release file is signed by a key of the source, in force, and no older than one seen before.

    1. Fetch InRelease and check its signature.
    2. Check that it is the suite that was asked for, in force, and not signed before it was made.
    3. Check that it is not older than what was seen there before.

    Args:
        source: the suite's repository.
        transport: fetches.
        memory: remembers dates, and keeps index files.
        now: the flow's clock.
        programs: that check signatures.

    Raises:
        UntrustedError: any of these checks fails.
        UnsupportedError: there is no program or no key to check with.
        InputError: signed metadata that cannot be understood.
        UnavailableError: a server or the disk refuses.
    """

    def __init__(
        self,
        source: DebianSource,
        transport: Transport,
        memory: Memory,
        *,
        now: datetime,
        programs: Sequence[str] = signatures.PROGRAMS,
    ) -> None:
        self._source, self._transport, self._memory = source, transport, memory
        self._dists = f"{source.address}/dists/{source.suite}"
        message, verify = self._signed(programs)  # 1
        verify()
        self.release = debian_archive.parse_release(message)
        _in_force(self.release, source.suite, now)  # 2
        verify(not_before=self.release.date - _SKEW)
        memory.advance(self._dists, self.release.date)  # 3

    def packages(self, component: str, architecture: str) -> bytes:
        """Return a Packages file, checked against the Release file and expanded.

        Raises:
            UntrustedError: size or digest disagree.
            UnsupportedError: the suite has none for the component and architecture.
            InputError: it cannot be expanded.
            UnavailableError: the server or disk refuses.
        """
        base = f"{component}/binary-{architecture}/Packages"
        files = self.release.files
        name = next((f"{base}{end}" for end in (".gz", ".xz", "") if f"{base}{end}" in files), "")
        if not name:
            raise UnsupportedError(
                f"no index of {component} for {architecture}", remedy="Name another mirror"
            )
        digest, size = files[name]
        path = f"{name.rpartition('/')[0]}/by-hash/SHA256/{digest[7:]}" if self.release.by_hash else name

        def download(target: Path) -> None:
            self._transport.download(f"{self._dists}/{path}", target, digest=digest, size=size)

        data = self._memory.keep(digest, download, _INDEX)
        return _expand(data, name, files[base][1] if base in files else None)

    def _signed(self, programs: Sequence[str]) -> tuple[str, Callable[..., object]]:
        """Return the message, and what checks its signature."""
        data = self._transport.read(f"{self._dists}/InRelease", _RELEASE)
        try:
            message, signature = debian_archive.clear_signed(data.decode("utf-8"))
        except (InputError, UnicodeDecodeError) as error:
            raise UntrustedError("InRelease is not one signed message", remedy=_REMEDY) from error
        return message, partial(
            signatures.verify,
            message,
            signature,
            [Path(k) for k in self._source.keyrings],
            keys=self._source.keys,
            fingerprints=self._source.fingerprints,
            programs=programs,
        )


def _in_force(release: Release, suite: str, now: datetime) -> None:
    """Check suite and dates; a security suite must say until when it holds, since a mirror could keep fixes away."""
    if suite not in {release.suite, release.codename}:
        what = f"signed for suite {release.suite!r}, codename {release.codename!r}, not for {suite!r}"
        raise UntrustedError(what, remedy=_REMEDY)
    if release.date > now + _SKEW:
        raise UntrustedError(f"made in the future, on {release.date:%Y-%m-%d %H:%M}", remedy="Set the clock")
    if release.valid_until is None and suite.endswith("-security"):
        raise UntrustedError("a security suite that does not say until when it holds", remedy=_REMEDY)
    if release.valid_until is not None and release.valid_until < now:
        raise UntrustedError(f"expired on {release.valid_until:%Y-%m-%d %H:%M}", remedy=_REMEDY)


def _expand(data: bytes, name: str, size: int | None) -> bytes:
    """Return the expanded file, which must have the size that the Release file gives."""
    limit = _INDEX if size is None else min(size, _INDEX)
    try:
        if name.endswith(".xz"):
            xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            plain, done = xz.decompress(data, limit + 1), xz.eof
        elif name.endswith(".gz"):
            gzip = zlib.decompressobj(wbits=31)
            plain, done = gzip.decompress(data, limit + 1), gzip.eof
        else:
            plain, done = data, True
    except (lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{name} cannot be expanded ({error})") from error
    if not done or len(plain) > limit or (size is not None and len(plain) != size):
        raise InputError(f"{name} expands to another size than is said of it")
    return plain

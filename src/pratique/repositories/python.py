"""The Python package index: which versions end flaws, which wheel fits an image, and that wheel, verified.

Everything is for the image's Python, machine and C library. Installs and imports nothing.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pratique.ecosystems.python import is_version, normalise
from pratique.ecosystems.wheel import WheelName, best_wheel, supported_tags
from pratique.model.digest import Digest
from pratique.model.errors import UnsupportedError, UntrustedError
from pratique.model.plan import Artifact
from pratique.repositories import solving
from pratique.repositories.indexes import IndexSettings, read_settings
from pratique.repositories.pylock import LockedWheel, parse_pylock
from pratique.repositories.solving import Solution
from pratique.repositories.uv import Target, Uv, find_uv
from pratique.storage import create_atomic

__all__ = ["IndexSettings", "LockedWheel", "PythonIndex", "Solution", "Target", "read_settings"]

ORIGIN = "python index"
_NONE: Mapping[str, Sequence[str]] = {}


class PythonIndex:
    """The indexes of the user's own configuration, asked for one image.

    Args:
        python_version: the image's Python, such as ``3.11``.
        platform: the image's machine and C library, such as ``x86_64-manylinux_2_36``.
        settings: which indexes; None for those of this machine's uv and pip.
        program: path of uv; empty for the one that is installed.

    Raises:
        UnsupportedError: uv is not installed, or no tags are known for the platform.
        InputError, UnavailableError: the configuration cannot be read.
    """

    def __init__(
        self, python_version: str, platform: str, *, settings: IndexSettings | None = None, program: str = ""
    ) -> None:
        self._target = Target(python_version, platform)
        self._tags = supported_tags(python_version, platform)
        self._settings = settings or read_settings()
        self._program = program or find_uv()
        self._transport = self._settings.open_transport()
        self._work = tempfile.TemporaryDirectory(prefix="pratique-")
        self._wheels: dict[tuple[Digest, str], LockedWheel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End connections and delete the work folder."""
        self._transport.close()
        self._work.cleanup()

    def solve(
        self,
        fixes: Sequence[tuple[str, str]],
        installed: Mapping[str, str],
        requires: Mapping[str, Sequence[str]] = _NONE,
    ) -> Solution:
        """Return the versions that end flaws with the fewest changes; see ``solving.solve``.

        Args:
            fixes: (name, lowest fixed version).
            installed: name -> version of every distribution on the image's path; all that is not to be fixed is pinned.
            requires: name -> Requires-Dist as installed, where it is known.

        Raises:
            UnavailableError: uv or an index cannot be asked.
        """
        return solving.solve(self._uv(), fixes, installed, requires)

    def locate(self, pins: Iterable[tuple[str, str]]) -> tuple[Artifact, ...]:
        """Return the wheel that fits best for each (name, version), sorted.

        Raises:
            UnsupportedError: there is no wheel for one of them.
            UnavailableError: uv or an index cannot be asked, or a wheel whose size is not given cannot be fetched.
        """
        wanted = sorted((normalise(name), version) for name, version in pins)
        options = ("--no-deps", "--format", "pylock.toml")
        answer = self._uv().compile([f"{n}=={v}" for n, v in wanted], *options)
        if answer.refused:
            absent = ", ".join(sorted(answer.refused.absent)) or "one of them"
            raise UnsupportedError(
                f"no wheel is offered for this Python and platform: {absent}",
                remedy="Offer one on your index, or take its step out of the plan",
            )
        wheels = parse_pylock(answer.text)
        self._wheels |= {(w.digest, w.filename): w for w in wheels}
        return tuple(self._artifact(name, version, wheels) for name, version in wanted)

    def fetch(self, wanted: Artifact, folder: Path) -> Path:
        """Return a verified wheel, placed in a folder.

        Raises:
            UntrustedError: the index does not offer a file of this digest, or sends other bytes.
            InputError: the file name is not that of a wheel.
            UnavailableError: a server or the disk refuses.
        """
        WheelName.parse(wanted.filename)
        key = (wanted.digest, wanted.filename)
        if key not in self._wheels:
            self.locate([(wanted.name, wanted.version)])
        if key not in self._wheels:
            raise UntrustedError(
                f"the index offers no {wanted.filename[:120]} with {wanted.digest}",
                remedy="Make the plan anew",
            )
        return self._download(self._wheels[key], wanted.size, folder)

    def offered(self, pins: Iterable[tuple[str, str]]) -> tuple[LockedWheel, ...]:
        """Return every wheel that is offered for some (name, version); none where there is none, or it is no version.

        Raises:
            UnavailableError: uv or an index cannot be asked.
        """
        wanted = sorted({(normalise(name), version) for name, version in pins if is_version(version)})
        once = dict(wanted)  # one question takes one version of a name
        rest = [pin for pin in wanted if once[pin[0]] != pin[1]]
        return self._asked(sorted(once.items())) + (self.offered(rest) if rest else ())

    def _asked(self, pins: Sequence[tuple[str, str]]) -> tuple[LockedWheel, ...]:
        """Return the wheels of distinct names; one that is not offered spoils a question, which is then halved."""
        if not pins:
            return ()
        options = ("--no-deps", "--format", "pylock.toml")
        answer = self._uv().compile([f"{n}=={v}" for n, v in pins], *options)
        if not answer.refused:
            return parse_pylock(answer.text)
        middle = len(pins) // 2
        return self._asked(pins[:middle]) + self._asked(pins[middle:]) if middle else ()

    def take(self, wheel: LockedWheel, folder: Path) -> Path:
        """Return an offered wheel, verified and placed in a folder.

        Raises:
            UntrustedError: the index sends other bytes than it names.
            InputError: the file name is not that of a wheel.
            UnavailableError: a server or the disk refuses.
        """
        WheelName.parse(wheel.filename)
        return self._download(wheel, wheel.size, folder)

    def _uv(self) -> Uv:
        """Return uv with a folder of its own: what one question writes there is not for the next."""
        folder = Path(tempfile.mkdtemp(dir=self._work.name))
        return Uv(self._target, self._settings, folder, self._program)

    def _artifact(self, name: str, version: str, wheels: Iterable[LockedWheel]) -> Artifact:
        offered = {w.filename: w for w in wheels if w.name == name}
        filename = best_wheel(list(offered), self._tags)
        if not filename:
            raise UnsupportedError(
                f"no wheel of {name} {version} is for this Python and platform",
                remedy="Offer one on your index, or take its step out of the plan",
            )
        wheel = offered[filename]
        return Artifact(
            kind="wheel",
            name=name,
            version=version,
            filename=filename,
            digest=wheel.digest,
            size=self._size(wheel),
            origin=ORIGIN,
        )

    def _size(self, wheel: LockedWheel) -> int:
        """Return the size of a wheel; an index of plain pages gives none, so it is fetched to be measured."""
        if wheel.size is not None:
            return wheel.size
        return self._download(wheel, None, Path(self._work.name) / "measured").stat().st_size

    def _download(self, wheel: LockedWheel, size: int | None, folder: Path) -> Path:
        def fill(temporary: Path) -> Path:
            self._transport.download(wheel.url, temporary, digest=wheel.digest, size=size)
            return folder / wheel.filename

        return create_atomic(folder, fill)

"""Where fetched bytes go: counted, limited and hashed while they arrive."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from pratique.model.digest import Digest
from pratique.model.errors import UnavailableError, UntrustedError
from pratique.transport.patience import TryAgainError


class Sink(Protocol):
    """What a fetch writes to.

    Attributes:
        count: bytes that it holds.
        most: bytes that it may come to hold.
        size: bytes that it must come to hold; None where nothing says so.
        resumes: whether a cut transfer may go on where it stopped, since a digest checks the whole.
    """

    count: int
    most: int
    size: int | None
    resumes: bool

    def restart(self) -> None:
        """Forget everything."""
        ...

    def resume(self) -> None:
        """Note that what comes now is another piece of the same."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take more bytes.

        Raises:
            UntrustedError: they are too many.
        """
        ...

    def finish(self) -> None:
        """Check the whole.

        Raises:
            TryAgainError: it is cut, or it is not what was promised and was pieced together.
            UntrustedError: it is not what was promised.
        """
        ...


class MemorySink:
    """A small answer, kept in memory."""

    resumes = False

    def __init__(self, limit: int, place: str) -> None:
        self.most = limit
        self.size: int | None = None
        self.count = 0
        self._place = place
        self._data = bytearray()

    def restart(self) -> None:
        """Forget everything."""
        self._data.clear()
        self.count = 0

    def resume(self) -> None:
        """Never asked for."""

    def write(self, chunk: bytes) -> None:
        """Take more bytes.

        Raises:
            UntrustedError: they are more than the limit.
        """
        self.count += len(chunk)
        if self.count > self.most:
            raise UntrustedError(f"longer than the limit of {self.most} bytes", place=self._place)
        self._data += chunk

    def finish(self) -> None:
        """Check nothing: the client has compared the length that the server gave."""

    def content(self) -> bytes:
        """Return what was fetched."""
        return bytes(self._data)


class FileSink:
    """A file whose digest is known; it is gone again unless the whole was what was promised."""

    resumes = True

    def __init__(self, target: Path, digest: Digest, size: int | None, limit: int, place: str) -> None:
        self.size = size
        self.most = limit if size is None else size
        self.count = 0
        self._target, self._digest, self._place = target, digest, place
        self._hash = hashlib.sha256()
        self._pieces = 1
        self._done = False

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            UnavailableError: the folder or disk refuses.
        """
        try:
            self._file: BinaryIO = self._target.open("wb")
        except OSError as error:
            raise _refused(error, self._target) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as refused:
            self._done = False
            raise _refused(refused, self._target) from refused
        finally:
            if not self._done:
                self._target.unlink(missing_ok=True)

    def restart(self) -> None:
        """Forget everything."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.count, self._pieces = hashlib.sha256(), 0, 1

    def resume(self) -> None:
        """Note that what comes now is another piece of the same."""
        self._pieces += 1

    def write(self, chunk: bytes) -> None:
        """Take more bytes.

        Raises:
            UntrustedError: they are too many.
            UnavailableError: the disk refuses.
        """
        self.count += len(chunk)
        if self.count > self.most:
            what = f"longer than the {self.most} bytes promised for it"
            raise UntrustedError(what, place=self._place, remedy="Do not use this server")
        self._hash.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _refused(error, self._target) from error

    def finish(self) -> None:
        """Check size, then digest.

        Raises:
            TryAgainError: it is cut, or it is not what was promised and was pieced together.
            UntrustedError: it is not what was promised.
        """
        if self.size is not None and self.count < self.size:
            what = f"{self.count} bytes where {self.size} were promised"
            raise TryAgainError(UntrustedError(what, place=self._place, remedy="The copy there is cut"))
        found = "sha256:" + self._hash.hexdigest()
        if found != self._digest:
            wrong = UntrustedError(
                f"the content hashes to {found}, {self._digest} was promised",
                place=self._place,
                remedy="The copy there is damaged or was changed: do not use it",
            )
            self._wrong(wrong)
        self._done = True

    def _wrong(self, error: UntrustedError) -> None:
        """Begin anew once if the file was pieced together: the server may have changed it between two pieces."""
        if self._pieces == 1:
            raise error
        self.restart()
        raise TryAgainError(error)


def _refused(error: OSError, place: Path) -> UnavailableError:
    remedy = "Free space, or name a folder that this user may write"
    return UnavailableError((error.strerror or str(error)).lower(), place=str(place), remedy=remedy)

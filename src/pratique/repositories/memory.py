"""What was seen of a repository before: the dates of its suites, which may not go back, and verified index files."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pratique.model.digest import Digest
from pratique.model.errors import InputError, UntrustedError
from pratique.storage import create_atomic, read_whole, write_atomic


class Memory:
    """A folder of the cache; several processes may share it."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "repositories"

    def advance(self, place: str, date: datetime) -> None:
        """Note the date of a suite at an address.

        Raises:
            UntrustedError: an earlier one than was seen there before: a mirror that was set back keeps fixes away.
            InputError: the note is damaged.
            UnavailableError: the folder or disk refuses.
        """
        file = self._folder / f"{hashlib.sha256(place.encode()).hexdigest()[:32]}.date"
        seen = _moment(file) if file.exists() else date
        if date < seen:
            raise UntrustedError(
                f"made on {date:%Y-%m-%d %H:%M}, but a later one, of {seen:%Y-%m-%d %H:%M}, was seen there before",
                place=place,
                remedy=f"Do not use this mirror; if its operator explains it, delete {file}",
            )
        if date > seen or not file.exists():
            write_atomic(file, date.isoformat().encode())

    def keep(self, digest: Digest, fetch: Callable[[Path], None], limit: int) -> bytes:
        """Return a file by its digest, fetched if it is not here; what is here is checked again.

        Raises:
            PratiqueError: as ``fetch`` raises.
        """
        file = self._folder / "indexes" / digest.removeprefix("sha256:")
        if file.exists():
            data = read_whole(file, limit)
            if digest == "sha256:" + hashlib.sha256(data).hexdigest():
                return data

        def fill(temporary: Path) -> Path:
            fetch(temporary)
            return file

        return read_whole(create_atomic(file.parent, fill), limit)


def _moment(file: Path) -> datetime:
    try:
        moment = datetime.fromisoformat(read_whole(file, 100).decode("ascii"))
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("a damaged note of a date", place=str(file), remedy="Delete it") from error
    if not moment.tzinfo:
        raise InputError("a date without an offset", place=str(file), remedy="Delete it")
    return moment

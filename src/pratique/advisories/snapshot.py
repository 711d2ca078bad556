"""The snapshot: everything known on one day, immutable, swapped in whole.

One SQLite file, written once and opened read-only. Its digest is that of its content: the same feeds give the same
digest on every machine. The file is named by the digest of its bytes, which is checked whenever it is opened: a page
that was lost would hold advisories that nobody misses.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from weakref import finalize

import msgspec
from msgspec.structs import replace

from pratique.advisories.feeds import FeedFiles, documents
from pratique.advisories.osv import advisories, decode
from pratique.advisories.scores import read_epss, read_kev
from pratique.model.advisory import Advisory, Exploitation, Feed
from pratique.model.digest import Digest, parse_digest
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UsageError
from pratique.storage import create_atomic, locked, read_whole, write_atomic

_SCHEMA = """
PRAGMA page_size = 4096;
CREATE TABLE snapshot (digest TEXT NOT NULL);
CREATE TABLE feed (name TEXT PRIMARY KEY, declared BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE advisory (feed TEXT, ecosystem TEXT, name TEXT, records BLOB NOT NULL,
  PRIMARY KEY (ecosystem, name, feed)) WITHOUT ROWID;
CREATE TABLE exploitation (feed TEXT, cve TEXT, kev TEXT NOT NULL, epss REAL, percentile REAL,
  PRIMARY KEY (cve, feed)) WITHOUT ROWID;
PRAGMA user_version = 2;
"""
_LAYOUT = 2
_AGAIN = "Import all feeds again"
_TABLES = ("feed", "advisory", "exploitation")
_ENCODER = msgspec.msgpack.Encoder()
_RECORDS = msgspec.msgpack.Decoder(tuple[Advisory, ...])
_FEED = msgspec.msgpack.Decoder(Feed)


class NoSnapshot:
    """What is known where nothing was imported: nothing; implements ``pratique.model.advisory.Knowledge``."""

    digest: Digest | None = None
    feeds: tuple[Feed, ...] = ()

    def advisories(self, _ecosystem: str, _name: str) -> tuple[Advisory, ...]:
        """Return no advisory."""
        return ()

    def exploitation(self, _cve: str) -> Exploitation:
        """Return nothing known."""
        return Exploitation()


class Snapshot:
    """An open snapshot; implements ``pratique.model.advisory.Knowledge``.

    Raises:
        InputError: the file is damaged, or no snapshot of this version.
        UnavailableError: it is gone or may not be read.
    """

    def __init__(self, path: Path) -> None:
        self._place = str(path)
        if _file_digest(path) != f"sha256:{path.stem}":
            raise self._damaged("its bytes have changed")
        try:
            self._connection = sqlite3.connect(
                f"file:{_quoted(path)}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._damaged(error) from error
        finalize(self, self._connection.close)
        if self._rows("PRAGMA user_version", ()) != [(_LAYOUT,)]:
            raise InputError("a snapshot of another layout", place=self._place, remedy=_AGAIN)
        self.digest: Digest | None = parse_digest(self._rows("SELECT digest FROM snapshot", ())[0][0])
        self.feeds = tuple(
            _FEED.decode(row[0]) for row in self._rows("SELECT declared FROM feed ORDER BY name", ())
        )
        self.advisories = lru_cache(maxsize=None)(self._advisories)

    def _advisories(self, ecosystem: str, name: str) -> tuple[Advisory, ...]:
        """Return every advisory about a package name, sorted by id."""
        rows = self._rows("SELECT records FROM advisory WHERE ecosystem = ? AND name = ?", (ecosystem, name))
        found = [advisory for (records,) in rows for advisory in _RECORDS.decode(records)]
        return tuple(sorted(found, key=lambda a: (a.id, a.feed)))

    def exploitation(self, cve: str) -> Exploitation:
        """Return what KEV and EPSS say of a CVE."""
        query = "SELECT max(kev), max(epss), max(percentile) FROM exploitation WHERE cve = ?"
        kev, epss, percentile = self._rows(query, (cve,))[0]
        return Exploitation(kev or "", epss, percentile)

    def rows(self, table: str, feeds: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table that belong to some feeds, to be carried into a new snapshot."""
        column = "name" if table == "feed" else "feed"
        marks = ", ".join("?" * len(feeds))
        yield from self._rows(f"SELECT * FROM {table} WHERE {column} IN ({marks})", tuple(feeds))  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _rows(self, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def _damaged(self, why: object) -> InputError:
        return InputError(f"the snapshot is damaged ({why})", place=self._place, remedy=_AGAIN)


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def open_snapshot(folder: Path) -> Snapshot | NoSnapshot:
    """Open the current snapshot of a folder; ``NoSnapshot`` where none was ever imported.

    Raises:
        InputError: the snapshot is damaged.
        UnavailableError: it may not be read.
    """
    pointer = folder / "current"
    while pointer.exists():
        named = read_whole(pointer, 100)
        try:
            digest = parse_digest(named.decode("ascii", "replace").strip(), place=str(pointer))
            return Snapshot(_file(folder, digest))
        except PratiqueError:
            if read_whole(pointer, 100) == named:  # else an import has just swapped another one in
                raise
    return NoSnapshot()


def _file(folder: Path, digest: Digest) -> Path:
    return folder / f"{digest.removeprefix('sha256:')}.sqlite"


def _file_digest(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            return Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
    except FileNotFoundError as error:
        raise UnavailableError("the snapshot is gone", place=str(path), remedy=_AGAIN) from error
    except OSError as error:
        raise UnavailableError((error.strerror or str(error)).lower(), place=str(path)) from error


def build(folder: Path, sources: Sequence[FeedFiles], progress: Callable[[str], None]) -> Snapshot:
    """Make a snapshot of the given feeds and those of the current one that bear other names, and make it current.

    1. Write the new file beside the old one, with the digest over all rows in order inside it.
    2. Give it the digest of its bytes as a name.
    3. Point to it; a reader sees the old snapshot or the new one, whole.
    4. Remove the others.

    Args:
        folder: where snapshots lie.
        sources: feeds to read, each of another name.
        progress: called with a feed's name when it was read.

    Raises:
        InputError: a feed is damaged; the current snapshot stays.
        UsageError: two feeds have one name.
        UnavailableError: the folder or disk refuses.
    """
    named = _by_name(sources)
    with locked(folder):
        path = create_atomic(folder, partial(_fill, folder, named, progress))  # 1, 2
        write_atomic(folder / "current", f"sha256:{path.stem}\n".encode())  # 3
        for other in folder.glob("*.sqlite"):  # 4
            if other != path:
                other.unlink(missing_ok=True)
    return Snapshot(path)


def _by_name(sources: Sequence[FeedFiles]) -> dict[str, FeedFiles]:
    named: dict[str, FeedFiles] = {}
    for source in sources:
        name = source.feed.name
        if name in named:
            raise UsageError(
                f"two feeds are called {name}",
                place=f"{named[name].files[0]}, {source.files[0]}",
                remedy="Import them one by one, with --feed NAME",
            )
        named[name] = source
    return named


def _fill(folder: Path, named: dict[str, FeedFiles], progress: Callable[[str], None], path: Path) -> Path:
    """Write the rows of a new snapshot and return the name that the digest of its bytes gives it."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_SCHEMA)
            with connection:
                _carry(connection, folder, set(named))
                for source in named.values():
                    _add(connection, source)
                    progress(source.feed.name)
                connection.execute("INSERT INTO snapshot VALUES (?)", (_digest(connection),))
        return _file(folder, _file_digest(path))
    except sqlite3.Error as error:
        raise UnavailableError(
            f"cannot be written ({error})", place=str(folder), remedy="Free space"
        ) from error


def _carry(connection: sqlite3.Connection, folder: Path, replaced: set[str]) -> None:
    """Take over the feeds that stay; of a snapshot that is damaged or gone none can, so that importing mends it."""
    try:
        old = open_snapshot(folder)
    except PratiqueError:
        return
    if isinstance(old, NoSnapshot):
        return
    kept = [feed.name for feed in old.feeds if feed.name not in replaced]
    for table in _TABLES:
        _insert(connection, table, old.rows(table, kept))
    old.close()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    marks = {"feed": "?, ?", "advisory": "?, ?, ?, ?", "exploitation": "?, ?, ?, ?, ?"}[table]
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of our own


def _add(connection: sqlite3.Connection, source: FeedFiles) -> None:
    feed = {"osv": _add_osv, "kev": _add_kev, "epss": _add_epss}[source.feed.format](connection, source)
    if feed.records == 0:
        raise InputError("a feed without a record", place=str(source.files[0]), remedy="Fetch the feed again")
    feed = replace(feed, digest=_files_digest(source.files))
    _insert(connection, "feed", [(feed.name, _ENCODER.encode(feed))])


def _add_osv(connection: sqlite3.Connection, source: FeedFiles) -> Feed:
    by_name: dict[tuple[str, str], list[Advisory]] = {}
    seen: set[str] = set()
    records = withdrawn = 0
    for path in source.files:
        for place, data in documents(path):
            record = decode(data, place)
            if record.id in seen:
                raise InputError(
                    f"the record {record.id} stands twice", place=place, remedy="Fetch the feed again"
                )
            seen.add(record.id)
            records += 1
            withdrawn += bool(record.withdrawn)
            for named in advisories(record, source.feed.name):
                by_name.setdefault((named.ecosystem, named.name), []).append(named.advisory)
    _insert(connection, "advisory", _advisory_rows(source.feed.name, by_name))
    ecosystems = source.feed.ecosystems or tuple(sorted({ecosystem for ecosystem, _ in by_name}))
    return replace(source.feed, ecosystems=ecosystems, records=records, withdrawn=withdrawn)


def _advisory_rows(feed: str, by_name: dict[tuple[str, str], list[Advisory]]) -> Iterator[tuple[Any, ...]]:
    for (ecosystem, name), found in sorted(by_name.items()):
        yield feed, ecosystem, name, _ENCODER.encode(sorted(found, key=lambda a: a.id))


def _add_kev(connection: sqlite3.Connection, source: FeedFiles) -> Feed:
    catalogue = read_kev(source.files[0])
    added = {entry.cve: entry.date_added or "listed" for entry in catalogue.vulnerabilities}
    name = source.feed.name
    _insert(connection, "exploitation", ((name, cve, day, None, None) for cve, day in sorted(added.items())))
    whole = catalogue.count == len(catalogue.vulnerabilities)  # the catalogue counts itself
    coverage = "complete" if whole else source.feed.coverage
    return replace(source.feed, as_of=catalogue.released, records=len(added), coverage=coverage)


def _add_epss(connection: sqlite3.Connection, source: FeedFiles) -> Feed:
    as_of, rows = read_epss(source.files[0])
    name = source.feed.name
    scores = {cve: (name, cve, "", epss, percentile) for cve, epss, percentile in rows}
    _insert(connection, "exploitation", scores.values())
    return replace(source.feed, as_of=as_of or source.feed.as_of, records=len(scores))


def _files_digest(files: Sequence[Path]) -> Digest:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Digest("sha256:" + digest.hexdigest())


def _digest(connection: sqlite3.Connection) -> Digest:
    digest = hashlib.sha256()
    for table, order in (("feed", "1"), ("advisory", "1, 2, 3"), ("exploitation", "1, 2")):
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY {order}"):  # noqa: S608 - names of our own
            digest.update(_ENCODER.encode(row))
    return Digest("sha256:" + digest.hexdigest())

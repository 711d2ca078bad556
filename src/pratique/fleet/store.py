"""The store: one SQLite file that holds documents and what they are found by.

A transaction holds whole documents, so a process that is killed leaves whole ones or none. Documents name each other by
digest and may come in any order; so links between them are plain digests, while a document's own rows hang on it by
foreign keys. Nothing that a reader sees depends on the order in which documents came.

Writers wait for each other (``_PATIENCE``); readers wait for others to open it, and for nobody after. Needs a local disk: a write-ahead log is shared
memory (sqlite.org/wal.html).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from pratique.fleet.record import Record, expand
from pratique.fleet.rows import Recorded
from pratique.model.digest import Digest
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UnsupportedError
from pratique.storage import locked

T = TypeVar("T", bound=Recorded)
V = TypeVar("V")

_APPLICATION = 0x50524154  # "PRAT", which tells our files from others
_PATIENCE = 60.0  # seconds that a writer waits for another one
_MIGRATIONS = (
    """
CREATE TABLE document (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, created TEXT NOT NULL,
  size INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE inventory (id INTEGER PRIMARY KEY REFERENCES document, image TEXT NOT NULL, config TEXT, manifest TEXT,
  reference TEXT NOT NULL, platform TEXT NOT NULL, completeness TEXT NOT NULL, gaps INTEGER NOT NULL,
  packages INTEGER NOT NULL) STRICT;
CREATE INDEX inventory_by_image ON inventory (image);
CREATE TABLE package (type TEXT NOT NULL, name TEXT NOT NULL, inventory INTEGER NOT NULL REFERENCES inventory,
  id TEXT NOT NULL, told TEXT NOT NULL, purl TEXT NOT NULL, namespace TEXT NOT NULL, version TEXT NOT NULL,
  PRIMARY KEY (type, name, inventory, id, told, purl)) STRICT, WITHOUT ROWID;
CREATE INDEX package_by_inventory ON package (inventory);
CREATE TABLE findings (id INTEGER PRIMARY KEY REFERENCES document, inventory TEXT NOT NULL, snapshot TEXT,
  total INTEGER NOT NULL, blind TEXT NOT NULL, feeds TEXT NOT NULL) STRICT;
CREATE INDEX findings_by_inventory ON findings (inventory);
CREATE TABLE finding (name TEXT NOT NULL, findings INTEGER NOT NULL REFERENCES findings,
  PRIMARY KEY (name, findings)) STRICT, WITHOUT ROWID;
CREATE INDEX finding_by_findings ON finding (findings);
CREATE TABLE decision (id INTEGER PRIMARY KEY REFERENCES document, inventory TEXT NOT NULL, findings TEXT NOT NULL,
  verdict TEXT NOT NULL) STRICT;
CREATE INDEX decision_by_inventory ON decision (inventory);
CREATE TABLE usage (id INTEGER PRIMARY KEY REFERENCES document, image TEXT NOT NULL, inventory TEXT NOT NULL,
  valid INTEGER NOT NULL) STRICT;
CREATE INDEX usage_by_image ON usage (image);
CREATE TABLE use (usage INTEGER NOT NULL REFERENCES usage, package TEXT NOT NULL, state TEXT NOT NULL,
  phases TEXT NOT NULL, PRIMARY KEY (usage, package)) STRICT, WITHOUT ROWID;
""",
)
"""What each version of the layout adds to the one before; ``user_version`` counts them. Never edit one: append.

Columns of a key come first and in its order: else ``integrity_check`` of SQLite 3.40 sees NULL where there is none.
"""
_INSERTS = {
    "document": "INSERT INTO document (digest, created, size, body) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
    "inventory": "INSERT INTO inventory VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "package": "INSERT INTO package (inventory, type, name, id, told, purl, namespace, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "findings": "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?)",
    "finding": "INSERT INTO finding (findings, name) VALUES (?, ?)",
    "decision": "INSERT INTO decision VALUES (?, ?, ?, ?)",
    "usage": "INSERT INTO usage VALUES (?, ?, ?, ?)",
    "use": "INSERT INTO use VALUES (?, ?, ?, ?)",
}


class Store:
    """An open store.

    Args:
        path: of the file; made where it is missing.
        patience: seconds that a write waits for other writers.

    Raises:
        InputError: the file is damaged, or no store.
        UnsupportedError: a later version of Pratique wrote it.
        UnavailableError: the file may not be read or written, or stays locked.
    """

    def __init__(self, path: Path, *, patience: float = _PATIENCE) -> None:
        self._path = path.absolute()
        self._place = str(path)
        if sqlite3.sqlite_version_info < (3, 37):
            raise UnsupportedError(
                f"SQLite {sqlite3.sqlite_version} has no strict tables", remedy="Use SQLite 3.37 or later"
            )
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - Path raises where it may not look
            raise UnavailableError("not a file", place=self._place, remedy="Name a file with --store")
        with locked(self._path.parent), self._asking():  # of two that make it, one waits
            self._connection = sqlite3.connect(self._path, timeout=patience, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, records: Sequence[Record]) -> int:
        """Store documents, all or none, and return how many of them were not there yet.

        Raises:
            PratiqueError: see the class.
        """
        with self._asking(), self._transaction("IMMEDIATE"):
            return sum(self._insert(record) for record in records)

    def _insert(self, record: Record) -> bool:
        """Write a document with its rows; False where it is there already."""
        cursor = self._connection.execute(
            _INSERTS["document"],
            (record.digest, record.created.isoformat(timespec="microseconds"), record.size, record.body),
        )
        if cursor.rowcount:
            for table, rows in groupby(record.rows, key=lambda row: row.table):
                values = [(cursor.lastrowid, *row.values) for row in rows]
                self._connection.executemany(_INSERTS[table], values)
        return bool(cursor.rowcount)

    def read(self, digest: Digest, kind: type[T]) -> T | None:
        """Return a stored document; None where it was never added.

        Raises:
            InputError: it is damaged.
        """
        found = self.rows("SELECT size, body FROM document WHERE digest = ?", digest)
        if not found:
            return None
        size, body = found[0]
        data = expand(body, size, digest, self._place)
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(
                f"the stored document {digest} is not what was asked for",
                place=self._place,
                remedy="Restore the store from a copy",
            ) from error

    def rows(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            PratiqueError: see the class.
        """
        with self._asking():
            return self._connection.execute(query, values).fetchall()

    def values(self, kind: Any, query: str, *values: str | int) -> list[Any]:
        """Return the rows of a query as values of a kind; only the documents have a digest that tells damage.

        Raises:
            InputError: a row is none.
            PratiqueError: see the class.
        """
        try:
            return msgspec.convert(self.rows(query, *values), list[kind])
        except msgspec.ValidationError as error:
            raise self._damaged(error) from error

    def json(self, text: str, kind: type[V]) -> V:
        """Return the value of a column that holds JSON.

        Raises:
            InputError: it does not.
        """
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._damaged(error) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Show every query inside one state of the store, whatever others write meanwhile."""
        with self._asking(), self._transaction("DEFERRED"):
            yield

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise

    def _prepare(self) -> None:
        """Take a file for ours and bring it to this layout.

        1. A file with tables of others is left as it is.
        2. Neither is one touched that a later version wrote.
        3. A write-ahead log, so that readers and writers do not wait for each other.
        4. Every step from its layout to ours, in one transaction.
        """
        application, version = (self._pragma(name) for name in ("application_id", "user_version"))
        if application != _APPLICATION and (application or version or self._tables()):  # 1
            raise self._foreign()
        if version > len(_MIGRATIONS):  # 2
            raise UnsupportedError(
                f"a store of layout {version}, which a later version of Pratique wrote; this one knows {len(_MIGRATIONS)}",
                place=self._place,
                remedy="Use that version, or another store",
            )
        if self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":  # 3
            raise UnavailableError(
                "no write-ahead log here", place=self._place, remedy="Put the store on a local disk"
            )
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if version < len(_MIGRATIONS):  # 4
            steps = "".join(_MIGRATIONS[version:])
            marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {len(_MIGRATIONS)};"
            self._connection.executescript(f"BEGIN IMMEDIATE; {steps} {marks} COMMIT;")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _tables(self) -> bool:
        return self._connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None

    def _foreign(self) -> InputError:
        return InputError(
            "not a store of Pratique", place=self._place, remedy="Name another file with --store"
        )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # SQLite quotes what is damaged, and Python takes it for text
            raise self._damaged(error) from error
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _damaged(self, error: Exception) -> InputError:
        what, remedy = f"the store is damaged ({error})", "Restore it from a copy"
        return InputError(what, place=self._place, remedy=remedy)

    def _refused(self, error: sqlite3.Error) -> PratiqueError:
        """Return an error of SQLite as one of ours (sqlite.org/rescode.html; the low byte is the primary code)."""
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_NOTADB:
            return self._foreign()
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_ERROR}:
            return self._damaged(error)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return UnavailableError("in use by another program", place=self._place, remedy="Try again later")
        if code == sqlite3.SQLITE_FULL:
            return UnavailableError("the disk is full", place=self._place, remedy="Free space")
        remedy = "Check the file, its folder and their permissions"
        return UnavailableError(f"the store cannot be used ({error})", place=self._place, remedy=remedy)


def open_store(path: Path) -> Store:
    """Open a store that is there.

    Raises:
        UnavailableError: there is none.
        PratiqueError: see ``Store``.
    """
    if not os.path.exists(path):  # noqa: PTH110 - as above
        raise UnavailableError(
            "no store here",
            place=str(path),
            remedy="Name one with --store, or record first: pratique scan SOURCE --record",
        )
    return Store(path)

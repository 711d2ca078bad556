"""What a lock file pins, and what is wrong with it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest

Code = Literal[
    "PIN-01",
    "PIN-02",
    "PIN-03",
    "PIN-04",
    "PIN-05",
    "PIN-06",
    "PIN-07",
    "PIN-08",
    "PIN-09",
    "PIN-10",
    "PIN-11",
    "PIN-14",
    "PIN-15",
]
"""What can be wrong with a lock; ``docs/how-to/check-a-lock.md`` lists what each means."""


class Pin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One distribution that a lock names, as far as it is fixed.

    Attributes:
        name: normalised.
        version: exact; empty where the lock gives none.
        marker: when it is installed (PEP 508); empty for always.
        digests: sha256 of the files that may be installed, sorted.
        file: in which it stands, as the user named it.
        line: where; 0 where that cannot be told.
    """

    name: str
    version: str
    marker: str = ""
    digests: tuple[Digest, ...] = ()
    file: str
    line: int


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something in a lock that does not hold, or that a reader should know.

    Attributes:
        level: ``refused`` fails the lock; a ``note`` does not.
        line: of the file, counted from 1; 0 where it cannot be told.
        subject: what it is about, as written.
        text: what is wrong.
        remedy: what to do.
    """

    code: Code
    level: Literal["refused", "note"]
    file: str
    line: int
    subject: str
    text: str
    remedy: str


class LockedFile(Struct, frozen=True, kw_only=True):
    """A file that was read.

    Attributes:
        path: as the user named it; an included one as it is reached from there.
        digest: of its bytes.
    """

    path: str
    kind: Literal["pylock", "requirements", "constraints"]
    digest: Digest


class Pins(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.pins/1"):
    """What some lock files pin, and whether that holds.

    Attributes:
        created: UTC; ``SOURCE_DATE_EPOCH`` where that is set.
        clock: ``system``, or ``SOURCE_DATE_EPOCH``.
        files: what was read, in this order.
        verdict: ``fail`` as soon as one fault is refused.
    """

    tool: str
    created: datetime
    clock: str
    files: tuple[LockedFile, ...]
    pins: tuple[Pin, ...]
    faults: tuple[Fault, ...]
    verdict: Literal["pass", "fail"]

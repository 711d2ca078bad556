"""Whether the Python files of an image are those that a lock pins."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest
from pratique.model.inventory import Source
from pratique.model.pins import LockedFile

DeviationKind = Literal[
    "changed",
    "missing",
    "added",
    "start-up hook",
    "launcher",
    "byte code",
    "not locked",
    "not installed",
]


class Deviation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something in an image that is not as locked.

    Attributes:
        path: in the image; empty where a distribution is not installed.
        distribution: name and version; empty where no distribution owns the path.
        text: one sentence.
        locked: digest of the file in the locked wheel.
        installed: digest of the file in the image.
    """

    kind: DeviationKind
    path: str
    distribution: str
    text: str
    locked: Digest | None = None
    installed: Digest | None = None


class Unchecked(Struct, frozen=True, kw_only=True):
    """Files that could not be compared.

    Attributes:
        reason: one phrase.
        count: how many files.
        examples: some of their paths.
    """

    reason: str
    count: int
    examples: tuple[str, ...]


class Verified(Struct, frozen=True, kw_only=True):
    """A distribution that was compared with the very wheel that the lock pins.

    Attributes:
        path: of its metadata folder in the image.
        wheel: name of the file.
        digest: of the wheel, as locked.
        files: how many were found to be as the wheel has them.
    """

    name: str
    version: str
    path: str
    wheel: str
    digest: Digest
    files: int


class Verification(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.pins-verification/1"):
    """What the comparison of an image with its lock found.

    Attributes:
        created: UTC; ``SOURCE_DATE_EPOCH`` where that is set.
        clock: ``system``, or ``SOURCE_DATE_EPOCH``.
        image: what was read.
        locks: the files that say what belongs there.
        verdict: ``different`` as soon as one file deviates; ``incomplete`` where none does, but some could not be compared.
    """

    tool: str
    created: datetime
    clock: str
    image: Source
    locks: tuple[LockedFile, ...]
    distributions: tuple[Verified, ...]
    deviations: tuple[Deviation, ...]
    unchecked: tuple[Unchecked, ...]
    verdict: Literal["same", "different", "incomplete"]

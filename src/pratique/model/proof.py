"""Whether a new image does the work of the old one: one workload, run in both, and what was compared."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest

Verdict = Literal["same", "weak", "different"]
"""``weak``: the same, as far as exit codes alone can tell."""


class Compared(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was compared.

    Attributes:
        kind: ``exit code``; ``sha256`` or ``json`` of a file that the workload wrote; ``drive`` and ``check`` for commands
            of the user's, by their exit codes.
        subject: the path or command.
        before: in the original, for people.
        after: in the new image, for people.
        masked: members of a JSON document that tell times, of which only the kind was compared; ``[]`` for any index.
        tolerance: relative difference that numbers may have.
        values: how many values were compared; of a JSON document those that are not masked.
    """

    kind: Literal["exit code", "sha256", "json", "drive", "check"]
    subject: str
    same: bool
    before: str
    after: str
    masked: tuple[str, ...] = ()
    tolerance: float = 0.0
    values: int = 1


class Lost(Struct, frozen=True, kw_only=True):
    """A package that the workload used in the original and that the new image does not have.

    Attributes:
        package: id in the original's inventory.
        path: one file of it that was used.
    """

    package: str
    name: str
    path: str


class Proof(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.proof/1"):
    """One workload, run in two images. It holds for this workload and these inputs, and for nothing else.

    Attributes:
        original: digest of the original's configuration.
        result: digest of the new image's configuration.
        phase: the workload's name.
        command: as run.
        compared: everything that was compared, the exit code first.
        lost: packages that explain a difference, and that a plan can keep.
        replaced: packages that the workload used and that have another version now, for people.
        said: the end of what the new image's run wrote to stderr, where it is different.
    """

    tool: str
    created: datetime
    clock: str
    original: Digest
    result: Digest
    phase: str
    command: tuple[str, ...]
    verdict: Verdict
    compared: tuple[Compared, ...]
    lost: tuple[Lost, ...] = ()
    replaced: tuple[str, ...] = ()
    said: str = ""

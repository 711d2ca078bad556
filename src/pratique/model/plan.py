"""What is to be changed in an image, step by step, each explained."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest


class Artifact(Struct, frozen=True, kw_only=True, order=True):
    """A package file that a repository offers, named by its hash.

    Attributes:
        kind: ``deb`` or ``wheel``.
        digest: sha256, from signed metadata (Debian) or from the index's own hashes (Python).
        origin: suite or index that vouches for it, without an address: ``bookworm-security``, ``python index``.
        location: where to fetch it, relative to the origin's address; empty where the installer's client finds it.
    """

    kind: Literal["deb", "wheel"]
    name: str
    version: str
    filename: str
    digest: Digest
    size: int
    origin: str
    location: str = ""


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change to one package.

    Attributes:
        action: what is done.
        package: id in the inventory; empty for ``install``, of which the inventory has none.
        to_version: the version that is installed; empty for ``remove``.
        artifact: what is installed; None for ``remove``.
        reason: one sentence.
        evidence: what the reason rests on: documents, records, suites.
        bytes: bytes of installed files that go (remove); negative where an upgrade is larger, 0 where not known.
        findings: vulnerabilities that go with this step.
    """

    action: Literal["remove", "upgrade", "install"]
    package: str = ""
    type: Literal["deb", "pypi"]
    name: str
    version: str = ""
    to_version: str = ""
    artifact: Artifact | None = None
    reason: str
    evidence: tuple[str, ...] = ()
    bytes: int = 0
    findings: tuple[str, ...] = ()


class Kept(Struct, frozen=True, kw_only=True):
    """A package that stays, and why."""

    package: str
    reason: str


class Unfixed(Struct, frozen=True, kw_only=True):
    """Findings of a kept package that this plan cannot end, with the one sentence that explains it."""

    package: str
    findings: tuple[str, ...]
    reason: str


class Plan(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.plan/1"):
    """An ordered, explained list of changes; the same inputs give the same plan.

    Attributes:
        image: digest of the image's configuration.
        usages: digests of the usage documents that it rests on; none where nothing is removed.
        steps: removals first, then upgrades, then what upgrades need beside.
        keep: packages that a person or a failed proof asked to keep.
        untouched: what this plan does not look at, for people.
    """

    tool: str
    created: datetime
    clock: str
    image: Digest
    inventory: Digest
    findings: Digest
    usages: tuple[Digest, ...]
    steps: tuple[Step, ...]
    kept: tuple[Kept, ...]
    unfixed: tuple[Unfixed, ...]
    keep: tuple[str, ...]
    untouched: tuple[str, ...]

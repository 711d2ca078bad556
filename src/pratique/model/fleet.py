"""What a fleet of recorded images says: what is there, what turned, who is affected."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.advisory import Feed
from pratique.model.digest import Digest
from pratique.model.finding import Reason, Verdict
from pratique.model.inventory import Gap, Purl

Told = Literal["itself", "also", "source"]
"""How a package came to be found: by its own name, by another name of the same installation, or by its source's."""


class ImageName(Struct, frozen=True, kw_only=True):
    """An image as its latest inventory names it.

    Attributes:
        reference: as the user named it then.
        config: digest of the image's configuration; None for an unpacked root.
        manifest: digest of the manifest, where there was one.
        inventory: digest of that inventory document.
    """

    reference: str
    platform: str
    config: Digest | None
    manifest: Digest | None
    inventory: Digest


class ImageState(Struct, frozen=True, kw_only=True):
    """A recorded image and its last decision.

    Attributes:
        scanned: when the latest inventory was taken.
        inventories: how many are recorded of this image.
        verdict: of the last decision; None where none is recorded.
        decided: when that was made.
        age: whole days since then; negative where it is dated in the future.
    """

    image: ImageName
    packages: int
    completeness: str
    scanned: datetime
    inventories: int
    verdict: Verdict | None
    decided: datetime | None
    age: int | None


class Fleet(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.fleet/1"):
    """Every recorded image.

    Attributes:
        missing: inventories that recorded documents name and that are not recorded; nothing is known of their images.
    """

    tool: str
    created: datetime
    clock: str
    images: tuple[ImageState, ...]
    missing: tuple[Digest, ...]


class Added(Struct, frozen=True, tag_field="schema", tag="pratique.added/1"):
    """What came of adding documents.

    Attributes:
        store: the file.
        documents: how many were named.
        new: how many of them were not there yet.
    """

    store: str
    documents: int
    new: int


class Cause(Struct, frozen=True, kw_only=True):
    """A finding that breaks a rule in one of two judgements and not in the other.

    Attributes:
        finding: a CVE, else the record's id.
        package: that it is in.
        rules: that it breaks, or broke.
        feeds: that its records came from.
    """

    finding: str
    package: Purl
    rules: tuple[str, ...]
    feeds: tuple[str, ...]


class Turn(Struct, frozen=True, kw_only=True):
    """One image judged again, beside its last decision.

    Attributes:
        before: verdict of the last decision; None where none is recorded.
        after: verdict now.
        by: what the last decision was judged by, where that was something else than now; empty where it was the same.
        compared: whether the findings of the last decision are recorded; where not, nothing can be told to be new.
        appeared: findings that break a rule and did not.
        ended: findings that broke a rule and do not.
        opened: gaps in the way of a pass that were not.
        closed: gaps that were in the way of a pass and are not.
        reasons: for the verdict now.
        findings: digest of the findings document.
        decision: digest of the new decision document.
    """

    image: ImageName
    before: Verdict | None
    after: Verdict
    by: str
    compared: bool
    appeared: tuple[Cause, ...]
    ended: tuple[Cause, ...]
    opened: tuple[Gap, ...]
    closed: tuple[Gap, ...]
    reasons: tuple[Reason, ...]
    findings: Digest
    decision: Digest


class Rescan(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.rescan/1"):
    """Every recorded image judged again by the advisories of a day.

    Attributes:
        snapshot: of advisories.
        feeds: of the snapshot, with their dates.
        policy: digest of the policy file's bytes; None where rules came from the command line.
        rules: what fails an image.
        turned: images whose verdict is another one, or whose first it is.
        changed: images of the same verdict with other findings that break rules, or other gaps.
        unchanged: verdict -> how many images have it as before, for the same reasons.
        missing: inventories that recorded documents name and that are not recorded: they were not judged.
    """

    tool: str
    created: datetime
    clock: str
    snapshot: Digest | None
    feeds: tuple[Feed, ...]
    policy: Digest | None
    rules: tuple[str, ...]
    turned: tuple[Turn, ...]
    changed: tuple[Turn, ...]
    unchanged: dict[Verdict, int]
    missing: tuple[Digest, ...]


class Holding(Struct, frozen=True, kw_only=True):
    """A package that is affected, or asked for.

    Attributes:
        package: id in the inventory.
        state: of the finding; empty where a package was asked for.
        fixed: the version that ends the finding; empty where none is known.
        use: what recorded workloads used; ``not observed`` is no proof that it is not needed.
        phases: names of the workloads that used it.
    """

    package: str
    purl: Purl
    version: str
    told: Told
    state: str
    fixed: str
    use: Literal["used", "not observed", "no usage recorded"]
    phases: tuple[str, ...]


class Holder(Struct, frozen=True, kw_only=True):
    """An image that holds it.

    Attributes:
        as_of: when its findings were made, or its inventory taken.
        snapshot: that the findings were made by; None where a package was asked for.
        doubts: why it may hold more than this.
    """

    image: ImageName
    as_of: datetime
    snapshot: Digest | None
    packages: tuple[Holding, ...]
    doubts: tuple[str, ...]


class Unknown(Struct, frozen=True, kw_only=True):
    """An image of which it cannot be known whether it holds it."""

    image: ImageName
    doubts: tuple[str, ...]


class Affected(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.affected/1"):
    """Which recorded images hold a vulnerability or a package.

    Attributes:
        query: as asked.
        held: by these images.
        unknown: it cannot be known of these, and they count as neither.
        clear: how many images do not hold it, as far as their documents know everything.
        oldest: when the oldest of those documents was made; None where there is none.
        missing: inventories that recorded documents name and that are not recorded.
    """

    tool: str
    created: datetime
    clock: str
    query: str
    held: tuple[Holder, ...]
    unknown: tuple[Unknown, ...]
    clear: int
    oldest: datetime | None
    missing: tuple[Digest, ...]

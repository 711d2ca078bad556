"""What really ran: paths that a workload used, and what that says of each package."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest

How = Literal["executed", "looked up", "opened"]
"""``looked up``: stat, access, readlink and the like, without opening."""

UseState = Literal["used", "metadata only", "not observed"]


class UsedPath(Struct, frozen=True, kw_only=True):
    """One path of the image that a workload used.

    Attributes:
        path: in the image's tree, links followed.
        how: kinds of use, sorted.
        phases: names of the workloads, sorted.
    """

    path: str
    how: tuple[How, ...]
    phases: tuple[str, ...]


class PackageUse(Struct, frozen=True, kw_only=True):
    """What was seen of one package.

    Attributes:
        package: id in the inventory.
        state: ``metadata only`` where nothing but its own records were read, as every listing of packages does.
        phases: names of the workloads that used it, sorted.
        files: how many of its files were used.
    """

    package: str
    state: UseState
    phases: tuple[str, ...]
    files: int


class RecordedRun(Struct, frozen=True, kw_only=True):
    """One recorded run of a workload.

    Attributes:
        phase: the name that the user gave it.
        command: as run.
        exit_code: of the workload; for a service, after it was stopped.
        events: calls seen.
        lost: calls that could not be read; above 0 the profile is invalid.
    """

    phase: str
    command: tuple[str, ...]
    exit_code: int
    events: int
    lost: int


class Usage(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.usage/1"):
    """Everything that was seen of one or several workloads; never a proof that the rest is not needed.

    Attributes:
        image: digest of the image's configuration.
        inventory: digest of the inventory document.
        mechanism: how calls were seen.
        valid: every run ended as wanted and no call was lost.
        missing: paths that were looked for and are not in the image, sorted.
    """

    tool: str
    created: datetime
    clock: str
    image: Digest
    inventory: Digest
    mechanism: str
    valid: bool
    runs: tuple[RecordedRun, ...]
    paths: tuple[UsedPath, ...]
    missing: tuple[str, ...]
    packages: tuple[PackageUse, ...]

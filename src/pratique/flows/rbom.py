"""A bill of materials that says what ran."""

from collections.abc import Sequence
from pathlib import Path

from pratique.flows.inventory import Progress, take_inventory
from pratique.flows.scan import Request
from pratique.flows.setting import setting
from pratique.formats.cyclonedx import cyclonedx
from pratique.formats.documents import digest_of_document, read
from pratique.formats.official import check_cyclonedx
from pratique.model.errors import InputError
from pratique.model.inventory import Inventory
from pratique.model.usage import Usage
from pratique.profile import combined
from pratique.storage import read_whole

_LIMIT = 256 << 20


def rbom(request: Request, files: Sequence[Path], progress: Progress) -> bytes:
    """Return the CycloneDX document of an image with what each workload used of each package.

    Raises:
        InputError: a usage is none, is not valid, or is of another image.
        PratiqueError: the image cannot be read.
    """
    taken = take_inventory(request.reference, request.platform, setting(request.cache), progress)
    return with_usages(taken.inventory, read_usages(files, taken.inventory))


def with_usages(inventory: Inventory, usages: Sequence[Usage]) -> bytes:
    """Return the CycloneDX document of an inventory with what each workload used of each package."""
    return check_cyclonedx(cyclonedx(inventory, digest_of_document(inventory), combined(usages)))


def read_usages(files: Sequence[Path], inventory: Inventory) -> list[Usage]:
    """Return usage documents that are of an image.

    Raises:
        InputError: one is none, is not valid, or is of another image.
    """
    usages = []
    for path in files:
        usage = read(read_whole(path, _LIMIT), Usage, str(path))
        if usage.image != inventory.source.config:
            raise InputError(
                f"a usage of another image, {usage.image}",
                place=str(path),
                remedy="Profile this image, or name that one",
            )
        if not usage.valid:
            raise InputError(
                "a usage that is not valid", place=str(path), remedy="Profile the workload again"
            )
        usages.append(usage)
    return usages

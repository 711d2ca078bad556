"""Documents into the store of records, and what the store holds."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from pratique import __version__
from pratique.fleet import Known, Store, View, make_record, open_store, read_records
from pratique.flows.clock import Clock, read_clock
from pratique.formats.documents import Report
from pratique.formats.text import readable
from pratique.model.errors import InputError
from pratique.model.fleet import Added, Fleet, ImageState
from pratique.storage import data_folder, read_whole

_DOCUMENT = 1 << 29


def store_file(override: str) -> Path:
    """Return the file of the store: the override, else ``pratique/fleet.sqlite`` in the folder for data."""
    return Path(override) if override else data_folder() / "fleet.sqlite"


def add(paths: Sequence[Path], store: str) -> Added:
    """Record documents, all of them or, where one is at fault, none; in any order, and none of them twice.

    Raises:
        InputError: a file is no document that is recorded.
        PratiqueError: the store cannot be used.
    """
    records = [r for path in paths for r in read_records(read_whole(path, _DOCUMENT), str(path))]
    with Store(store_file(store)) as opened:
        return Added(readable(store_file(store)), len(records), opened.add(records))


def record(report: Report, store: str) -> Added:
    """Record the three documents of a scan, all or none.

    Raises:
        PratiqueError: the store cannot be used.
    """
    records = [make_record(document) for document in structs.astuple(report)]
    with Store(store_file(store)) as opened:
        return Added(readable(store_file(store)), len(records), opened.add(records))


def fleet(store: str) -> Fleet:
    """Return every recorded image with its last decision.

    Raises:
        PratiqueError: the store cannot be used.
    """
    clock = read_clock()
    with open_store(store_file(store)) as opened, opened.reading():
        view = View(opened)
        return Fleet(
            tool=__version__,
            created=clock.now,
            clock=clock.source,
            images=tuple(_state(known, clock) for known in view.images()),
            missing=view.missing(),
        )


def _state(known: Known, clock: Clock) -> ImageState:
    last = known.decision
    return ImageState(
        image=known.name,
        packages=known.packages,
        completeness=known.completeness,
        scanned=known.scanned,
        inventories=known.inventories,
        verdict=last.verdict if last else None,
        decided=last.created if last else None,
        age=(clock.now - last.created).days if last else None,
    )


def known_images(view: View, place: str) -> tuple[Known, ...]:
    """Return every recorded image.

    Raises:
        InputError: there is none, so that any answer would be about nothing.
    """
    images = view.images()
    if not images:
        raise InputError(
            "no image is recorded", place=place, remedy="Record one: pratique scan SOURCE --record"
        )
    return images

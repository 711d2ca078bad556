"""Which recorded images hold a vulnerability or a package, and of which that cannot be known."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from pratique import __version__
from pratique.checks import same_version
from pratique.fleet import Known, LastFindings, Store, Used, View, finding_names, open_store, purl_parts
from pratique.flows.clock import read_clock
from pratique.flows.fleet import known_images, store_file
from pratique.formats.text import plural, readable
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UsageError
from pratique.model.finding import Findings
from pratique.model.fleet import Affected, Holder, Holding, Unknown
from pratique.model.inventory import Purl
from pratique.policy import describe_age, is_stale

_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9:._-]{1,100}")
_READ = ("deb", "pypi")


class _Answer(NamedTuple):
    """What one image says.

    Attributes:
        packages: that hold it.
        doubts: why it may hold more.
        as_of: when what this rests on was made; None where there is nothing.
        snapshot: that findings were made by.
    """

    packages: tuple[Holding, ...]
    doubts: tuple[str, ...]
    as_of: datetime | None
    snapshot: Digest | None = None


def affected(query: str, store: str) -> Affected:
    """Return which recorded images hold a vulnerability, by their latest findings, or a package, by their inventory.

    Args:
        query: a CVE, an alias of it or an advisory's id; or a package URL, with or without a version.
        store: file of the store; empty for the usual one.

    Raises:
        UsageError: the query is neither.
        InputError: nothing is recorded.
        PratiqueError: the store cannot be used.
    """
    clock, query = read_clock(), readable(query)
    asking = _question(query, clock.now)
    with open_store(store_file(store)) as opened, opened.reading():
        view = View(opened)
        images = known_images(view, str(store_file(store)))
        ask = asking(view, opened)
        answers = [(known, ask(known)) for known in images]
        missing = view.missing()
    clear = [a.as_of for _, a in answers if a.as_of and not a.packages and not a.doubts]
    return Affected(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        query=query,
        held=tuple(_holder(known, a, a.as_of) for known, a in answers if a.packages and a.as_of),
        unknown=tuple(
            Unknown(image=known.name, doubts=a.doubts) for known, a in answers if a.doubts and not a.packages
        ),
        clear=len(clear),
        oldest=min((a.as_of for _, a in answers if a.as_of), default=None),
        missing=missing,
    )


def _holder(known: Known, answer: _Answer, as_of: datetime) -> Holder:
    return Holder(
        image=known.name,
        as_of=as_of,
        snapshot=answer.snapshot,
        packages=answer.packages,
        doubts=answer.doubts,
    )


def _question(query: str, now: datetime) -> Callable[[View, Store], Callable[[Known], _Answer]]:
    if query.startswith("pkg:"):
        try:
            parts = purl_parts(query)
        except InputError as error:
            raise UsageError(error.what, remedy="Write it like pkg:pypi/urllib3@1.26.15") from error
        return lambda view, _store: _by_package(parts, view)
    if not _ID.fullmatch(query):
        raise UsageError(
            f"neither a vulnerability nor a package URL: {query[:60]!r}",
            remedy="Name a CVE, an advisory's id, or a package as pkg:pypi/urllib3",
        )
    return lambda view, store: _by_vulnerability(query, now, view, store)


def _by_package(parts: tuple[str, str, str, str], view: View) -> Callable[[Known], _Answer]:
    kind, namespace, name, version = parts
    held: dict[Digest, dict[str, Holding]] = {}
    for placed in view.packages(kind, name):
        fits = not version or same_version(kind, version, placed.version)
        if fits and namespace in {"", placed.namespace}:
            one = Holding(
                package=placed.id,
                purl=Purl(placed.purl),
                version=placed.version,
                told=placed.told,
                state="",
                fixed="",
                use="no usage recorded",
                phases=(),
            )
            held.setdefault(placed.inventory, {}).setdefault(placed.id, one)
    unread = () if kind in _READ else (f"packages of type {kind} are not read",)

    def ask(known: Known) -> _Answer:
        found = held.get(known.name.inventory, {}).values()
        return _Answer(_used(found, known, view), (*unread, *_unread(known)), known.scanned)

    return ask


def _by_vulnerability(query: str, now: datetime, view: View, store: Store) -> Callable[[Known], _Answer]:
    named = view.named(query)

    def ask(known: Known) -> _Answer:
        last = known.findings
        if last is None:
            return _Answer((), (*_unread(known), "no findings are recorded"), None)
        document = store.read(last.digest, Findings) if last.digest in named else None
        found = _holdings(document, query.upper()) if document else iter(())
        doubts = (*_unread(known), *_unjudged(last, now))
        return _Answer(_used(found, known, view), doubts, last.created, last.snapshot)

    return ask


def _unjudged(last: LastFindings, now: datetime) -> Iterator[str]:
    """Yield why findings may lack a vulnerability; what was published since the advisories were made, they cannot have."""
    if last.snapshot is None:
        yield "judged without advisories"
    if last.blind:
        blind = [f"{count:,} {kind}" for kind, count in sorted(last.blind.items())]
        yield f"packages that could not be judged in full: {', '.join(blind)}"
    stale = [f"{feed.name} {describe_age(feed, now)}" for feed in last.feeds if is_stale(feed, now)]
    if stale:
        yield f"judged by advisories that are stale today: {', '.join(stale)}"


def _holdings(document: Findings, name: str) -> Iterator[Holding]:
    for finding in document.findings:
        if name in finding_names(finding):
            yield Holding(
                package=finding.package,
                purl=finding.purl,
                version=finding.version,
                told="itself",
                state=finding.state,
                fixed=finding.fixed,
                use="no usage recorded",
                phases=(),
            )


def _used(found: Iterable[Holding], known: Known, view: View) -> tuple[Holding, ...]:
    """Return packages with what recorded workloads used of them."""
    packages = tuple(found)
    uses = view.uses(known.key) if packages else {}
    return tuple(_with_use(package, uses.get(package.package)) for package in packages)


def _with_use(holding: Holding, used: Used | None) -> Holding:
    if used is None:
        return holding
    if used.state == "used":
        return replace(holding, use="used", phases=used.phases)
    return replace(holding, use="not observed")


def _unread(known: Known) -> tuple[str, ...]:
    if known.completeness == "complete":
        return ()
    gaps = f" ({plural(known.gaps, 'gap')})" if known.gaps else ""
    return (f"the inventory is {known.completeness}{gaps}",)

"""Which newer Debian packages can be taken together, so that every dependency still holds. Pure; fetches nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pratique.ecosystems import debian_depends
from pratique.ecosystems.debian import version_key
from pratique.ecosystems.debian_archive import DebPackage
from pratique.model.errors import InputError
from pratique.model.inventory import Package


class Chosen(NamedTuple):
    """A newer package for an installed one."""

    package: Package
    offer: DebPackage


class Blocked(NamedTuple):
    """A newer package that cannot be taken, and the one sentence that says why."""

    package: Package
    offer: DebPackage
    reason: str


def choose(
    kept: Sequence[Package], offers: Mapping[str, Sequence[DebPackage]], asked: Iterable[str]
) -> tuple[list[Chosen], list[Blocked]]:
    """Return the upgrades that can be made together, and those that cannot be made.

    1. Of a package take what the security suite offers, and what any suite offers where a finding asks for it.
    2. Drop what leaves a dependency of its own or of another kept package unsatisfied; look again until all holds.

    Args:
        kept: Debian packages that stay.
        offers: id of an installed package -> what repositories offer under its name, newest first.
        asked: ids of packages with findings that a newer version ends.
    """
    wanted = set(asked)
    chosen = {
        p.id: Chosen(p, offer) for p in kept if (offer := _best(p, offers.get(p.id, ()), p.id in wanted))
    }  # 1
    blocked: dict[str, Blocked] = {}
    while faults := dict(_faults(kept, chosen)):  # 2
        for identifier, reason in faults.items():
            package, offer = chosen.pop(identifier)
            blocked[identifier] = Blocked(package, offer, reason)
    return [chosen[i] for i in sorted(chosen)], [blocked[i] for i in sorted(blocked)]


def _best(package: Package, offers: Sequence[DebPackage], asked: bool) -> DebPackage | None:  # noqa: FBT001
    try:
        installed = version_key(package.version)
    except InputError:
        return None
    newer = (o for o in offers if version_key(o.version) > installed)
    return next((o for o in newer if asked or o.suite.endswith("-security")), None)


def _faults(kept: Sequence[Package], chosen: Mapping[str, Chosen]) -> Iterator[tuple[str, str]]:
    """Yield (id of an upgrade, why it cannot be made) for upgrades that break a dependency."""
    before = _World.of(kept, {})
    after = _World.of(kept, chosen)
    upgraded = {c.package.name: i for i, c in chosen.items()}
    for identifier, one in chosen.items():
        for field in (one.offer.pre_depends, one.offer.depends):
            for missing in after.missing(field):
                yield (
                    identifier,
                    f"{one.package.name} {one.offer.version} needs {missing}, which is not in the image",
                )
        for field in (one.offer.breaks, one.offer.conflicts):
            for name in after.excluded(field, one.package.name):
                yield identifier, f"{one.package.name} {one.offer.version} does not go with {name}"
    for package in kept:
        if package.id in chosen:
            continue
        for text in package.requires:
            if after.missing(text) and not before.missing(text):
                for name in (n for n in _names(text) if n in upgraded):
                    yield upgraded[name], f"{package.name} {package.version} needs {text}"


class _World(NamedTuple):
    """What would be installed."""

    installed: dict[str, str]
    provides: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, kept: Sequence[Package], chosen: Mapping[str, Chosen]) -> "_World":
        """Return the packages that stay, with upgrades made."""
        installed = {p.name: chosen[p.id].offer.version if p.id in chosen else p.version for p in kept}
        fields = [chosen[p.id].offer.provides if p.id in chosen else ", ".join(p.provides) for p in kept]
        return cls(installed, debian_depends.provides(f for f in fields if f))

    def missing(self, field: str) -> tuple[str, ...]:
        """Return the relations that nothing satisfies."""
        return debian_depends.unsatisfied(field, self.installed, self.provides)

    def excluded(self, field: str, own: str) -> list[str]:
        """Return the installed packages that a Breaks or Conflicts field names."""
        terms = [term for relation in debian_depends.relations(field) for term in relation]
        return [
            str(t)
            for t in terms
            if t.name != own and t.name in self.installed and t.admits(self.installed[t.name])
        ]


def _names(text: str) -> Iterator[str]:
    yield from (term.name for relation in debian_depends.relations(text) for term in relation)

"""What may go: packages that no observed workload used and that nothing which stays depends on.

Works on whole packages, never on single files, and keeps the closure over declared dependencies: what a profile did not
happen to see of a package still works, and what is missing fails loudly, as a missing package.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from pratique.ecosystems import debian_depends, python
from pratique.ecosystems.names import comparable
from pratique.model.errors import InputError
from pratique.model.inventory import Inventory, Package
from pratique.model.usage import Usage

_ALWAYS = {
    "base-files": "the distribution's own layout",
    "ca-certificates": "certificates, which no run without a network shows",
    "libc-bin": "the loader's cache",
    "netbase": "names of protocols and services",
    "tzdata": "time zones, which no run in one zone shows",
}


class Slim(NamedTuple):
    """What stays, with the reason for each, and what goes."""

    kept: dict[str, str]
    removed: tuple[Package, ...]


def slim(
    inventory: Inventory, usages: Sequence[Usage], keep: Iterable[str], environment: dict[str, str]
) -> Slim:
    """Return which packages stay and which go.

    1. What was used stays; so does what is essential, what no run can show, and what a person asked for.
    2. What a kept package depends on stays: every installed provider of every alternative.
    3. A copy vendored inside a package goes or stays with it; what has no list of files stays, since it cannot be removed.

    Args:
        inventory: of the image.
        usages: of its workloads, every one valid.
        keep: names that are to stay whatever was seen.
        environment: PEP 508 markers of the image's Python.
    """
    top = [p for p in inventory.packages if not p.vendored_in]
    kept = dict(_roots(top, usages, {name for word in keep for name in (word, python.normalise(word))}))  # 1
    needs = _Needs(top, environment)
    waiting = list(kept)
    while waiting:  # 2
        one = waiting.pop()
        for other in needs.of(one):
            if other.id not in kept:
                kept[other.id] = f"needed by {needs.name(one)}"
                waiting.append(other.id)
    owned = {p.id: p.vendored_in for p in inventory.packages if p.vendored_in}
    kept.update({inner: "inside a kept package" for inner, owner in owned.items() if owner in kept})  # 3
    return Slim(kept, tuple(p for p in top if p.id not in kept))


def _roots(top: Sequence[Package], usages: Sequence[Usage], keep: set[str]) -> Iterator[tuple[str, str]]:
    used = {u.package: u.phases for usage in usages for u in usage.packages if u.state == "used"}
    for package in top:
        if comparable(package.type, package.name)[1] in keep:
            yield package.id, "kept by request"
        elif package.id in used:
            yield package.id, f"used by {', '.join(used[package.id])}"
        elif package.essential:
            yield package.id, "essential to the distribution"
        elif package.type == "deb" and (package.name in _ALWAYS or package.name.startswith("libnss")):
            yield package.id, _ALWAYS.get(package.name, "name look-up, loaded on demand")
        elif not package.files:
            yield package.id, "has no list of files, so it cannot be removed"
        elif package.type == "pypi" and not package.path.endswith(".dist-info"):
            yield package.id, "does not declare its requirements, so what it needs is unknown"


class _Needs:
    """Which installed packages a package depends on, by its own declarations."""

    def __init__(self, top: Sequence[Package], environment: dict[str, str]) -> None:
        self._by_id = {p.id: p for p in top}
        self._environment = environment
        self._debian = _index(p for p in top if p.type == "deb")
        self._python = _index((p for p in top if p.type == "pypi"), python.normalise)
        for package in top:
            for purl in package.also:
                name = purl.removeprefix("pkg:pypi/").partition("@")[0]
                self._python.setdefault(name, []).append(package)

    def name(self, identifier: str) -> str:
        """Return a package's name for people."""
        return self._by_id[identifier].name

    def of(self, identifier: str) -> Iterator[Package]:
        """Yield the installed packages that one package names."""
        package = self._by_id[identifier]
        for text in package.requires:
            if package.type == "deb":
                for name in _alternatives(text):
                    yield from self._debian.get(name, ())
            else:
                yield from self._required(text)

    def _required(self, text: str) -> Iterator[Package]:
        """Yield what a Requires-Dist line asks for; an extra counts only where a requirement names it."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return
        if requirement.marker and not requirement.marker.evaluate({**self._environment, "extra": ""}):
            return
        for package in self._python.get(python.normalise(requirement.name), ()):
            yield package
            yield from self._extras(package, requirement.extras)

    def _extras(self, package: Package, extras: set[str]) -> Iterator[Package]:
        for extra in sorted(extras):
            for text in package.requires:
                try:
                    inner = Requirement(text)
                except InvalidRequirement:
                    continue
                if inner.marker and inner.marker.evaluate({**self._environment, "extra": extra}):
                    yield from self._python.get(python.normalise(inner.name), ())


def _alternatives(text: str) -> Iterator[str]:
    """Yield every name that a dependency would take; of one that cannot be read, what looks like a name."""
    try:
        yield from (term.name for relation in debian_depends.relations(text) for term in relation)
    except InputError:
        yield text.partition(" ")[0].partition(":")[0]


def _index(packages: Iterable[Package], name: Callable[[str], str] = str) -> dict[str, list[Package]]:
    found: dict[str, list[Package]] = {}
    for package in packages:
        for label in (package.name, *(n for text in package.provides for n in _alternatives(text))):
            found.setdefault(name(label), []).append(package)
    return found

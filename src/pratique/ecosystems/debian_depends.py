"""Debian dependencies: what ``Depends`` and ``Provides`` say, and whether a set of installed packages satisfies it.

Follows Debian Policy 7.1 and 7.5, and the architecture qualifiers of multiarch. Build profiles and architecture lists
stand only in source packages and are refused. Knows nothing of files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from pratique.ecosystems.debian import package_name, version_key
from pratique.model.errors import InputError

_TERM = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+._-]*)(?::(?P<architecture>[a-z0-9-]+))?"
    r"(?:\s*\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s()]+)\s*\))?"
)
_OPERATORS = {"<": "<=", ">": ">="}
"""Old spellings, which dpkg still reads as the inclusive ones (deb-control(5))."""


class Term(Struct, frozen=True):
    """One package of a relation.

    Attributes:
        operator: ``<<``, ``<=``, ``=``, ``>=``, ``>>``; empty where any version does.
        architecture: the qualifier: ``any``, ``native`` or an architecture; empty for that of the depending package.
    """

    name: str
    operator: str = ""
    version: str = ""
    architecture: str = ""

    def admits(self, version: str) -> bool:
        """Say whether a version satisfies the term.

        Raises:
            InputError: it is not a Debian version.
        """
        if not self.operator:
            return True
        given, wanted = version_key(version), version_key(self.version)
        return {
            "<<": given < wanted,
            "<=": given <= wanted,
            "=": given == wanted,
            ">=": given >= wanted,
            ">>": given > wanted,
        }[self.operator]

    def __str__(self) -> str:
        """Return the term as Debian writes it."""
        name = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{name} ({self.operator} {self.version})" if self.operator else name


Relation = tuple[Term, ...]
"""Alternatives, of which one is enough."""


def relations(field: str) -> tuple[Relation, ...]:
    """Return the relations of a ``Depends``, ``Pre-Depends``, ``Conflicts`` or ``Breaks`` field; all must hold.

    Raises:
        InputError: the field is not made of relations.
    """
    parts = (part for part in field.split(",") if part.strip())
    return tuple(tuple(_term(text) for text in part.split("|")) for part in parts)


def provided(field: str) -> tuple[tuple[str, str], ...]:
    """Return (name, version) of a ``Provides`` field; the version is empty where none is given.

    Raises:
        InputError: the field is not a list of names, or gives a version by another operator than ``=``.
    """
    terms = relations(field)
    if any(len(t) != 1 or t[0].operator not in {"", "="} for t in terms):
        raise InputError(f"not a Provides field: {field[:60]!r}")
    return tuple((t[0].name, t[0].version) for t in terms)


def provides(fields: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return name -> versions for the ``Provides`` fields of all installed packages.

    Raises:
        InputError: one is not a Provides field.
    """
    found: dict[str, tuple[str, ...]] = {}
    for field in fields:
        for name, version in provided(field):
            found[name] = (*found.get(name, ()), version)
    return found


def satisfied(
    relation: Relation,
    installed: Mapping[str, str],
    provides: Mapping[str, Sequence[str]],
    architecture: str = "",
) -> bool:
    """Say whether one alternative of a relation is installed.

    A provided name without a version satisfies only terms without one (Policy 7.5).

    Args:
        relation: the alternatives.
        installed: package name -> version; a package of a foreign architecture as ``name:architecture``.
        provides: virtual package name -> versions, as ``provides`` returns it.
        architecture: the image's own; a term qualified with another is looked for as ``name:architecture``.

    Raises:
        InputError: an installed version is not a Debian version.
    """
    return any(_holds(term, installed, provides, architecture) for term in relation)


def unsatisfied(
    field: str,
    installed: Mapping[str, str],
    provides: Mapping[str, Sequence[str]],
    architecture: str = "",
) -> tuple[str, ...]:
    """Return the relations of a field that nothing installed satisfies, as Debian writes them.

    Raises:
        InputError: the field or an installed version cannot be read.
    """
    missing = [r for r in relations(field) if not satisfied(r, installed, provides, architecture)]
    return tuple(" | ".join(map(str, relation)) for relation in missing)


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text.strip())
    if not found:
        raise InputError(f"not a package relation: {text.strip()[:60]!r}")
    operator = found["operator"] or ""
    if operator:
        version_key(found["version"])
    return Term(
        package_name(found["name"]),
        _OPERATORS.get(operator, operator),
        found["version"] or "",
        found["architecture"] or "",
    )


def _holds(
    term: Term, installed: Mapping[str, str], provides: Mapping[str, Sequence[str]], architecture: str
) -> bool:
    native = term.architecture in {"", "any", "native", architecture}
    name = term.name if native else f"{term.name}:{term.architecture}"
    if name in installed and term.admits(installed[name]):
        return True
    return native and any(_provides(term, version) for version in provides.get(name, ()))


def _provides(term: Term, version: str) -> bool:
    return not term.operator or (bool(version) and term.admits(version))

"""Does a version lie in what an advisory calls affected? (OSV schema, "Evaluation")."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from pratique.ecosystems import debian, python
from pratique.model.advisory import Advisory, Range
from pratique.model.errors import InputError

Outcome = Literal["affected", "not affected", "not understood"]


class Verdict(NamedTuple):
    """What an advisory says of a version.

    Attributes:
        range: the interval or list that decided, for people.
        fixed: the version that ends it; empty where none is known.
    """

    outcome: Outcome
    range: str = ""
    fixed: str = ""


def judge_version(kind: str, version: str, advisory: Advisory) -> Verdict:
    """Return whether the advisory affects a version.

    1. A version listed by name is affected, whatever the ranges say.
    2. So is one inside a range.
    3. Where a range, the version or the whole record cannot be understood, that is said; it never counts as clean.

    Args:
        kind: package type, which decides the version order.
        version: as installed; the source version for Debian.
        advisory: about this package.
    """
    verdicts = [_in_range(kind, version, r) for r in advisory.ranges]
    hits = [v for v in verdicts if v.outcome == "affected"]
    listed = ["listed by version"] if _listed(kind, version, advisory) else []
    if listed or hits:  # 1, 2
        text = " or ".join([v.range for v in hits] or listed)
        return Verdict("affected", text, latest(kind, [v.fixed for v in hits]))
    if advisory.unbounded:  # 3
        return Verdict("not understood", "the record does not say which versions are affected")
    unclear = [v for v in verdicts if v.outcome == "not understood"]
    return unclear[0] if unclear else Verdict("not affected")


def key(kind: str, version: str) -> Any:
    """Return the sort key of a version in a package type's order.

    Raises:
        InputError: it is not a version of that type.
    """
    return debian.version_key(version) if kind == "deb" else python.version_key(version)


def same_version(kind: str, asked: str, installed: str) -> bool:
    """Say whether an installed version is the one that was asked for: ``2.1`` finds ``2.1.0`` and ``2.1.0+cu118``.

    A version that cannot be understood, or of a type without an order of versions, is compared as it is written.
    """
    if kind not in {"deb", "pypi"}:
        return asked == installed
    others = {installed, python.public(installed)} if kind == "pypi" else {installed}
    try:
        return any(key(kind, asked) == key(kind, other) for other in others)
    except InputError:
        return asked == installed


def _listed(kind: str, version: str, advisory: Advisory) -> bool:
    """Say whether a version is listed by name, in this or another spelling: ``1.0b`` is ``1.0b0``."""
    names = {version, python.public(version)} if kind == "pypi" else {version}
    if not names.isdisjoint(advisory.versions):
        return True
    own = set(_keys(kind, names))
    return any(listed in own for listed in _keys(kind, advisory.versions))


def _keys(kind: str, versions: Iterable[str]) -> Iterator[Any]:
    for version in versions:
        with suppress(InputError):
            yield key(kind, version)


def _in_range(kind: str, version: str, affected: Range) -> Verdict:
    text = describe(affected)
    end = affected.fixed or affected.last_affected
    try:
        installed = _comparable(kind, version, affected)
        if affected.introduced != "0" and installed < key(kind, affected.introduced):
            return Verdict("not affected")
        inside = not end or (installed < key(kind, end) if affected.fixed else installed <= key(kind, end))
    except InputError as error:
        return Verdict("not understood", f"{text}: {error.what}", affected.fixed)
    return Verdict("affected", text, affected.fixed) if inside else Verdict("not affected")


def _comparable(kind: str, version: str, affected: Range) -> Any:
    """Return the key of the installed version; its local part counts only where a first or fixed version has one."""
    named = (affected.introduced, affected.fixed)
    if kind == "pypi" and not any("+" in bound for bound in named):
        version = python.public(version)
    return key(kind, version)


def describe(affected: Range) -> str:
    """Return a range for people."""
    start = "every version" if affected.introduced == "0" else f">= {affected.introduced}"
    if affected.fixed:
        return f"< {affected.fixed}" if affected.introduced == "0" else f"{start}, < {affected.fixed}"
    if affected.last_affected:
        return (
            f"<= {affected.last_affected}"
            if affected.introduced == "0"
            else f"{start}, <= {affected.last_affected}"
        )
    return start


def latest(kind: str, versions: list[str]) -> str:
    """Return the highest version, or an empty string where one of them is unknown."""
    if not versions or not all(versions):
        return ""
    try:
        return max(versions, key=lambda v: key(kind, v))
    except InputError:
        return versions[-1]

"""os-release: which distribution the image says it is (freedesktop.org os-release(5))."""

import shlex
from typing import Any

from msgspec import Struct

from pratique.model.errors import InputError
from pratique.model.files import Tree, Unread
from pratique.model.inventory import Catalogued, Distribution, Gap

_PATHS = ("etc/os-release", "usr/lib/os-release")
_REMEDY = "its packages can be listed but not judged"


class OsRelease(Struct, frozen=True, tag=True):
    """The fact: the assignments that say which release this is."""

    fields: dict[str, str]


class OsReleaseCataloger:
    """Reads both places that os-release(5) names; the first one counts."""

    name = "os-release"
    marks: tuple[str, ...] | None = _PATHS
    fatal = False
    version = 1
    fact: Any = OsRelease

    def wants(self, path: str) -> bool:
        """Want the two places of os-release(5)."""
        return path in _PATHS

    def read(self, content: bytes) -> OsRelease:
        """Return the assignments.

        Raises:
            InputError: the text is not a list of shell assignments.
        """
        fields = {}
        for number, line in enumerate(content.decode("utf-8", "backslashreplace").splitlines(), 1):
            key, equals, value = line.strip().partition("=")
            if not equals or key.startswith("#"):
                continue
            try:
                fields[key] = "".join(shlex.split(value))
            except ValueError as error:
                raise InputError(f"not a shell assignment ({error})", place=f"line {number}") from error
        return OsRelease(
            {k: fields[k] for k in sorted(fields) if k in {"ID", "VERSION_ID", "NAME", "VERSION_CODENAME"}}
        )

    def assemble(self, tree: Tree) -> Catalogued:
        """Report an image that does not say what it is."""
        found = distribution(tree)
        if found and found.id:
            return Catalogued()
        reasons = [f.reason for _, _, f in tree.facts(self.name) if isinstance(f, Unread)]
        reason = f"no readable os-release{': ' + '; '.join(reasons) if reasons else ''}: {_REMEDY}"
        return Catalogued(gaps=(Gap(kind="unknown-distribution", subject=_PATHS[0], reason=reason),))


def distribution(tree: Tree) -> Distribution | None:
    """Return what the image says it is; None where it does not say."""
    for path in _PATHS:
        file = tree.lookup(path)
        fact = file.facts.get(OsReleaseCataloger.name) if file else None
        if isinstance(fact, OsRelease):
            f = fact.fields
            return Distribution(
                id=f.get("ID", "").lower(),
                version_id=f.get("VERSION_ID", ""),
                name=f.get("NAME", ""),
                codename=f.get("VERSION_CODENAME", ""),
            )
    return None

"""Package databases and archives that are seen but not read: each is a gap, so that silence is never taken for clean."""

import re
from collections import defaultdict
from typing import Any

from pratique.model.files import Tree
from pratique.model.inventory import Catalogued, Gap

_KINDS = {
    "RPM database": r"(?:var/lib/rpm|usr/lib/sysimage/rpm|usr/share/rpm)/(?:rpmdb\.sqlite|Packages|Packages\.db)",
    "Alpine package database": r"(?:usr/)?lib/apk/db/installed",
    "conda package record": r"(?:.*/)?conda-meta/[^/]+\.json",
    "npm package": r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json",
    "Java archive": r".*\.(?:jar|war|ear)",
    "zipped Python egg or wheel": r".*\.(?:egg|whl)",
    "CUDA toolkit": r"usr/local/cuda[^/]*/version\.json",
}
_NAMES = tuple(_KINDS)
_SEEN = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()), re.DOTALL)
_HINTS = (".json", ".jar", ".war", ".ear", ".egg", ".whl", "sqlite", "Packages", ".db", "installed")


class UnsupportedCataloger:
    """Reads nothing; looks at the names in the tree."""

    name = "unsupported"
    marks: tuple[str, ...] | None = ()
    fatal = False
    version = 1
    fact: Any = None

    def wants(self, _path: str) -> bool:
        """Want no file."""
        return False

    def read(self, _content: bytes) -> None:
        """Make nothing of a file, since none is asked for."""

    def assemble(self, tree: Tree) -> Catalogued:
        """Report, for each kind, how many there are and where the first lies."""
        found: dict[str, list[str]] = defaultdict(list)
        for path, _ in tree.files():
            if path.endswith(_HINTS) and (seen := _SEEN.fullmatch(path)):
                found[_NAMES[(seen.lastindex or 1) - 1]].append(path)
        gaps = (_gap(kind, paths) for kind, paths in found.items())
        return Catalogued(gaps=tuple(sorted(gaps, key=lambda g: g.subject)))


def _gap(kind: str, paths: list[str]) -> Gap:
    reason = f"{kind} seen, which this version does not read ({len(paths)} in all)"
    return Gap(kind="unsupported-packages", subject=min(paths), reason=reason)

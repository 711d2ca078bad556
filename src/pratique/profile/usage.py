"""From recorded calls to what was used of each package. Pure: paths are followed in the image's own tree.

An open does not make a package used where it reads what every listing reads: metadata folders, dpkg's database, ``.pth``
files. Byte code belongs to the package of its source. A look-up counts like an open: some files are only looked up, and a
program fails without them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pratique.model.files import Kind, Tree
from pratique.model.inventory import Inventory
from pratique.model.usage import How, PackageUse, RecordedRun, Usage, UsedPath, UseState

_METADATA = re.compile(
    r"(?:^|/)[^/]+\.(?:dist-info|egg-info)(?:/|$)|\.pth$|^var/lib/dpkg/|^usr/share/doc/|^usr/share/(?:man|info|lintian)/"
)
_BYTE_CODE = re.compile(r"^(.*?)/?__pycache__/([^/]+)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc$")
_PASSED: frozenset[How] = frozenset({"looked up"})


def usage(
    runs: Sequence[tuple[RecordedRun, Mapping[str, frozenset[How]]]], inventory: Inventory, tree: Tree
) -> tuple[tuple[UsedPath, ...], tuple[str, ...], tuple[PackageUse, ...]]:
    """Return (paths used, paths looked for in vain, one use for each package).

    Args:
        runs: each recorded run with its calls: absolute path -> kinds of use.
        inventory: of the image.
        tree: of the image.
    """
    used: dict[str, tuple[set[How], set[str]]] = {}
    missing: set[str] = set()
    for run, calls in runs:
        for path, how in calls.items():
            places, gone = _places(path, how, tree)
            missing.add(gone)
            for place, here in places.items():
                kinds, phases = used.setdefault(place, (set(), set()))
                kinds |= here
                phases.add(run.phase)
    paths = tuple(
        UsedPath(path=p, how=tuple(sorted(kinds)), phases=tuple(sorted(phases)))
        for p, (kinds, phases) in sorted(used.items())
    )
    return paths, tuple(sorted(missing - {""})), tuple(packages(paths, inventory))


def _places(path: str, how: frozenset[How], tree: Tree) -> tuple[dict[str, frozenset[How]], str]:
    """Return (paths in the tree with their kinds of use, where the path leads in vain if it does).

    A link on the way was looked up, wherever it leads: into /proc, it leads out of the image. A folder is reached
    without being a file of any package.
    """
    end, links = tree.way(path)
    places = dict.fromkeys(links, _PASSED)
    file = tree.at(end)
    if file is None or file.entry.kind is Kind.SYMLINK:  # over 40 links
        return places, "" if tree.below(end) else end
    if file.entry.kind is not Kind.DIRECTORY:
        places[end] = how
    return places, ""


def packages(paths: Iterable[UsedPath], inventory: Inventory) -> Iterator[PackageUse]:
    """Yield what was seen of each package, in the inventory's order."""
    owners = {path: p.id for p in inventory.packages for path in p.files}
    phases: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    touched: set[str] = set()
    for used in paths:
        owner = owners.get(used.path) or owners.get(_source(used.path))
        if owner is None:
            continue
        touched.add(owner)
        if not _METADATA.search(used.path):
            phases.setdefault(owner, set()).update(used.phases)
            counts[owner] = counts.get(owner, 0) + 1
    for package in inventory.packages:
        state: UseState = "not observed"
        if package.id in counts:
            state = "used"
        elif package.id in touched:
            state = "metadata only"
        seen = tuple(sorted(phases.get(package.id, ())))
        yield PackageUse(package=package.id, state=state, phases=seen, files=counts.get(package.id, 0))


def _source(path: str) -> str:
    """Return the source file that a byte code file was made of."""
    found = _BYTE_CODE.match(path)
    return f"{found[1]}/{found[2]}.py".lstrip("/") if found else ""


def combined(usages: Iterable[Usage]) -> dict[str, PackageUse]:
    """Return what several workloads used together, by package: used by one is used."""
    order: dict[UseState, int] = {"used": 2, "metadata only": 1, "not observed": 0}
    found: dict[str, PackageUse] = {}
    for use in (use for one in usages for use in one.packages):
        before = found.get(use.package, use)
        found[use.package] = PackageUse(
            package=use.package,
            state=max(before.state, use.state, key=lambda state: order[state]),
            phases=tuple(sorted({*before.phases, *use.phases})),
            files=max(before.files, use.files),
        )
    return found

"""What of an image a plan can patch: its Debian packages, and the distributions on the path of its one Python."""

import re
from collections import Counter
from collections.abc import Iterable
from posixpath import dirname
from typing import NamedTuple

from pratique.ecosystems import python
from pratique.ecosystems.debian import upstream
from pratique.model.finding import Finding
from pratique.model.inventory import Inventory, Package

_SITE = re.compile(r"(?:.*/)?python(3\.\d+)/(?:site|dist)-packages")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class PythonTarget(NamedTuple):
    """The distributions that one Python finds.

    Attributes:
        version: of the Python, such as ``3.11``.
        platform: machine and C library, such as ``x86_64-manylinux_2_36``; empty where it cannot be told.
        installed: normalised name -> version, of every distribution on the path.
        packages: those of them that pip or its like installed, by normalised name.
    """

    version: str
    platform: str
    installed: dict[str, str]
    packages: dict[str, Package]


def python_target(inventory: Inventory, kept: Iterable[str]) -> PythonTarget | None:
    """Return the Python environment of an image; None where there is none.

    The site folders with the most distributions tell the Python; distributions elsewhere, as in ``--target`` folders and
    other environments, are not on its path.
    """
    staying = set(kept)
    top = [p for p in inventory.packages if p.type == "pypi" and not p.vendored_in and p.id in staying]
    found = Counter(match[1] for p in top if (match := _SITE.fullmatch(dirname(p.path))))
    if not found:
        return None
    version = found.most_common(1)[0][0]
    folder = Counter(dirname(p.path) for p in top if f"python{version}/" in p.path).most_common(1)[0][0]
    packages = {python.normalise(p.name): p for p in top if dirname(p.path) == folder}
    installed = {name: p.version for name, p in packages.items()}
    for package in inventory.packages:
        if package.id in staying:
            for purl in package.also:
                name, _, told = purl.removeprefix("pkg:pypi/").partition("@")
                installed.setdefault(name, told.replace("%2B", "+"))
    return PythonTarget(version, _platform(inventory), installed, packages)


def _platform(inventory: Inventory) -> str:
    machine = _MACHINES.get(inventory.source.platform.partition("/")[2].partition("/")[0], "")
    libc = next((p for p in inventory.packages if p.type == "deb" and p.name == "libc6"), None)
    found = re.match(r"(\d+)\.(\d+)", upstream(libc.version)) if libc else None
    return f"{machine}-manylinux_{found[1]}_{found[2]}" if machine and found else ""


def fixes(target: PythonTarget, findings: Iterable[Finding]) -> dict[str, str]:
    """Return normalised name -> lowest version that ends every finding with a known fix, for what the target holds."""
    wanted: dict[str, str] = {}
    by_id = {p.id: name for name, p in target.packages.items()}
    for finding in findings:
        name = by_id.get(finding.package)
        if name and finding.fixed:
            wanted[name] = max(wanted.get(name, finding.fixed), finding.fixed, key=python.version_key)
    return wanted

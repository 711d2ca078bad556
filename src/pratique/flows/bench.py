"""An image on the bench: its files with an upper folder on top, and the steps of a plan done to it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname
from typing import NamedTuple

from pratique.flows.inventory import Taken
from pratique.harden import (
    LEFTOVERS,
    PythonHome,
    byte_compile,
    doomed,
    emptied,
    install,
    installed_files,
    purge,
    python_home,
)
from pratique.image import Edit, MergedTree, Upper
from pratique.model.inventory import Package
from pratique.model.plan import Artifact, Plan, Step
from pratique.sandbox import Root


class Bench(NamedTuple):
    """An image on the bench: its files with an upper folder on top, and what is to be done."""

    taken: Taken
    plan: Plan
    files: Mapping[Artifact, Path]
    root: Root
    upper: Upper
    folder: Path

    def edit(self) -> Edit:
        """Return the image's layers as the upper changes them by now."""
        return Edit(self.taken.image, self.taken.facts, self.taken.tree, self.upper)

    def packages(self, kind: str, *actions: str) -> list[Package]:
        """Return the installed packages of a kind that steps of these actions name."""
        by_id = {p.id: p for p in self.taken.inventory.packages}
        return [by_id[s.package] for s in self.steps(kind, *actions) if s.package]

    def steps(self, kind: str, *actions: str) -> list[Step]:
        """Return the steps of these actions for packages of a kind."""
        return [s for s in self.plan.steps if s.type == kind and s.action in actions]


def change_debian(bench: Bench) -> None:
    """Remove first: what goes needs no patch, and what is patched finds less to be configured with."""
    if removed := bench.packages("deb", "remove"):
        purge(bench.root, removed)
    upgraded = [s.artifact for s in bench.steps("deb", "upgrade", "install") if s.artifact]
    if upgraded:
        debs = bench.folder / "debs"
        debs.mkdir()
        for artifact in upgraded:
            shutil.copyfile(bench.files[artifact], debs / artifact.filename)
        install(bench.root, debs, [a.filename for a in upgraded])


def change_python(bench: Bench, stamp: int) -> list[str]:
    """Lay the files of new distributions, take away those of old ones; return what could not be compiled.

    Files are laid as they come out of a wheel, so that no wheel is ever held in memory.
    """
    going = bench.packages("pypi", "remove", "upgrade")
    gone = {p.id for p in going}
    tree = bench.edit().tree()
    old = doomed(going, [p for p in bench.taken.inventory.packages if p.id not in gone], tree)
    home = _home(bench)
    laid = _lay(bench, home, tree, stamp) if home else set()
    sites = [dirname(p.path) for p in going]
    for path in sorted(emptied(old, laid, tree, sites) | (old - laid)):
        bench.upper.remove(path)
    sources = sorted(path for path in laid if path.endswith(".py"))
    said = byte_compile(bench.root, home.program, sources) if home and sources else ""
    return [f"not compiled: {line}" for line in said.splitlines()[:20]]


def _home(bench: Bench) -> PythonHome | None:
    """Return where new distributions go: where the ones lie that they replace."""
    upgraded = bench.packages("pypi", "upgrade")
    return python_home(dirname(upgraded[0].path), bench.taken.tree) if upgraded else None


def _lay(bench: Bench, home: PythonHome, tree: MergedTree, stamp: int) -> set[str]:
    """Lay the files of every wheel of the plan; return where they are."""
    laid = set()
    for step in bench.steps("pypi", "upgrade", "install"):
        for file in installed_files(bench.files[step.artifact], home) if step.artifact else ():
            path = tree.resolve(file.path)
            bench.upper.write(path, file.content, file.mode, stamp)
            laid.add(path)
    return laid


def tidy(bench: Bench) -> None:
    """Take away the logs and older copies that dpkg leaves."""
    tree = bench.edit().tree()
    for path in LEFTOVERS:
        real = tree.resolve(path)
        if tree.at(real):
            bench.upper.remove(real)

"""Catalogers: files to facts while a layer flows by, facts of the merged tree to packages.

To add one, write a file with a class that follows ``pratique.model.inventory.Cataloger`` and add it to ``CATALOGERS``.
"""

from pratique.catalog.dpkg import ListCataloger, StatusCataloger
from pratique.catalog.osrelease import OsReleaseCataloger, distribution
from pratique.catalog.owners import adopt, sized, unowned
from pratique.catalog.python import MetadataCataloger, RecordCataloger
from pratique.catalog.unsupported import UnsupportedCataloger
from pratique.model.files import Tree
from pratique.model.inventory import Cataloger, Catalogued

CATALOGERS: tuple[Cataloger, ...] = (
    OsReleaseCataloger(),
    StatusCataloger(),
    ListCataloger(),
    MetadataCataloger(),
    RecordCataloger(),
    UnsupportedCataloger(),
)


def catalog(tree: Tree) -> Catalogued:
    """Return the packages of a tree, sorted by id, and what could not be read.

    Raises:
        InputError: a package database is damaged.
    """
    parts = [cataloger.assemble(tree) for cataloger in CATALOGERS]
    packages = [sized(tree, p) for p in adopt(tuple(p for part in parts for p in part.packages))]
    gaps = tuple(g for part in parts for g in part.gaps)
    return Catalogued(
        tuple(sorted(packages, key=lambda p: p.id)), tuple(sorted(gaps, key=lambda g: (g.kind, g.subject)))
    )


__all__ = ["CATALOGERS", "catalog", "distribution", "unowned"]

"""Names under which packages of two inventories are the same package."""

from pratique.ecosystems import python


def comparable(kind: str, name: str) -> tuple[str, str]:
    """Return type and name in the type's one spelling; a Python distribution may change its spelling with a version."""
    return kind, python.normalise(name) if kind == "pypi" else name

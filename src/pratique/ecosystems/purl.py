"""Package URLs, canonical (package-url specification, ECMA-427); the only door to ``packageurl-python``."""

from packageurl import PackageURL

from pratique.model.errors import InputError
from pratique.model.inventory import Distribution, Purl


def parse(text: str) -> PackageURL:
    """Return the parts of a package URL.

    Raises:
        InputError: the text is not a package URL.
    """
    try:
        return PackageURL.from_string(text)
    except ValueError as error:
        raise InputError(f"not a package URL: {text[:120]!r} ({error})") from error


def deb(name: str, version: str, architecture: str, distribution: Distribution | None) -> Purl:
    """Return the package URL of a binary Debian package (purl type definition ``deb``)."""
    vendor = distribution.id if distribution else None
    qualifiers = {"arch": architecture}
    if distribution and distribution.version_id:
        qualifiers["distro"] = f"{distribution.id}-{distribution.version_id}"
    return Purl(PackageURL("deb", vendor or "unknown", name, version, qualifiers).to_string())


def pypi(name: str, version: str) -> Purl:
    """Return the package URL of a Python distribution (purl type definition ``pypi``)."""
    return Purl(PackageURL("pypi", None, name, version).to_string())

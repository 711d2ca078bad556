"""Why is this finding there? Every installation that one vulnerability was found in, with all its evidence."""

from msgspec import Struct

from pratique.flows.inventory import Progress
from pratique.flows.scan import Request, scan
from pratique.model.advisory import Feed
from pratique.model.errors import InputError
from pratique.model.finding import Finding
from pratique.model.inventory import Inventory, Layer, Package


class Explanation(Struct, frozen=True, tag_field="schema", tag="pratique.explanation/1"):
    """One finding beside the installation that it is in.

    Attributes:
        layer: the layer that brought the installation; None in a plain folder.
        position: of that layer, 1 at the bottom; 0 in a plain folder.
        layers: in all.
        feeds: that the matching records came from.
    """

    finding: Finding
    package: Package
    layer: Layer | None
    position: int
    layers: int
    feeds: tuple[Feed, ...]


def explain(identifier: str, request: Request, progress: Progress) -> tuple[Explanation, ...]:
    """Return why a vulnerability was found in an image, one explanation for each installation.

    Args:
        identifier: a CVE, an alias of it, or the id of an advisory.
        request: the image.
        progress: called with (layers read, layers in all).

    Raises:
        InputError: it was not found there.
    """
    report = scan(request, progress)
    wanted = identifier.upper()
    found = [f for f in report.findings.findings if wanted in _names(f)]
    if not found:
        blind = sum(a.state != "assessed" for a in report.findings.assessments)
        raise InputError(
            f"no finding {identifier[:60]} in this image",
            place=request.reference,
            remedy=f"This proves nothing for the {blind} packages that could not be assessed in full: see pratique scan",
        )
    return tuple(_explanation(f, report.inventory, report.findings.feeds) for f in found)


def _names(finding: Finding) -> set[str]:
    return {name.upper() for name in (finding.id, *finding.aliases, *(m.record for m in finding.matches))}


def _explanation(finding: Finding, inventory: Inventory, feeds: tuple[Feed, ...]) -> Explanation:
    package = next(p for p in inventory.packages if p.id == finding.package)
    layer = None if package.layer is None else inventory.layers[package.layer]
    names = {m.feed for m in finding.matches}
    return Explanation(
        finding=finding,
        package=package,
        layer=layer,
        position=0 if package.layer is None else package.layer + 1,
        layers=len(inventory.layers),
        feeds=tuple(f for f in feeds if f.name in names),
    )

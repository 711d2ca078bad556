"""CycloneDX 1.6 JSON (ECMA-424): an inventory as a bill of materials.

Copies vendored inside a package are components of that package. What could not be read stands in the metadata's
properties, and the composition says so.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from pratique.formats.documents import encode
from pratique.model.digest import Digest
from pratique.model.inventory import Inventory, Package
from pratique.model.usage import PackageUse

_NO_USE: Mapping[str, PackageUse] = MappingProxyType({})
_VERSION = 1024
"""Characters that the schema allows a version; the package URL beside it has the whole."""
_AGGREGATE = {"complete": "complete", "partial": "incomplete", "unknown": "unknown"}


class Property(Struct, frozen=True):
    """A name and value of our own."""

    name: str
    value: str


class Component(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A component; an empty value is left out."""

    type: str
    bom_ref: str = field(name="bom-ref", default="")
    name: str
    version: str = ""
    purl: str = ""
    properties: tuple[Property, ...] = ()
    components: tuple["Component", ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


def cyclonedx(inventory: Inventory, digest: Digest, uses: Mapping[str, PackageUse] = _NO_USE) -> bytes:
    """Return the bill of materials of an inventory; the same inventory gives the same bytes.

    Args:
        inventory: what was found.
        digest: of the inventory document, from which the serial number comes.
        uses: package id -> what workloads used of it; each use becomes a property of its component.
    """
    image = _image(inventory)
    tool = Component(type="application", name="pratique", version=inventory.tool)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": inventory.created,
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [tool]},
            "component": image,
            "properties": _gaps(inventory),
        },
        "components": _components(inventory, uses),
        "compositions": [{"aggregate": _aggregate(inventory), "assemblies": [image.bom_ref]}],
    }
    return encode(document)


def _aggregate(inventory: Inventory) -> str:
    """Files that no package owns may be anything: a bill that lists packages cannot call itself complete then."""
    loose = inventory.completeness == "complete" and inventory.unowned
    return "unknown" if loose else _AGGREGATE[inventory.completeness]


def _image(inventory: Inventory) -> Component:
    source = inventory.source
    version = source.digest or source.config or ""
    return Component(type="container", bom_ref=f"image:{version}", name=source.reference, version=version)


def _gaps(inventory: Inventory) -> list[Property]:
    completeness = [Property("pratique:completeness", inventory.completeness)]
    return completeness + [
        Property(f"pratique:gap:{g.kind}", f"{g.subject}: {g.reason}") for g in inventory.gaps
    ]


def _components(inventory: Inventory, uses: Mapping[str, PackageUse]) -> list[Component]:
    inner: dict[str, list[Package]] = {}
    for package in inventory.packages:
        inner.setdefault(package.vendored_in, []).append(package)
    system = inventory.distribution
    first = (
        [Component(type="operating-system", name=system.id, version=system.version_id[:_VERSION])]
        if system and system.id
        else []
    )
    return first + [_component(p, inner, inventory, uses) for p in inner.get("", [])]


def _component(
    package: Package, inner: dict[str, list[Package]], inventory: Inventory, uses: Mapping[str, PackageUse]
) -> Component:
    vendored = (
        ()
        if package.vendored_in
        else tuple(_component(p, inner, inventory, uses) for p in inner.get(package.id, ()))
    )
    return Component(
        type="library",
        bom_ref=package.id,
        name=package.name,
        version=package.version[:_VERSION],
        purl=package.purl,
        properties=(*_properties(package, inventory), *_use(uses.get(package.id))),
        components=vendored,
        evidence={"occurrences": [{"location": package.path}]},
    )


def _use(use: PackageUse | None) -> tuple[Property, ...]:
    """Return what workloads used of a package; nothing where no workload was recorded."""
    if use is None:
        return ()
    phases = tuple(Property("pratique:phase", phase) for phase in use.phases)
    return (Property("pratique:use", use.state), Property("pratique:used-files", str(use.files)), *phases)


def _properties(package: Package, inventory: Inventory) -> tuple[Property, ...]:
    found = [Property("pratique:also", purl) for purl in package.also]
    if package.layer is not None:
        found.append(Property("pratique:layer", inventory.layers[package.layer].diff_id))
    if package.source:
        found.append(Property("pratique:source", f"{package.source.name} {package.source.version}"))
    return tuple(found)

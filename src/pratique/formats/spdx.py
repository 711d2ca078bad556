"""SPDX 2.3 JSON (ISO/IEC 5962 lineage): an inventory as an SPDX document.

Licences, suppliers and download places are not read yet and say ``NOASSERTION``.
"""

import hashlib
import re
import uuid
from typing import Any

from pratique.formats.documents import encode
from pratique.formats.text import gap_text
from pratique.model.digest import Digest
from pratique.model.inventory import Inventory, Package

_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_UNKNOWN = {
    "downloadLocation": "NOASSERTION",
    "licenseConcluded": "NOASSERTION",
    "licenseDeclared": "NOASSERTION",
}


def spdx(inventory: Inventory, digest: Digest) -> bytes:
    """Return the SPDX document of an inventory; the same inventory gives the same bytes.

    Args:
        inventory: what was found.
        digest: of the inventory document, from which the namespace comes.
    """
    image = "SPDXRef-Image"
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": inventory.source.reference,
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "creationInfo": {
            "created": inventory.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: pratique-{inventory.tool}"],
        },
        "comment": _comment(inventory),
        "packages": [_image(inventory, image), *(_package(p) for p in inventory.packages)],
        "relationships": [
            _related("SPDXRef-DOCUMENT", "DESCRIBES", image),
            *(_related(image, "CONTAINS", _id(p.id)) for p in inventory.packages if not p.vendored_in),
            *(
                _related(_id(p.vendored_in), "CONTAINS", _id(p.id))
                for p in inventory.packages
                if p.vendored_in
            ),
        ],
    }
    return encode(document)


def _comment(inventory: Inventory) -> str:
    lines = [f"Completeness: {inventory.completeness}"]
    return "\n".join(lines + [gap_text(g) for g in inventory.gaps])


def _image(inventory: Inventory, identifier: str) -> dict[str, Any]:
    version = inventory.source.digest or inventory.source.config
    named = {"versionInfo": version} if version else {}
    return {
        "SPDXID": identifier,
        "name": inventory.source.reference,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "CONTAINER",
        "supplier": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        **named,
        **_UNKNOWN,
    }


def _package(package: Package) -> dict[str, Any]:
    names = (package.purl, *package.also)
    source = (
        {"sourceInfo": f"built from {package.source.name} {package.source.version}"} if package.source else {}
    )
    return {
        "SPDXID": _id(package.id),
        "name": package.name,
        "versionInfo": package.version,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "LIBRARY",
        "supplier": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "comment": f"Recorded at {package.path}",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": name}
            for name in names
        ],
        **source,
        **_UNKNOWN,
    }


def _id(package: str) -> str:
    """Return an SPDX identifier (SPDX 2.3, 3.2): readable, and unique by its last part."""
    readable = _UNFIT.sub("-", package.partition("#")[0])[:80].strip("-")
    return f"SPDXRef-{readable}-{hashlib.sha256(package.encode()).hexdigest()[:16]}"


def _related(one: str, relation: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": relation, "relatedSpdxElement": other}

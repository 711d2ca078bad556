import json
import re
from datetime import UTC, datetime
from typing import Any

from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pratique.formats.documents import digest_of_document
from pratique.formats.official import check_spdx
from pratique.formats.spdx import spdx
from pratique.model.inventory import Inventory, Source, SourcePackage
from tests.making import hostile
from tests.making.values import ZERO, gap, inventory, package

SSL = package(
    "libssl3", "3.0-1", kind="deb", source=SourcePackage("openssl", "3.0-1"), also=("pkg:pypi/x@1",)
)


def made(held: Inventory) -> Any:
    return json.loads(check_spdx(spdx(held, digest_of_document(held))))


def test_document() -> None:
    document = made(inventory(SSL, created=datetime(2026, 1, 2, tzinfo=UTC), gaps=(gap("anomaly", "x"),)))
    assert (document["spdxVersion"], document["SPDXID"], document["dataLicense"]) == (
        "SPDX-2.3",
        "SPDXRef-DOCUMENT",
        "CC0-1.0",
    )
    assert document["creationInfo"] == {
        "created": "2026-01-02T00:00:00Z",
        "creators": ["Tool: pratique-0.0.0"],
    }
    assert document["comment"] == "Completeness: complete\nanomaly: x: reason of x"
    image, ssl = document["packages"]
    assert (image["name"], image["versionInfo"], image["primaryPackagePurpose"]) == (
        "image",
        ZERO,
        "CONTAINER",
    )
    assert (ssl["name"], ssl["versionInfo"], ssl["sourceInfo"]) == (
        "libssl3",
        "3.0-1",
        "built from openssl 3.0-1",
    )
    assert [r["referenceLocator"] for r in ssl["externalRefs"]] == [SSL.purl, "pkg:pypi/x@1"]


def test_relationships() -> None:
    outer = package("a", "1")
    document = made(inventory(outer, package("b", "1", vendored_in=outer.id)))
    names = {p["SPDXID"]: p["name"] for p in document["packages"]} | {"SPDXRef-DOCUMENT": "document"}
    found = [
        (names[r["spdxElementId"]], r["relationshipType"], names[r["relatedSpdxElement"]])
        for r in document["relationships"]
    ]
    assert found == [("document", "DESCRIBES", "image"), ("image", "CONTAINS", "a"), ("a", "CONTAINS", "b")]


def test_identifiers_are_unique_and_of_the_allowed_letters() -> None:
    twins = [package("a", "1", path=path) for path in ("x", "y")]
    identifiers = [p["SPDXID"] for p in made(inventory(*twins))["packages"]]
    assert len(set(identifiers)) == 3
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", i) for i in identifiers)


def test_image_without_a_digest() -> None:
    image = made(inventory(source=Source(kind="dir", reference="r")))["packages"][0]
    assert "versionInfo" not in image


def test_same_inventory_same_bytes_other_inventory_other_namespace() -> None:
    one, other = inventory(package("a", "1")), inventory(package("a", "2"))
    assert spdx(one, digest_of_document(one)) == spdx(one, digest_of_document(one))
    assert made(one)["documentNamespace"] != made(other)["documentNamespace"]


def test_hostile_names_are_valid_and_read_back_by_another_library() -> None:
    document = JsonLikeDictParser().parse(made(hostile.INVENTORY))  # type: ignore[no-untyped-call]
    assert [m.validation_message for m in validate_full_spdx_document(document)] == []
    assert {p.name for p in document.packages} == {*hostile.NAMES, "image"}

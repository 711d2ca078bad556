import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.model.bom import Bom

from pratique.formats.cyclonedx import cyclonedx
from pratique.formats.documents import digest_of_document
from pratique.formats.official import check_cyclonedx
from pratique.model.inventory import Distribution, Inventory, SourcePackage
from tests.making import hostile
from tests.making.values import ZERO, gap, inventory, package

SSL = package(
    "libssl3", "3.0-1", kind="deb", source=SourcePackage("openssl", "3.0-1"), also=("pkg:pypi/x@1",)
)


def made(held: Inventory) -> Any:
    return json.loads(check_cyclonedx(cyclonedx(held, digest_of_document(held))))


def test_document() -> None:
    document = made(inventory(SSL, created=datetime(2026, 1, 2, tzinfo=UTC)))
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert document["serialNumber"].startswith("urn:uuid:")
    assert document["metadata"]["timestamp"] == "2026-01-02T00:00:00Z"
    assert document["metadata"]["component"] == {
        "type": "container",
        "bom-ref": f"image:{ZERO}",
        "name": "image",
        "version": ZERO,
    }
    assert document["components"][0] == {"type": "operating-system", "name": "debian", "version": "12"}
    assert document["components"][1] == {
        "type": "library",
        "bom-ref": SSL.id,
        "name": "libssl3",
        "version": "3.0-1",
        "purl": "pkg:deb/debian/libssl3@3.0-1?arch=amd64&distro=debian-12",
        "properties": [
            {"name": "pratique:also", "value": "pkg:pypi/x@1"},
            {"name": "pratique:layer", "value": ZERO},
            {"name": "pratique:source", "value": "openssl 3.0-1"},
        ],
        "evidence": {"occurrences": [{"location": "lib/libssl3"}]},
    }


@pytest.mark.parametrize(
    ("completeness", "aggregate"),
    [("complete", "complete"), ("partial", "incomplete"), ("unknown", "unknown")],
)
def test_composition_says_how_whole_it_is(completeness: str, aggregate: str) -> None:
    document = made(inventory(completeness=completeness, gaps=(gap("anomaly", "x"),)))
    assert document["compositions"] == [{"aggregate": aggregate, "assemblies": [f"image:{ZERO}"]}]
    assert document["metadata"]["properties"] == [
        {"name": "pratique:completeness", "value": completeness},
        {"name": "pratique:gap:anomaly", "value": "x: reason of x"},
    ]


def test_files_that_nobody_owns_leave_the_bill_open() -> None:
    assert made(inventory(unowned=1))["compositions"][0]["aggregate"] == "unknown"
    assert made(inventory(unowned=1, completeness="partial"))["compositions"][0]["aggregate"] == "incomplete"


def test_copies_lie_inside_what_carries_them() -> None:
    outer = package("a", "1")
    document = made(inventory(outer, package("b", "1", vendored_in=outer.id), distribution=None))
    assert [(c["name"], [i["name"] for i in c.get("components", ())]) for c in document["components"]] == [
        ("a", ["b"])
    ]


def test_no_distribution_and_no_layer() -> None:
    unnamed = Distribution(id="", version_id="", name="", codename="")
    document = made(inventory(package("a", "1", layer=None), distribution=unnamed))
    assert [c["name"] for c in document["components"]] == ["a"]
    assert "properties" not in document["components"][0]


def test_same_inventory_same_bytes_other_inventory_other_serial() -> None:
    one, other = inventory(package("a", "1")), inventory(package("a", "2"))
    assert cyclonedx(one, digest_of_document(one)) == cyclonedx(one, digest_of_document(one))
    assert made(one)["serialNumber"] != made(other)["serialNumber"]


def test_version_over_the_format_s_limit_is_cut() -> None:
    document = made(inventory(package("a", "1" * 5000)))
    assert document["components"][1]["version"] == "1" * 1024
    assert document["components"][1]["purl"] == "pkg:pypi/a@" + "1" * 5000


def test_hostile_names_are_valid_and_read_back_by_another_library() -> None:
    document = made(hostile.INVENTORY)
    bom = Bom.from_json(document)  # type: ignore[attr-defined]
    assert {c.name for c in bom.components} == {*hostile.NAMES, "debian"}
    assert bom.metadata.component.bom_ref.value == f"image:{ZERO}"


def test_packages_are_read_back_by_another_library() -> None:
    bom = Bom.from_json(made(inventory(SSL, package("a", "1.0+cu118"))))  # type: ignore[attr-defined]
    read = sorted((str(c.purl), c.version) for c in bom.components if c.purl)
    assert read == [
        ("pkg:deb/debian/libssl3@3.0-1?arch=amd64&distro=debian-12", "3.0-1"),
        ("pkg:pypi/a@1.0%2Bcu118", "1.0+cu118"),
    ]

"""OpenVEX: every finding of both images has one statement, and none says more than is known."""

import json
from typing import Any

import pytest

from pratique.formats.official import check_openvex
from pratique.formats.openvex import openvex
from pratique.model.errors import PratiqueError
from pratique.model.finding import Finding
from pratique.model.plan import Step
from tests.making import ways
from tests.making.values import ZERO, finding, findings, package

PRODUCT = "pkg:oci/image@sha256%3A0"
DEMO, NEWER, COPY = package("demo", "1.0"), package("demo", "2.0"), package("demo", "1.0", path="opt/demo")


def step(action: Any, name: str = "demo", version: str = "1.0") -> Step:
    return Step(action=action, package=package(name, version).id, type="pypi", name=name, reason="r")


def of(held: Any, identifier: str = "CVE-2026-1", **more: Any) -> Finding:
    told = {"package": held.id, "purl": held.purl, "name": held.name, "version": held.version}
    return finding(identifier, **{**told, **more})


def stated(
    before: list[Finding], after: list[Finding], *steps: Step, present: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    document = openvex(
        PRODUCT, ZERO, findings(*before), findings(*after), ways.plan(steps=steps), present=present
    )
    found: list[dict[str, Any]] = json.loads(check_openvex(document))["statements"]
    return found


def brief(statements: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (s["vulnerability"]["name"], s["status"], s["products"][0]["subcomponents"][0]["@id"])
        for s in statements
    ]


def test_what_was_upgraded_is_fixed() -> None:
    assert brief(stated([of(DEMO)], [], step("upgrade"))) == [("CVE-2026-1", "fixed", DEMO.purl)]


def test_what_was_removed_is_not_present() -> None:
    (told,) = stated([of(DEMO)], [], step("remove"))
    assert (told["status"], told["justification"]) == ("not_affected", "component_not_present")
    assert told["impact_statement"] == "demo 1.0 is not in this image: its package was removed"


@pytest.mark.parametrize("steps", [(), (step("remove"),), (step("upgrade"),)])
def test_of_a_package_that_is_there_nothing_good_is_said(steps: tuple[Step, ...]) -> None:
    told = stated([of(DEMO)], [], *steps, present=frozenset({DEMO.purl}))
    assert brief(told) == [("CVE-2026-1", "under_investigation", DEMO.purl)]


def test_what_went_with_another_package_says_so() -> None:
    (told,) = stated([of(DEMO)], [])
    assert "went with the one that carried it" in told["impact_statement"]


@pytest.mark.parametrize(("fixed", "said"), [("2", "Update demo to 2"), ("", "No fixed version is known")])
def test_what_is_still_there_is_affected(fixed: str, said: str) -> None:
    (told,) = stated([of(DEMO, fixed=fixed)], [of(DEMO, fixed=fixed)])
    assert (told["status"], told["action_statement"]) == ("affected", said)


def test_what_an_upgrade_brought_is_affected() -> None:
    told = stated([of(DEMO)], [of(NEWER, "CVE-2026-9")], step("upgrade"))
    assert brief(told) == [("CVE-2026-1", "fixed", DEMO.purl), ("CVE-2026-9", "affected", NEWER.purl)]


def test_an_upgrade_that_did_not_end_it_fixed_nothing() -> None:
    told = stated([of(DEMO)], [of(NEWER)], step("upgrade"))
    assert brief(told) == [("CVE-2026-1", "affected", NEWER.purl)]


def test_of_two_installations_each_that_is_left_is_affected() -> None:
    other = package("demo", "1.5", path="opt/demo")
    told = stated([of(DEMO), of(other)], [of(DEMO), of(other)])
    assert {b[2] for b in brief(told)} == {DEMO.purl, other.purl}
    assert {b[1] for b in brief(told)} == {"affected"}


def test_a_copy_that_is_left_keeps_the_version_affected() -> None:
    """Of two copies of one version one went: the same version cannot be there and not there."""
    told = stated([of(DEMO), of(COPY)], [of(COPY)], step("remove"))
    assert brief(told) == [("CVE-2026-1", "affected", DEMO.purl)]


def test_copies_of_one_version_are_one_statement() -> None:
    assert len(stated([of(DEMO), of(COPY)], [of(DEMO), of(COPY)])) == 1
    assert len(stated([of(DEMO), of(COPY)], [])) == 1


def test_one_vulnerability_in_two_packages_is_two_statements() -> None:
    told = stated([of(DEMO), of(package("idle", "1.0"))], [], step("upgrade"))
    assert [b[1] for b in brief(told)] == ["fixed", "not_affected"]


def test_the_product_is_the_image_by_its_digest() -> None:
    (told,) = stated([of(DEMO)], [of(DEMO)])
    assert told["products"][0]["@id"] == PRODUCT
    assert told["products"][0]["hashes"] == {"sha-256": ZERO.removeprefix("sha256:")}


def test_other_ids_are_told() -> None:
    (told,) = stated([of(DEMO, aliases=("GHSA-a",))], [])
    assert told["vulnerability"] == {"name": "CVE-2026-1", "aliases": ["GHSA-a"]}


def test_an_order_of_findings_changes_nothing() -> None:
    several = [of(DEMO), of(COPY), of(DEMO, "CVE-2026-2"), of(package("idle", "1.0"))]
    one = openvex(PRODUCT, ZERO, findings(*several), findings(), ways.plan(), present=())
    assert one == openvex(PRODUCT, ZERO, findings(*several[::-1]), findings(), ways.plan(), present=())


def test_nothing_found_is_no_document_of_the_format() -> None:
    """OpenVEX wants a statement; an image in which nothing was found has none to make."""
    with pytest.raises(PratiqueError, match="breaks its schema"):
        stated([], [])


@pytest.mark.parametrize(
    "change",
    [{"status": "fine"}, {"status": "not_affected"}, {"status": "affected"}, {"products": [{}]}, {"more": 1}],
)
def test_the_schema_refuses_what_is_wrong(change: dict[str, Any]) -> None:
    document = json.loads(
        openvex(
            PRODUCT, ZERO, findings(of(DEMO)), findings(), ways.plan(steps=(step("upgrade"),)), present=()
        )
    )
    document["statements"][0] |= change
    with pytest.raises(PratiqueError, match="breaks its schema"):
        check_openvex(json.dumps(document).encode())

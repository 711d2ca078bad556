from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.fleet import Record, Store, View, make_record, purl_parts
from pratique.formats.documents import digest_of_document
from pratique.model.digest import Digest
from pratique.model.errors import InputError
from pratique.model.inventory import Purl, SourcePackage
from tests.making import fleet
from tests.making.values import finding, findings, package

A = fleet.image("a")
B = fleet.image("b", package("other", "2"), completeness="partial")
OLD = fleet.judged(A, findings(finding()), at=fleet.days(-2))
NEW = fleet.judged(A, at=fleet.days(-1))
LAX = fleet.judged(A, at=fleet.days(-1), policy=None)  # of the same second as NEW
LONE = fleet.judged(B)
RECORDS = (
    *fleet.records(OLD, NEW, LAX),
    make_record(LONE.decision),
    make_record(LONE.findings),
    make_record(fleet.usage(NEW.inventory, "not observed")),
    make_record(fleet.usage(OLD.inventory, phase="serving")),
)


def seen(records: list[Record], folder: Path) -> tuple[object, ...]:
    """Return everything that a store answers."""
    with Store(folder / "s") as store:
        for record in records:
            store.add([record])
        view = View(store)
        keys = [known.key for known in view.images()]
        asked = [list(view.packages("pypi", name)) for name in ("demo", "other")]
        return (
            view.images(),
            view.missing(),
            [view.uses(key) for key in keys],
            asked,
            view.named("CVE-2026-1"),
        )


@given(st.permutations(RECORDS))
@settings(max_examples=15)
def test_the_order_of_adding_does_not_matter(records: list[Record]) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert seen(records, Path(one)) == seen(list(RECORDS), Path(other))


def test_an_image_is_known_by_its_latest_documents(tmp_path: Path) -> None:
    path = fleet.stored(tmp_path / "s", NEW, OLD)
    with Store(path) as store:
        (known,) = View(store).images()
    assert known.inventories == 2
    assert known.name.inventory == digest_of_document(NEW.inventory)
    assert known.decision
    assert known.decision.digest == digest_of_document(NEW.decision)
    assert known.findings
    assert known.findings.digest == digest_of_document(NEW.findings)


def test_of_two_decisions_of_one_second_the_worse_is_the_last(tmp_path: Path) -> None:
    bad = fleet.judged(A, findings(finding()))
    good = fleet.judged(A)
    for number, pair in enumerate(((bad, good), (good, bad))):
        with Store(fleet.stored(tmp_path / str(number), *pair)) as store:
            (known,) = View(store).images()
        assert known.decision
        assert known.decision.verdict == "fail"
        assert known.findings
        assert known.findings.digest == digest_of_document(bad.findings)


def test_an_inventory_that_was_never_added_is_missing(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add([make_record(LONE.decision), make_record(fleet.usage(A))])
        view = View(store)
        assert view.images() == ()
        assert set(view.missing()) == {digest_of_document(LONE.inventory), digest_of_document(A)}
        store.add([make_record(LONE.inventory)])
        assert view.missing() == (digest_of_document(A),)
        store.add([make_record(NEW.inventory)])  # not the one that the usage names, but one of its image
        assert view.missing() == ()


def test_unpacked_roots_are_told_apart_by_where_they_lie(tmp_path: Path) -> None:
    roots = [fleet.image(name) for name in "xy"]
    held = [
        fleet.judged(fleet.image("r", source=type(r.source)(kind="dir", reference=r.source.reference)))
        for r in roots
    ]
    with Store(fleet.stored(tmp_path / "s", *held)) as store:
        assert [known.key for known in View(store).images()] == ["dir:oci:x", "dir:oci:y"]


def test_usages_add_up_and_invalid_ones_say_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        view = View(store)
        store.add([make_record(A), make_record(fleet.usage(A, phase="broken", valid=False))])
        key = view.images()[0].key
        assert view.uses(key) == {}
        store.add([make_record(fleet.usage(A, "metadata only"))])
        assert [u.state for u in view.uses(key).values()] == ["metadata only"]
        store.add([make_record(fleet.usage(A, phase=phase)) for phase in ("training", "serving")])
        assert [u.phases for u in view.uses(key).values()] == [("serving", "training")]
        store.add([make_record(fleet.usage(A, "not observed", phase="idle"))])
        assert [u.state for u in view.uses(key).values()] == ["used"]


def test_packages_are_found_by_every_name(tmp_path: Path) -> None:
    source = SourcePackage("openssl", "3.0.11-1")
    other = (Purl("pkg:pypi/ssl@3"),)
    held = fleet.image(
        "a",
        package("libssl3", "3.0.11-1+b1", kind="deb", source=source, also=other),
        package("Zope.Interface", "5"),
    )
    with Store(fleet.stored(tmp_path / "s", fleet.judged(held))) as store:
        view = View(store)
        found = {
            name: [(p.told, p.version) for p in view.packages(kind, name)]
            for kind, name in (
                ("deb", "libssl3"),
                ("deb", "openssl"),
                ("pypi", "ssl"),
                ("pypi", "zope-interface"),
            )
        }
    assert found == {
        "libssl3": [("itself", "3.0.11-1+b1")],
        "openssl": [("source", "3.0.11-1")],
        "ssl": [("also", "3")],
        "zope-interface": [("itself", "5")],
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pkg:pypi/Zope_Interface", ("pypi", "", "zope-interface", "")),
        ("pkg:deb/debian/libssl3@3.0?arch=amd64", ("deb", "debian", "libssl3", "3.0")),
        ("pkg:pypi/urllib3@1.26.15", ("pypi", "", "urllib3", "1.26.15")),
    ],
)
def test_parts_of_a_package_url(text: str, parts: tuple[str, ...]) -> None:
    assert purl_parts(text) == parts


@pytest.mark.parametrize("text", ["", "pkg:", "pkg:pypi", "pypi/x", "pkg:pypi/"])
def test_what_is_no_package_url_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a package URL"):
        purl_parts(text)


def test_vulnerabilities_are_found_by_alias_in_any_case(tmp_path: Path) -> None:
    made = fleet.judged(A, findings(finding(aliases=("GHSA-aaaa-bbbb-cccc",))))
    with Store(fleet.stored(tmp_path / "s", made)) as store:
        want = frozenset[Digest]({digest_of_document(made.findings)})
        assert View(store).named("ghsa-AAAA-bbbb-cccc") == View(store).named("cve-2026-1") == want
        assert View(store).named("CVE-2026-2") == frozenset()

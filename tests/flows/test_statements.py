"""Documents that belong together become statements; one that was changed, moved or lost stops them, by its name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pratique.attest import verify
from pratique.flows.attest import attest_one
from pratique.flows.statements import TYPES, predicates, read_known, vex_of
from pratique.formats import official
from pratique.formats.documents import encode
from pratique.image import open_statements
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, PratiqueError, UnavailableError
from pratique.model.inventory import Source
from pratique.model.verification import Verification
from tests.making import keys
from tests.making.cleared import Cleared
from tests.making.values import NOW

READ = [
    "before/inventory.json",
    "before/findings.json",
    "after/inventory.json",
    "after/findings.json",
    "after/decision.json",
    "plan.json",
    "hardening.json",
    "usage-training.json",
    "proof-training.json",
]


def everything(way: Cleared, image: Digest | None = None) -> dict[str, bytes]:
    return dict(predicates(read_known(way.documents, image or way.image), image or way.image))


def edited(path: Path, **more: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **more}))


def alone(way: Cleared) -> None:
    """Take the list away that ``clear`` leaves, as for documents that were made step by step."""
    (way.documents / "clearance.json").unlink()


def test_a_cleared_image_has_five_statements_beside_the_decision(way: Cleared) -> None:
    assert list(everything(way)) == ["sbom", "spdx", "rbom", "vex", "provenance"]
    assert {*everything(way), "lock", "decision"} == set(TYPES)


def verification(image: Digest) -> bytes:
    document = Verification(
        tool="0",
        created=NOW,
        clock="system",
        image=Source(kind="oci", reference="oci:image", digest=image),
        locks=(),
        verdict="same",
        distributions=(),
        deviations=(),
        unchecked=(),
    )
    return encode(document)


def test_a_comparison_with_a_lock_is_stated_where_it_is_there(way: Cleared) -> None:
    (way.documents / "lock.json").write_bytes(verification(way.image))
    assert everything(way)["lock"] == verification(way.image)


def test_a_comparison_of_another_image_is_refused(way: Cleared) -> None:
    (way.documents / "lock.json").write_bytes(verification(digest_of(b"another")))
    with pytest.raises(InputError, match="it speaks of"):
        everything(way)


def test_they_are_made_anew_and_always_the_same(way: Cleared) -> None:
    first = everything(way)
    for name in ("rbom.cdx.json", "after/sbom.cdx.json", "after/sbom.spdx.json"):
        (way.documents / name).write_text("{}")
    alone(way)
    assert everything(way) == first


def test_each_keeps_to_its_schema(way: Cleared) -> None:
    found = everything(way)
    for name, check in (
        ("sbom", official.check_cyclonedx),
        ("rbom", official.check_cyclonedx),
        ("spdx", official.check_spdx),
        ("vex", official.check_openvex),
    ):
        assert check(found[name]) == found[name]


def test_provenance_names_what_the_image_was_made_of(way: Cleared) -> None:
    known = read_known(way.documents, way.image)
    listed = json.loads(everything(way)["provenance"])["buildDefinition"]["resolvedDependencies"]
    named = {one["name"]: f"sha256:{one['digest']['sha256']}" for one in listed}
    assert known.before
    assert known.plan
    assert named["original image"] == known.before[0].source.digest
    assert named["plan"] == digest_of((way.documents / "plan.json").read_bytes().removesuffix(b"\n"))
    assert named["usage 1"] == known.plan.usages[0]
    assert named["proof of training"] == known.decision.proofs[0].proof
    assert [name for name in named if name.endswith(".whl")] == ["demo-2.0-py3-none-any.whl"]


def test_vex_alone_is_the_statement_s_own_document(way: Cleared) -> None:
    assert vex_of(way.reference, way.documents) == everything(way)["vex"]


def test_documents_of_one_scan_make_bills_of_materials_alone(way: Cleared) -> None:
    alone_folder = way.documents / "after"
    with pytest.raises(InputError, match="names a document that is not in the folder"):
        read_known(alone_folder, way.image)
    for proof in way.documents.glob("proof-*.json"):
        proof.rename(alone_folder / proof.name)
    known = read_known(alone_folder, way.image)
    assert [name for name, _ in predicates(known, way.image)] == ["sbom", "spdx"]
    with pytest.raises(InputError, match="documents of one scan"):
        vex_of(way.reference, alone_folder)


@pytest.mark.parametrize("listed", [True, False])
def test_documents_of_another_image_are_refused(way: Cleared, *, listed: bool) -> None:
    if not listed:
        alone(way)
    with pytest.raises(InputError, match="it speaks of") as caught:
        everything(way, digest_of(b"another"))
    assert caught.value.place.endswith("clearance.json" if listed else "after/inventory.json")


@pytest.mark.parametrize("name", READ)
def test_one_changed_byte_of_any_document_stops_it(way: Cleared, name: str) -> None:
    """What is changed still reads; ``clear`` has listed what it wrote."""
    path = way.documents / name
    path.write_bytes(path.read_bytes().replace(b'"created":"2026-11-24T12', b'"created":"2026-11-24T11', 1))
    with pytest.raises(InputError, match="it speaks of") as caught:
        everything(way)
    assert caught.value.place == str(path)


@pytest.mark.parametrize("name", [n for n in READ if n != "after/decision.json"])
def test_without_that_list_documents_bind_each_other(way: Cleared, name: str) -> None:
    """All but the decision, which nothing names: whoever signs documents made step by step vouches for that one."""
    alone(way)
    path = way.documents / name
    path.write_bytes(path.read_bytes().replace(b'"created":"2026-11-24T12', b'"created":"2026-11-24T11', 1))
    if name == "hardening.json":  # names what it is about, and nothing names it but provenance
        assert everything(way)["provenance"]
        return
    with pytest.raises(InputError):
        everything(way)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("listed", [True, False])
def test_a_missing_document_is_named(way: Cleared, name: str, *, listed: bool) -> None:
    if not listed:
        alone(way)
    (way.documents / name).unlink()
    with pytest.raises(PratiqueError) as caught:
        everything(way)
    naming = {"usage-training.json": "plan.json", "proof-training.json": "after/decision.json"}
    assert isinstance(caught.value, InputError if name in naming else UnavailableError)
    assert caught.value.place == str(way.documents / naming.get(name, name))


@pytest.mark.parametrize("name", READ)
def test_a_document_that_is_none_is_named(way: Cleared, name: str) -> None:
    alone(way)
    (way.documents / name).write_text('{"schema": "pratique.other/1"}')
    with pytest.raises(InputError, match=r"not a .* document") as caught:
        everything(way)
    assert caught.value.place == str(way.documents / name)


def test_a_hardening_of_another_image_or_plan_is_refused(way: Cleared) -> None:
    alone(way)
    for member in ("manifest", "plan"):
        before = (way.documents / "hardening.json").read_text()
        edited(way.documents / "hardening.json", **{member: digest_of(b"another")})
        with pytest.raises(InputError, match="it speaks of"):
            everything(way)
        (way.documents / "hardening.json").write_text(before)


def test_further_files_in_the_folder_are_not_stated(way: Cleared) -> None:
    first = everything(way)
    edited(way.documents / "usage-training.json")
    shutil.copy(way.documents / "usage-training.json", way.documents / "usage-other.json")
    alone(way)
    assert everything(way) == first


def test_what_is_attached_is_signed_and_says_what_it_is(way: Cleared) -> None:
    told = way.attest()
    assert [s.type for s in told.statements] == [
        *(TYPES[name] for name in everything(way)),
        TYPES["decision"],
    ]
    about = open_statements(way.reference)
    found = {
        digest_of(data): data for data in about.attached("application/vnd.dev.sigstore.bundle.v0.3+json")
    }
    for one in told.statements:
        data = found[one.bundle]
        assert len(data) == one.size
        assert verify(data, [keys.key().public], way.image, predicate_type=one.type, place="")
    assert told.key == keys.key().public.fingerprint


def test_attested_twice_is_attested_once(attested: Cleared) -> None:
    before = (attested.layout / "index.json").read_bytes()
    attested.attest()
    assert (attested.layout / "index.json").read_bytes() == before


def test_a_failing_statement_attaches_nothing(way: Cleared) -> None:
    before = (way.layout / "index.json").read_bytes()
    (way.documents / "proof-training.json").unlink()
    with pytest.raises(InputError):
        way.attest()
    assert (way.layout / "index.json").read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "predicate", "said"),
    [
        ("https://example.org/a", "{", "not valid JSON"),
        ("https://example.org/a", '{"a":1,"a":2}', "stands twice"),
        ("https://example.org/a", "[" * 64 + "]" * 64, "nested deeper"),
        ("no: type", "{}", "not a predicate type"),
        ("decision", '{"verdict":"pass"}', "not a signeddecision document"),
        ("urn:pratique:decision:1", "{}", "not a signeddecision document"),
    ],
)
def test_a_predicate_that_nobody_could_read_is_not_signed(
    way: Cleared, kind: str, predicate: str, said: str
) -> None:
    before = (way.layout / "index.json").read_bytes()
    file = way.folder / "predicate.json"
    file.write_text(predicate)
    with pytest.raises(InputError, match=said) as refused:
        attest_one(way.reference, kind, file, way.key, b"")
    assert refused.value.remedy
    assert (way.layout / "index.json").read_bytes() == before

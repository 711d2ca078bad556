import json
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from pratique.fleet import Record, Store, make_record, read_records
from pratique.formats.documents import digest_of_document, encode, envelope
from pratique.model.errors import InputError, UntrustedError
from tests.making import fleet, hostile
from tests.making.values import package, report


def test_a_file_is_read_under_the_digest_of_its_bytes() -> None:
    made = fleet.judged(fleet.image("a"))
    for document in (made.inventory, made.findings, made.decision, fleet.usage(made.inventory)):
        for data in (encode(document), encode(document) + b"\n"):
            (found,) = read_records(data, "x")
            assert found == make_record(document)
            assert found.digest == digest_of_document(document)


def test_a_json_report_is_its_three_documents() -> None:
    made = fleet.judged(fleet.image("a"))
    assert read_records(envelope(made), "x") == tuple(fleet.records(made))


def test_a_report_with_a_changed_document_is_refused() -> None:
    data = envelope(fleet.judged(fleet.image("a"))).replace(b'"demo"', b'"dem0"')
    with pytest.raises(UntrustedError, match="does not match its digest"):
        read_records(data, "x")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a document"),
        (b'{"schema":"\xff"}', "not a document"),
        (b"\xff", "not a document"),
        (b"[" * 10_000, "not a document"),
        (b"[]", "not a document"),
        (b"{}", "not a document that is recorded: ''"),
        (b'{"schema":"pratique.plan/1"}', "not a document that is recorded"),
        (b'{"schema":"pratique.inventory/2"}', "not a document that is recorded"),
        (b'{"schema":"pratique.inventory/1"}', "not a inventory document"),
        (b'{"schema":"pratique.usage/1","schema":"pratique.plan/1"}', "not a document that is recorded"),
        (json.dumps(json.loads(encode(fleet.image("a"))), indent=1).encode(), "formatted anew"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_records(data, "place")
    assert "place" in caught.value.place


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_without_a_place_in_time_is_refused(text: str) -> None:
    made = replace(fleet.image("a"), created=datetime.fromisoformat(text))
    with pytest.raises(InputError, match="not a moment"):
        make_record(made)


def test_hostile_names_are_kept_as_they_are(tmp_path: Path) -> None:
    held = fleet.image("h", *hostile.PACKAGES, gaps=hostile.INVENTORY.gaps, completeness="partial")
    made = report(held, hostile.FINDINGS)
    with Store(tmp_path / "s") as store:
        assert store.add(fleet.records(made)) == 3
        assert store.read(digest_of_document(held), type(held)) == held


def test_a_package_without_a_package_url_is_refused() -> None:
    held = fleet.image("h", package("a", "1"), package("b", "1", purl="nonsense"))
    with pytest.raises(InputError, match="not a package URL") as caught:
        read_records(encode(held), "place")
    assert caught.value.place == "place"


def test_a_record_is_small() -> None:
    held = fleet.image("a", *(package(f"p{n}", "1.0", files=(f"lib/p{n}",) * 9) for n in range(300)))
    found: Record = make_record(held)
    assert len(found.body) < found.size / 8

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.formats.documents import Envelope, digest_of_document, encode, envelope, schemas
from pratique.model.digest import digest_of
from pratique.model.finding import Decision, Findings
from pratique.model.inventory import Inventory
from tests.making.values import finding, findings, gap, inventory, package, report

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(values)
def test_what_is_encoded_decodes_to_the_same(value: object) -> None:
    data = encode(value)
    assert json.loads(data) == value
    assert encode(json.loads(data)) == data


@given(values)
def test_no_byte_can_steer_a_terminal(value: object) -> None:
    text = encode(value).decode()
    assert not [
        c
        for c in text
        if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or "\u2028" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"
    ]
    assert "##" not in text


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("\x1b\x7f\x9b", b'"\\u001b\\u007f\\u009b"'),
        ("\u202e\u2066\ufeff", b'"\\u202e\\u2066\\ufeff"'),
        ("##[x]", b'"\\u0023#[x]"'),
        ("\\##", b'"\\\\\\u0023#"'),
        ("é😀", '"é😀"'.encode()),
    ],
)
def test_escapes(text: str, encoded: bytes) -> None:
    assert encode(text) == encoded


def test_order_of_keys_does_not_matter() -> None:
    assert (
        encode({"b": 1, "a": {"d": 1, "c": 2}})
        == encode({"a": {"c": 2, "d": 1}, "b": 1})
        == b'{"a":{"c":2,"d":1},"b":1}'
    )


@pytest.mark.parametrize(
    ("document", "kind", "tag"),
    [
        (inventory(package("a", "1")), Inventory, "pratique.inventory/1"),
        (findings(finding(), gaps=(gap(),)), Findings, "pratique.findings/1"),
        (report(inventory(), findings()).decision, Decision, "pratique.decision/1"),
    ],
)
def test_documents_are_read_back_whole(
    document: Inventory | Findings | Decision, kind: type[Inventory | Findings | Decision], tag: str
) -> None:
    data = encode(document)
    assert json.loads(data)["schema"] == tag
    assert msgspec.json.decode(data, type=kind) == document
    assert digest_of_document(document) == digest_of(data)


def test_one_changed_value_changes_the_digest() -> None:
    digests = {digest_of_document(inventory(package("a", v))) for v in ("1", "2")}
    digests |= {
        digest_of_document(inventory(package("a", "1"), created=datetime(2026, 1, day, tzinfo=UTC)))
        for day in (1, 2)
    }
    assert len(digests) == 4


def test_envelope_holds_each_document_beside_its_digest() -> None:
    made = report(inventory(package("a", "1")), findings(finding()))
    sealed = msgspec.json.decode(envelope(made), type=Envelope)
    assert sealed.inventory.document == made.inventory
    assert sealed.findings.digest == digest_of_document(made.findings)
    assert sealed.decision.document == made.decision
    assert made.findings.inventory == sealed.inventory.digest
    assert made.decision.findings == sealed.findings.digest


def test_schemas_are_named_and_versioned() -> None:
    assert sorted(schemas()) == [
        "admission-1.schema.json",
        "attested-1.schema.json",
        "clearance-1.schema.json",
        "decision-1.schema.json",
        "findings-1.schema.json",
        "hardening-1.schema.json",
        "inventory-1.schema.json",
        "plan-1.schema.json",
        "proof-1.schema.json",
        "report-1.schema.json",
        "signed-decision-1.schema.json",
        "usage-1.schema.json",
        "verification-1.schema.json",
    ]
    assert schemas() == schemas()

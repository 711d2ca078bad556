"""The one verify function: what is wrong anywhere is an error of ours, and what comes back is what was signed."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.attest import PAYLOAD_TYPE, PublicKey, Verified, verify
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, PratiqueError, UnsupportedError, UntrustedError, UsageError
from tests.making import keys

OTHER = digest_of(b"another image")
GOOD = json.dumps(keys.signed()).encode()
ONE = keys.key().public
Change = Callable[[dict[str, Any]], object]


def verified(bundle: Any, *trusted: PublicKey, **more: Any) -> Verified:
    data = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    return verify(data, trusted or (ONE,), keys.IMAGE, place="here", **more)


def statement(**more: Any) -> bytes:
    """Return a payload with members replaced; None takes one out."""
    found = {**json.loads(keys.payload()), **more}
    return json.dumps({k: v for k, v in found.items() if v is not None}).encode()


def test_what_comes_back_is_what_was_signed() -> None:
    found = verified(GOOD, keys.key(2).public, ONE)
    assert found.payload == keys.payload()
    assert found.statement.predicate == {"said": "so"}
    assert found.statement.predicate_type == keys.KIND
    assert [s.digest for s in found.statement.subjects] == [keys.IMAGE]
    assert (found.key, found.bundle) == (ONE.fingerprint, digest_of(GOOD))
    assert verified(GOOD, predicate_type=keys.KIND) == verified(GOOD)


@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7))
@settings(max_examples=600)
def test_with_one_bit_changed_nothing_else_is_ever_said(at: int, bit: int) -> None:
    """Outside of what is signed a changed bit may do nothing, as in the hint; then the same is said, by the same key."""
    changed = bytearray(GOOD)
    changed[at] ^= 1 << bit
    try:
        found = verified(bytes(changed))
    except PratiqueError:
        return
    assert (found.payload, found.key) == (keys.payload(), ONE.fingerprint)


@pytest.mark.parametrize("at", range(0, len(keys.payload()), 7))
def test_a_byte_of_the_payload(at: int) -> None:
    data = bytearray(keys.payload())
    data[at] ^= 1
    bundle = keys.signed()
    bundle["dsseEnvelope"]["payload"] = keys.encoded(bytes(data))
    with pytest.raises(UntrustedError, match="no trusted key signed this"):
        verified(bundle)


@pytest.mark.parametrize("at", range(70))
def test_a_byte_of_the_signature(at: int) -> None:
    bundle = keys.signed()
    data = bytearray(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
    data[at] ^= 1
    bundle["dsseEnvelope"]["signatures"] = [{"sig": keys.encoded(bytes(data))}]
    with pytest.raises(UntrustedError, match="no trusted key signed this"):
        verified(bundle)


@pytest.mark.parametrize(
    "kind", ["application/vnd.in-toto+json ", "application/json", "APPLICATION/vnd.in-toto+json", ""]
)
def test_another_type_of_payload_is_refused_signed_or_not(kind: str) -> None:
    for bundle in (keys.signed(payload_type=kind), {**keys.signed(), "dsseEnvelope": None}):
        if bundle["dsseEnvelope"] is None:
            bundle["dsseEnvelope"] = {**keys.signed()["dsseEnvelope"], "payloadType": kind}
        with pytest.raises(UntrustedError, match="a payload of type"):
            verified(bundle)


def test_the_payload_alone_is_not_what_is_signed() -> None:
    """A signature over the payload without its type is one that another protocol could have made."""
    bundle = keys.signed()
    bundle["dsseEnvelope"]["signatures"] = [{"sig": keys.encoded(keys.key().sign(keys.payload()))}]
    with pytest.raises(UntrustedError):
        verified(bundle)


def test_the_same_statement_spelled_otherwise_was_not_signed() -> None:
    bundle = keys.signed()
    respelled = json.dumps(json.loads(keys.payload()), indent=1).encode()
    bundle["dsseEnvelope"]["payload"] = keys.encoded(respelled)
    with pytest.raises(UntrustedError):
        verified(bundle)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda t: t.rstrip("="),
        lambda t: t + "\n",
        lambda t: t[:8] + " " + t[8:],
        lambda t: t[:8] + "\n" + t[8:],
        lambda t: t + "====",
        lambda _: "",
        lambda t: t[:-2] + chr(ord(t[-2]) + 1) + t[-1] if t.endswith("=") else t + "A",
        lambda t: base64.urlsafe_b64encode(b"\xff\xfe\xfb" + base64.b64decode(t)).decode(),
        lambda t: t[:-1] + "\u00ff",
    ],
)
@pytest.mark.parametrize("member", ["payload", "sig"])
def test_base64_has_one_spelling(spelled: Callable[[str], str], member: str) -> None:
    bundle = keys.signed(keys.payload() + b"\n" * (1 - len(keys.payload()) % 3 + 3))
    envelope = bundle["dsseEnvelope"]
    holder = envelope if member == "payload" else envelope["signatures"][0]
    before = holder[member]
    holder[member] = spelled(before)
    assert holder[member] != before or not before.endswith("=")
    if holder[member] != before:
        with pytest.raises((InputError, UntrustedError)):
            verified(bundle)


@pytest.mark.parametrize("count", [0, 2, 10_000])
def test_one_signature_belongs_to_a_bundle(count: int) -> None:
    bundle = keys.signed()
    bundle["dsseEnvelope"]["signatures"] *= count
    with pytest.raises(InputError, match=f"{count} signatures"):
        verified(bundle)


def test_a_second_signature_by_another_key_is_not_passed_over() -> None:
    bundle = keys.signed()
    bundle["dsseEnvelope"]["signatures"] += keys.signed(number=2)["dsseEnvelope"]["signatures"]
    with pytest.raises(InputError, match="2 signatures"):
        verified(bundle, ONE, keys.key(2).public)


def test_a_stranger_s_key_is_not_trusted() -> None:
    with pytest.raises(UntrustedError, match="no trusted key signed this"):
        verified(keys.signed(number=2))


def test_hints_and_key_ids_decide_nothing() -> None:
    lying = keys.signed(number=2)
    lying["verificationMaterial"]["publicKey"]["hint"] = ONE.hint
    lying["dsseEnvelope"]["signatures"][0]["keyid"] = ONE.fingerprint
    with pytest.raises(UntrustedError):
        verified(lying)
    honest = keys.signed()
    honest["verificationMaterial"]["publicKey"]["hint"] = keys.key(2).public.hint
    honest["dsseEnvelope"]["signatures"][0]["keyid"] = "nonsense"
    assert verified(honest).key == ONE.fingerprint


def test_without_a_key_nothing_is_verified() -> None:
    with pytest.raises(UsageError, match="no key to verify with"):
        verify(GOOD, [], keys.IMAGE, place="here")


def test_a_statement_about_something_else() -> None:
    with pytest.raises(UntrustedError, match="not about") as caught:
        verified(keys.signed(keys.payload(image=OTHER)))
    assert caught.value.place == "here"


def test_of_several_subjects_one_has_to_be_ours() -> None:
    def several(*digests: str) -> bytes:
        subjects = [{"name": "a", "digest": {"sha256": d.removeprefix("sha256:")}} for d in digests]
        return statement(subject=subjects)

    assert len(verified(keys.signed(several(OTHER, keys.IMAGE))).statement.subjects) == 2
    with pytest.raises(UntrustedError):
        verified(keys.signed(several(OTHER, OTHER)))
    with pytest.raises(InputError, match="65 subjects"):
        verified(keys.signed(several(*[keys.IMAGE] * 65)))


@pytest.mark.parametrize(
    "more",
    [
        {"subject": []},
        {"subject": None},
        {"subject": [{"name": "a"}]},
        {"subject": [{"digest": {"sha512": "0" * 128}}]},
        {"subject": [{"digest": {"sha256": keys.IMAGE}}]},
        {"subject": [{"digest": {"sha256": keys.IMAGE[7:].upper()}}]},
        {"subject": {"digest": {"sha256": keys.IMAGE[7:]}}},
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"_type": None},
        {"predicateType": ""},
        {"predicateType": None},
        {"predicateType": "sbom"},
        {"predicateType": "a:\n"},
        {"predicateType": "https://" + "x" * 600},
        {"predicateType": 1},
    ],
)
def test_a_signed_payload_that_is_no_statement(more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        verified(keys.signed(statement(**more)))


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"{", b"\xff", b'{"_type":1,"_type":2}', b"[" * 200_000]
)
def test_a_signed_payload_that_is_no_json_object(payload: bytes) -> None:
    with pytest.raises(InputError):
        verified(keys.signed(payload))


def test_the_type_that_was_asked_for_is_the_type_that_was_signed() -> None:
    with pytest.raises(UntrustedError, match="a statement of type"):
        verified(GOOD, predicate_type=f"{keys.KIND}/2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
            "a bundle of type",
        ),
        (lambda b: b.update(verificationMaterial={"certificate": {"rawBytes": ""}}), "with a certificate"),
        (lambda b: b["verificationMaterial"].update(x509CertificateChain={}), "with a certificate"),
        (lambda b: b.pop("dsseEnvelope"), "over a file's digest"),
        (lambda b: b.update(messageSignature={"signature": ""}), "over a file's digest"),
    ],
)
def test_bundles_of_other_kinds_are_refused_with_a_clear_word(change: Change, said: str) -> None:
    bundle = keys.signed()
    change(bundle)
    with pytest.raises(UnsupportedError, match=said):
        verified(bundle)


@pytest.mark.parametrize("member", ["mediaType", "dsseEnvelope", "payload", "payloadType"])
def test_a_member_that_stands_twice_is_refused(member: str) -> None:
    """Two readers could take another one each."""
    text = GOOD.replace(f'"{member}"'.encode(), f'"{member}": 1, "{member}"'.encode(), 1)
    with pytest.raises(InputError, match="stands twice"):
        verified(text)


def test_what_is_too_large_or_too_deep_is_refused_at_once() -> None:
    started = time.monotonic()
    for data in (b" " * (100 << 20), GOOD[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        with pytest.raises(InputError, match=r"larger than|nested deeper"):
            verified(data)
    assert time.monotonic() - started < 5


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([PAYLOAD_TYPE, "", "AA=="]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
PLACES = [
    ("mediaType",),
    ("verificationMaterial",),
    ("dsseEnvelope",),
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "payloadType"),
    ("dsseEnvelope", "signatures"),
    ("dsseEnvelope", "signatures", 0),
    ("dsseEnvelope", "signatures", 0, "sig"),
]


@given(place=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=400)
def test_whatever_stands_in_a_bundle_is_an_error_of_ours(place: tuple[Any, ...], value: Any) -> None:
    bundle = keys.signed()
    inner: Any = bundle
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        found = verified(json.dumps(bundle).encode())
    except PratiqueError:
        return
    assert found.payload == keys.payload()  # verificationMaterial decides nothing


@given(JSON | st.binary(max_size=300))
@settings(max_examples=300)
def test_whatever_a_trusted_key_signed_is_a_statement_or_an_error_of_ours(value: Any) -> None:
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(PratiqueError):
        verified(keys.signed(payload))


@given(st.dictionaries(st.sampled_from(["_type", "subject", "predicateType", "predicate"]), JSON))
@settings(max_examples=300)
def test_whatever_stands_in_a_signed_statement(more: dict[str, Any]) -> None:
    try:
        found = verified(keys.signed(statement(**more)))
    except PratiqueError:
        return
    assert found.statement.subjects[0].digest == keys.IMAGE

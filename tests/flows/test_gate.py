"""The gate: in comes what a signer decided by this policy about this digest; for everything else there is a reason."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.attest import MEDIA_TYPE, PAYLOAD_TYPE, Statement, Subject, encode_statement, make_bundle
from pratique.flows.attest import attest_one
from pratique.flows.gate import gate
from pratique.flows.statements import TYPES
from pratique.flows.verify import verify_image
from pratique.formats.documents import encode
from pratique.image import Attachment, Target, attach, open_statements
from pratique.model.admission import Admission, Attested, SignedDecision
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, PratiqueError, UntrustedError
from tests.making import cleared, keys, scans
from tests.making.cleared import Cleared
from tests.making.images import Layout
from tests.making.tar import Item, tar

DECISION = TYPES["decision"]


def asked(way: Cleared) -> Admission:
    return gate(way.reference, str(way.policy))


def bundles(way: Cleared) -> dict[str, bytes]:
    """Return what was attached first, by predicate type."""
    found: dict[str, bytes] = {}
    for data in open_statements(way.reference).attached(MEDIA_TYPE):
        found.setdefault(predicate_of(data)["predicateType"], data)
    return found


def predicate_of(bundle: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
    return found


def decision(way: Cleared) -> dict[str, Any]:
    """Return the predicate of the decision, as it is attached."""
    found: dict[str, Any] = predicate_of(bundles(way)[DECISION])["predicate"]
    return found


def signed(way: Cleared, predicate: Any, *, number: int = 1, type_: str = DECISION) -> None:
    """Attach a statement about the image that says whatever it should."""
    statement = Statement((Subject("latest", way.image),), type_, None)
    bundle = make_bundle(PAYLOAD_TYPE, encode_statement(statement, encode(predicate)), keys.key(number))
    attach(Target(way.layout, "latest"), way.image, [Attachment(bundle, MEDIA_TYPE, {})])


def later(way: Cleared, hours: float = 1, **more: Any) -> dict[str, Any]:
    """Return the decision as it would have been made later, with members replaced."""
    found = decision(way)
    moment = datetime.fromtimestamp(int(scans.EPOCH), UTC) + timedelta(hours=hours)
    found["decision"] |= {"created": moment.isoformat(), **more}
    return found


def at(monkeypatch: pytest.MonkeyPatch, **passed: float) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(int(scans.EPOCH) + timedelta(**passed).total_seconds())))


def without(way: Cleared, *digests: str) -> None:
    """Take entries out of the index, and leave the blobs."""
    path = way.layout / "index.json"
    index = json.loads(path.read_bytes())
    index["manifests"] = [m for m in index["manifests"] if m["digest"] not in digests]
    path.write_text(json.dumps(index))


def manifest_of(way: Cleared, bundle: bytes) -> str:
    for entry in json.loads((way.layout / "index.json").read_bytes())["manifests"]:
        if digest_of(bundle) in way.blob(entry["digest"]).read_text():
            found: str = entry["digest"]
            return found
    pytest.fail("no manifest carries this bundle")


def test_an_image_that_was_cleared_and_attested_is_let_in(attested: Cleared) -> None:
    answer = asked(attested)
    assert (answer.admitted, answer.reasons, answer.remedy) == (True, (), "")
    assert (answer.image, answer.signer) == (attested.image, "platform")
    assert answer.policy == digest_of(attested.policy.read_bytes())
    assert set(answer.statements) == set(TYPES.values()) - {TYPES["lock"]}


def test_names_that_are_no_text_come_as_escapes(attested: Cleared) -> None:
    folder = attested.layout.rename(attested.layout.with_name("\udcff"))
    policy = attested.policy.rename(attested.policy.with_name("\udcff.toml"))
    answer = gate(f"oci:{folder}:latest", str(policy))
    assert answer.reference == f"oci:{folder.parent}/\\xff:latest"
    assert encode(answer)


def test_nothing_is_scanned_and_no_layer_read(attested: Cleared) -> None:
    for layer in attested.layers():
        layer.unlink()
    assert asked(attested).admitted
    with pytest.raises(PratiqueError):
        verify_image(attested.reference, [attested.public], "", blobs=True)


def test_with_blobs_one_changed_byte_of_a_layer_is_seen(attested: Cleared) -> None:
    assert verify_image(attested.reference, [attested.public], "", blobs=True).blobs
    (layer, *_) = attested.layers()
    data = bytearray(layer.read_bytes())
    data[len(data) // 2] ^= 1
    layer.write_bytes(data)
    assert len(verify_image(attested.reference, [attested.public], "", blobs=False).believed) == 6
    with pytest.raises(UntrustedError):
        verify_image(attested.reference, [attested.public], "", blobs=True)


def test_without_a_statement_nobody_comes_in(way: Cleared) -> None:
    answer = asked(way)
    assert (answer.admitted, answer.signed, answer.decision) == (False, False, None)
    assert answer.reasons == ("no signed decision",)
    assert answer.remedy.startswith(f"pratique clear {way.reference}")
    assert f"--policy {way.policy} --key KEY" in answer.remedy


def test_a_stranger_s_decision_is_none(way: Cleared) -> None:
    (way.folder / "stranger.key").write_bytes(keys.pem(2))
    way.attest(way.folder / "stranger.key")
    answer = asked(way)
    assert (answer.admitted, answer.signed, answer.statements) == (False, True, ())
    assert answer.reasons == (
        "no decision by a trusted signer; 6 refused, the first because no trusted key signed this",
    )


def test_a_stranger_beside_changes_nothing(attested: Cleared) -> None:
    signed(attested, later(attested, verdict="fail"), number=2)
    assert asked(attested).admitted


@pytest.mark.parametrize("name", ["sbom", "spdx", "rbom", "vex", "provenance"])
def test_a_statement_that_is_missing_or_forged_is_told(attested: Cleared, name: str) -> None:
    bundle = bundles(attested)[TYPES[name]]
    without(attested, manifest_of(attested, bundle))
    wanted = (
        f"the decision names a statement that is not there, or not verified: {TYPES[name]}",
        f"no signed {name} that the decision names",
    )
    assert asked(attested).reasons == wanted
    signed(attested, {}, type_=TYPES[name])  # signed, and not what the decision names
    signed(attested, {}, type_=TYPES[name], number=2)
    assert asked(attested).reasons == wanted


def test_a_bundle_under_another_type_than_the_decision_says_is_not_it(attested: Cleared) -> None:
    found = later(attested)
    types = [s["type"] for s in found["statements"]]
    for one, swapped in zip(found["statements"], types[1:] + types[:1], strict=True):
        one["type"] = swapped
    signed(attested, found)
    assert len(asked(attested).reasons) == 10


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"verdict": "fail"}, "the decision says fail"),
        ({"verdict": "incomplete"}, "the decision says incomplete"),
        ({"verdict": "not judged"}, "the decision says not judged"),
        ({"policy": digest_of(b"")}, f"it was decided by another policy, {digest_of(b'')}"),
        ({"policy": None}, "it was decided by another policy, none"),
        ({"work": "unproven"}, "its work is unproven"),
        ({"work": "weakly proven"}, "its work is weakly proven"),
        ({"work": "refuted"}, "its work is refuted"),
    ],
)
def test_the_newest_decision_counts(attested: Cleared, more: dict[str, Any], said: str) -> None:
    signed(attested, later(attested, **more))
    assert asked(attested).reasons == (said,)
    signed(attested, later(attested, hours=2))
    assert asked(attested).admitted
    signed(attested, later(attested, hours=1.5, **more))
    assert asked(attested).admitted


def test_of_two_decisions_of_one_moment_the_worse_counts(attested: Cleared) -> None:
    for _ in ("whichever", "digest is lower"):
        signed(attested, later(attested, hours=0, verdict="fail", unused=[_]))
    assert asked(attested).reasons == ("the decision says fail",)


def test_a_decision_about_another_image_is_none_about_this(attested: Cleared) -> None:
    """Signed for this digest by mistake, and saying another one inside."""
    signed(attested, {**later(attested), "image": digest_of(b"another")})
    assert asked(attested).reasons == (f"the decision is about another image, {digest_of(b'another')}",)


def test_what_is_valid_for_one_image_is_not_for_another(attested: Cleared) -> None:
    """Every bundle is moved, as a registry's owner could, under a manifest whose subject is the other image."""
    (attested.folder / "other").mkdir()
    other = Layout(attested.folder / "other")
    image = other.image([tar([Item("evil")])])["digest"]
    moved = [Attachment(data, MEDIA_TYPE, {}) for data in bundles(attested).values()]
    attach(Target(other.path, "latest"), image, moved)
    answer = gate(f"oci:{other.path}", str(attested.policy))
    assert (answer.admitted, answer.signed, answer.decision) == (False, True, None)
    assert "6 refused, the first because a statement about sha256:" in answer.reasons[0]


@pytest.mark.parametrize(
    ("hours", "admitted"), [(0, True), (168, True), (169, False), (-24, True), (-25, False)]
)
def test_a_decision_has_its_time(
    attested: Cleared, monkeypatch: pytest.MonkeyPatch, hours: int, *, admitted: bool
) -> None:
    at(monkeypatch, hours=hours)
    answer = asked(attested)
    assert answer.admitted is admitted
    if not admitted:
        old = "the decision is of 2026-11-24 12:00 UTC, older than 7 days"
        assert answer.reasons == (
            (old if hours > 0 else "the decision is dated in the future, 2026-11-24 12:00 UTC"),
        )


def test_what_somebody_answered_for_until_yesterday_holds_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    way = cleared.make(tmp_path, cleared.POLICY.replace("until = 2026-12-31", "until = 2026-11-25", 1))
    way.attest()
    assert asked(way).admitted
    at(monkeypatch, days=2)
    assert asked(way).reasons == ("it rests on a gap that was accepted until 2026-11-25",)


def test_a_policy_that_changed_has_decided_nothing_yet(attested: Cleared) -> None:
    before = digest_of(attested.policy.read_bytes())
    attested.policy.write_text(attested.policy.read_text() + "\n")
    assert asked(attested).reasons == (f"it was decided by another policy, {before}",)


def test_an_image_that_was_not_proven_stays_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    way = cleared.make(tmp_path, proven=False)
    way.attest()
    assert asked(way).reasons == ("its work is unproven",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('signers = { platform = "platform.pub" }', "", "a policy without a signer lets nothing in"),
        ("platform.pub", "platform.key", "a private key where a public one belongs"),
        ("platform.pub", "gone.pub", "no such file"),
        ('"sbom", ', '"sbmo", ', "not a statement: 'sbmo'"),
    ],
)
def test_a_policy_that_no_gate_can_judge_by_is_an_error(
    attested: Cleared, old: str, new: str, said: str
) -> None:
    attested.policy.write_text(attested.policy.read_text().replace(old, new))
    with pytest.raises(PratiqueError, match=said):
        asked(attested)


@pytest.mark.parametrize(
    "change", [{"decision": None}, {"decision": {"created": "2026-11-25T12:00:00"}}, {"schema": "x"}]
)
def test_a_signed_decision_that_cannot_be_read_lets_nothing_in(
    attested: Cleared, change: dict[str, Any]
) -> None:
    """It could be the newest one, and refuse."""
    found = later(attested)
    if isinstance(change.get("decision"), dict):
        change = {"decision": {**found["decision"], **change["decision"]}}
    signed(attested, {**found, **change})
    with pytest.raises(InputError, match=r"not what its type|without a time zone"):
        asked(attested)


def compared(way: Cleared, verdict: str) -> None:
    """Put a comparison with a lock beside the documents."""
    document = {
        "schema": "pratique.pins-verification/1",
        "tool": "0",
        "created": "2026-11-24T12:00:00Z",
        "clock": "system",
        "image": {"kind": "oci", "reference": way.reference, "digest": way.image},
        "locks": [],
        "verdict": verdict,
        "distributions": [],
        "deviations": [],
        "unchecked": [],
    }
    (way.documents / "lock.json").write_text(json.dumps(document))


ACCEPTED = """
[[accept-gaps]]
gap = "lock-coverage"
reason = "files of Debian packages"
owner = "me"
until = {until}
"""


@pytest.mark.parametrize(
    ("verdict", "until", "why"),
    [
        ("same", "", ""),
        ("different", "2099-01-01", "files of the image are not those of its lock"),
        ("incomplete", "", "nobody accepts the gap lock-coverage"),
        ("incomplete", "2001-01-01", "nobody accepts the gap lock-coverage"),
        ("incomplete", "2099-01-01", ""),
    ],
)
def test_what_a_comparison_with_the_lock_came_to_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, until: str, why: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    policy = cleared.POLICY.replace('"provenance"', '"provenance", "lock"')
    assert policy != cleared.POLICY
    way = cleared.make(tmp_path, policy + (ACCEPTED.format(until=until) if until else ""))
    compared(way, verdict)
    assert bool(way.attest().warnings) == (verdict == "different")
    answer = asked(way)
    assert answer.admitted == (not why)
    assert why in " ".join(answer.reasons)
    assert answer.remedy.startswith("pratique lock verify" if why else "")


def test_a_comparison_that_says_nothing_lets_nothing_in(attested: Cleared) -> None:
    compared(attested, "same")
    attested.attest()
    lock = bundles(attested)[TYPES["lock"]]
    odd = {**predicate_of(lock)["predicate"], "verdict": "fine"}
    signed(attested, odd, type_=TYPES["lock"])
    assert asked(attested).admitted  # no decision names it
    found = later(attested)
    statement = Statement((Subject("latest", attested.image),), TYPES["lock"], None)
    bundle = make_bundle(PAYLOAD_TYPE, encode_statement(statement, encode(odd)), keys.key(1))
    found["statements"] = [{"type": TYPES["lock"], "bundle": digest_of(bundle)}]
    signed(attested, found)
    with pytest.raises(InputError, match="not what its type"):
        asked(attested)


def test_an_incomplete_decision_is_not_mended_by_making_it_again(attested: Cleared) -> None:
    signed(attested, later(attested, verdict="incomplete"))
    assert asked(attested).remedy.startswith("accept the gaps that pratique scan")


def test_where_a_statement_alone_is_missing_it_has_to_be_signed_again(attested: Cleared) -> None:
    without(attested, manifest_of(attested, bundles(attested)[TYPES["vex"]]))
    assert asked(attested).remedy == (
        f"pratique attest {attested.reference} --all --documents FOLDER --key KEY"
    )


def test_a_decision_of_the_user_s_own_is_attached_as_such(way: Cleared) -> None:
    told: Attested = way.attest()
    file = way.folder / "decision.json"
    file.write_bytes(encode(later(way, verdict="fail")))
    assert json.loads(file.read_bytes())["schema"] == SignedDecision.__struct_config__.tag
    attest_one(way.reference, "decision", file, way.key, b"")
    assert asked(way).reasons == ("the decision says fail",)
    assert len(told.statements) == 6

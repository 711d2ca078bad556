from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.formats.documents import Report, digest_of_document, encode
from pratique.model.errors import InputError, UnavailableError, UsageError
from pratique.model.inventory import Source
from tests.making import scans, ways
from tests.making.debian import OS_RELEASE, distribution
from tests.making.images import docker_archive, layout
from tests.making.tar import Item
from tests.making.values import NOW


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder with a snapshot; the clock stands still."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    return scans.imported(tmp_path / "cache")


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(f.id, f.name, f.version) for f in report.findings.findings]


def gaps(report: Report) -> list[str]:
    return [g.kind for g in report.findings.gaps]


def bare(report: Report) -> bytes:
    """Return everything that must not depend on how an image is stored."""
    inventory = replace(report.inventory, source=Source(kind="", reference=""))
    findings = replace(report.findings, inventory=None)
    decision = report.decision
    return encode([inventory, findings, decision.verdict, decision.reasons, decision.gaps, decision.counts])


def test_small_image(tmp_path: Path, cache: Path) -> None:
    report = scans.scanned(scans.image(tmp_path / "image"), cache, "high")
    assert [(p.name, p.layer) for p in report.inventory.packages] == [
        ("base-files", 0),
        ("libssl3", 0),
        ("python3-demo", 0),
        ("demo", 1),
        ("fine", 1),
        ("torch", 1),
    ]
    assert found(report) == [
        ("CVE-2026-1111", "libssl3", "3.0.11-1~deb12u1"),
        ("CVE-2026-2222", "demo", "1.5"),
        ("PYSEC-2026-2", "torch", "2.1.0+cu118"),
    ]
    assert report.inventory.completeness == "complete"
    assert gaps(report) == ["feed-window", "feed-window"]
    assert [a.state for a in report.findings.assessments] == [
        "not assessed",
        "partly",
        "not assessed",
        *["assessed"] * 3,
    ]
    assert (report.decision.verdict, report.findings.clock, report.decision.created) == (
        "fail",
        "SOURCE_DATE_EPOCH",
        NOW,
    )


def test_documents_are_bound_by_digest(tmp_path: Path, cache: Path) -> None:
    report = scans.scanned(scans.image(tmp_path / "image"), cache)
    assert report.findings.inventory == report.decision.inventory == digest_of_document(report.inventory)
    assert report.decision.findings == digest_of_document(report.findings)
    assert report.inventory.source.digest
    assert len(report.inventory.source.layers) == len(report.inventory.layers) == 2


def test_same_image_gives_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    image = scans.image(tmp_path / "image")
    assert encode(scans.scanned(image, cache, "high")) == encode(scans.scanned(image, cache, "high"))


def test_answer_does_not_depend_on_compression_or_on_the_kind_of_archive(tmp_path: Path, cache: Path) -> None:
    copies = [layout(tmp_path / how, *scans.LAYERS, how=how) for how in ("gzip", "zstd", "plain")]
    copies.append(docker_archive(tmp_path / "docker.tar", *scans.LAYERS))
    answers = [scans.scanned(copy, cache, "high") for copy in copies]
    assert len({bare(a) for a in answers}) == 1
    assert [a.inventory.source.kind for a in answers] == ["oci", "oci", "oci", "docker-archive"]


def test_answer_does_not_depend_on_the_order_of_files(tmp_path: Path, cache: Path) -> None:
    kept = [i for i in scans.LOWER if not i.content]  # folders and links first, as every builder writes them
    turned = [*kept, *reversed([i for i in scans.LOWER if i.content])]
    images = [
        layout(tmp_path / name, lower, scans.UPPER) for name, lower in (("a", scans.LOWER), ("b", turned))
    ]
    one, other = (scans.scanned(image, cache, "high") for image in images)
    assert (found(one), gaps(one), one.inventory.files) == (found(other), gaps(other), other.inventory.files)
    assert [p.files for p in one.inventory.packages] == [p.files for p in other.inventory.packages]


def test_unpacked_root(tmp_path: Path, cache: Path) -> None:
    for item in (Item("etc/os-release", OS_RELEASE), *distribution("demo", "1.5")):
        path = tmp_path / "root" / str(item.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.content)
    report = scans.scanned(f"dir:{tmp_path / 'root'}", cache, "high")
    assert found(report) == [("CVE-2026-2222", "demo", "1.5")]
    assert (report.inventory.layers, report.inventory.packages[0].layer) == ((), None)
    assert gaps(report) == ["incomplete-database"]


def test_without_rules_nothing_is_judged(tmp_path: Path, cache: Path) -> None:
    assert scans.scanned(scans.image(tmp_path / "image"), cache).decision.verdict == "not judged"


def test_without_a_snapshot_nothing_is_clean(tmp_path: Path) -> None:
    report = scans.scanned(scans.image(tmp_path / "image"), tmp_path / "empty", "high")
    assert (report.findings.findings, report.findings.snapshot) == ((), None)
    assert {a.state for a in report.findings.assessments} == {"not assessed"}
    assert report.decision.verdict == "incomplete"


POLICY = """fail-on = ["critical"]
[[accept-gaps]]
gap = "feed-window"
reason = "r"
owner = "o"
until = 2026-11-24
[[accept-gaps]]
gap = "unrated"
reason = "r"
owner = "o"
until = 2026-11-24
"""


@pytest.mark.parametrize(
    ("text", "rules", "verdict"),
    [
        (POLICY, (), "pass"),
        (POLICY, ("high",), "fail"),
        (POLICY, ("medium,kev",), "fail"),
        (POLICY.replace("2026-11-24", "2026-11-23"), (), "incomplete"),
        (POLICY.replace("critical", "high"), (), "fail"),
    ],
)
def test_policy_file_and_rules_of_the_call_add_up(
    tmp_path: Path, cache: Path, text: str, rules: tuple[str, ...], verdict: str
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    report = scans.scanned(scans.image(tmp_path / "image"), cache, *rules, policy=str(policy))
    assert report.decision.verdict == verdict
    assert report.decision.policy
    assert report.decision.rules[1:] == tuple(r for rule in rules for r in rule.split(","))


ALPINE = (Item("etc/os-release", b"ID=alpine\nVERSION_ID=3.19\n"), Item("lib/apk/db/installed", b"P:musl\n"))
EMPTY_STATUS = (*scans.LOWER[:7], Item("var/lib/dpkg/status"))


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        ([scans.LOWER[:6]], {"incomplete-database"}),
        ([[Item("srv/x")]], {"incomplete-database", "unknown-distribution"}),
        ([ALPINE], {"unsupported-packages"}),
        ([EMPTY_STATUS], {"incomplete-database"}),
        ([[Item("etc/os-release", b"ID=arch\n")], distribution("fine", "3.0")], {"incomplete-database"}),
        ([scans.LOWER, [Item("var/lib/dpkg/.wh.status")]], {"incomplete-database"}),
        ([scans.LOWER, [Item("usr/lib/os-release", b"ID=arch\n")]], {"no-feed"}),
        ([scans.LOWER, [Item("usr/lib/os-release", b"ID=debian\n")]], {"no-feed"}),
        ([scans.LOWER, [Item("usr/lib/os-release", b"ID=debian\nVERSION_ID=99\n")]], {"no-feed"}),
        ([scans.LOWER, [Item("usr/lib/.wh.os-release")]], {"no-feed", "unknown-distribution"}),
        ([scans.LOWER, [Item("srv/app.jar")]], {"feed-window", "unsupported-packages"}),
    ],
)
def test_what_cannot_be_assessed_never_passes(
    tmp_path: Path, cache: Path, layers: list[Any], kinds: set[str]
) -> None:
    report = scans.scanned(scans.image(tmp_path / "image", *layers), cache, "critical", "high")
    assert kinds <= set(gaps(report))
    assert report.decision.verdict == (
        "fail" if any(f.severity.level == "high" for f in report.findings.findings) else "incomplete"
    )


def test_damaged_database_ends_the_scan(tmp_path: Path, cache: Path) -> None:
    layer = [*scans.LOWER[:7], Item("var/lib/dpkg/status", b"Package: a\nSta")]
    with pytest.raises(
        InputError, match=r"var/lib/dpkg/status: line 2: the last line has no end: the file is cut"
    ):
        scans.scanned(scans.image(tmp_path / "image", layer), cache)


def test_damaged_database_below_a_sound_one_is_read_too(tmp_path: Path, cache: Path) -> None:
    lower = [*scans.LOWER[:7], Item("var/lib/dpkg/status", b"Package: a\nSta")]
    with pytest.raises(InputError, match="the file is cut"):
        scans.scanned(scans.image(tmp_path / "image", lower, scans.LOWER), cache)


def test_reference_that_is_not_utf_8(tmp_path: Path, cache: Path) -> None:
    folder = Path(f"{tmp_path}/im\udcffage")
    report = scans.scanned(scans.image(folder), cache)
    assert report.inventory.source.reference == f"{tmp_path}/im\\xffage"
    assert encode(report)


def test_anomalies_of_layers_are_gaps(tmp_path: Path, cache: Path) -> None:
    upper = [Item("/abs/one"), Item("/abs/two"), Item("a/../b")]
    report = scans.scanned(scans.image(tmp_path / "image", scans.LOWER, upper), cache)
    reasons = [(g.subject, g.reason) for g in report.inventory.gaps if g.kind == "anomaly"]
    assert reasons == [
        ("a/../b", "layer 2: a name with a parent folder in it (1 in all)"),
        ("/abs/one", "layer 2: an absolute name (2 in all)"),
    ]
    assert report.inventory.completeness == "partial"


@pytest.mark.parametrize("rule", ["severe", "high,", "epss>9"])
def test_wrong_rule(tmp_path: Path, rule: str) -> None:
    with pytest.raises(UsageError, match="not a rule"):
        scans.scanned("nowhere", tmp_path, rule)


def test_missing_policy_and_missing_image(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file"):
        scans.scanned("nowhere", tmp_path, policy=str(tmp_path / "gone.toml"))
    with pytest.raises(UnavailableError, match="no such file or"):
        scans.scanned(tmp_path / "gone", tmp_path)


def given(tmp_path: Path, image: Path, cache: Path, *verdicts: str) -> tuple[str, ...]:
    """Write proofs of an image and return their places."""
    config = scans.scanned(image, cache).inventory.source.config
    places = []
    for number, verdict in enumerate(verdicts):
        place = tmp_path / f"proof-{number}.json"
        place.write_bytes(encode(ways.proof(verdict, f"w{number}", result=config)) + b"\n")
        places.append(str(place))
    return tuple(places)


def test_an_image_that_pratique_made_is_unproven_without_a_proof(tmp_path: Path, cache: Path) -> None:
    made = scans.scanned(scans.hardened(tmp_path / "image"), cache, "critical")
    assert (made.decision.work, made.decision.proofs) == ("unproven", ())
    assert made.inventory.source.claims == {"pratique.parent.digest": "sha256:" + "0" * 64}
    assert made.decision.verdict == "incomplete"
    assert scans.scanned(scans.image(tmp_path / "other"), cache).decision.work == "not hardened"


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        (["same", "same"], "proven"),
        (["same", "weak"], "weakly proven"),
        (["different", "same"], "refuted"),
    ],
)
def test_proofs_are_told_in_the_order_given(
    tmp_path: Path, cache: Path, verdicts: list[str], state: str
) -> None:
    image = scans.hardened(tmp_path / "image")
    proofs = given(tmp_path, image, cache, *verdicts)
    decision = scans.scanned(image, cache, proofs=proofs).decision
    assert (decision.verdict, decision.work) == ("not judged", state)
    assert [p.verdict for p in decision.proofs] == verdicts
    assert decision.proofs[0].proof == digest_of_document(
        ways.proof(verdicts[0], "w0", result=scans.scanned(image, cache).inventory.source.config)
    )
    verdict = scans.scanned(image, cache, "critical", proofs=proofs).decision.verdict
    assert verdict == ("fail" if state == "refuted" else "incomplete")


def test_a_proof_of_another_image_is_named(tmp_path: Path, cache: Path) -> None:
    image = scans.hardened(tmp_path / "image")
    good, other = *given(tmp_path, image, cache, "same"), tmp_path / "other.json"
    other.write_bytes(encode(ways.proof()))
    with pytest.raises(InputError, match="a proof of another image, sha256:") as caught:
        scans.scanned(image, cache, proofs=(good, str(other)))
    assert (caught.value.place, caught.value.what[-64:]) == (str(other), ways.RESULT[-64:])


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{}", b"null", encode(ways.plan()), encode(ways.proof()).replace(b"proof/1", b"proof/2")],
)
def test_what_is_no_proof_is_told_before_the_image_is_read(tmp_path: Path, cache: Path, data: bytes) -> None:
    (tmp_path / "proof.json").write_bytes(data)
    with pytest.raises(InputError, match=r"not a proof document|not valid JSON") as caught:
        scans.scanned(tmp_path / "gone", cache, proofs=(str(tmp_path / "proof.json"),))
    assert caught.value.place == str(tmp_path / "proof.json")


def test_missing_proof(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file"):
        scans.scanned(tmp_path / "gone", cache, proofs=("gone.json",))

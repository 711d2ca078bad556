"""Suites made by others, case by case; the name of a test function is the name of its suite."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packageurl import PackageURL

from pratique.advisories.osv import rate
from pratique.attest import Verified, load_public, verify
from pratique.ecosystems import debian, purl, python
from pratique.formats import official, strict_json
from pratique.model.advisory import UNRATED
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UnsupportedError, UntrustedError
from tests.conformance.known import DIFFERENCES, SKIPPED, reason
from tests.making import keys

DATA = Path(__file__).parent / "data"


def cases(suite: str, found: Iterable[tuple[str, Any]]) -> pytest.MarkDecorator:
    """Parametrise a test with (name, case); known differences must fail, skipped ones are counted."""
    parameters = []
    for name, case in found:
        marks: list[pytest.MarkDecorator] = []
        if why := reason(DIFFERENCES, suite, name):
            marks.append(pytest.mark.xfail(reason=why, strict=True))
        if why := reason(SKIPPED, suite, name):
            marks.append(pytest.mark.skip(reason=why))
        parameters.append(pytest.param(case, id=name, marks=marks))
    return pytest.mark.parametrize("case", parameters)


def lines(path: Path) -> list[tuple[int, str]]:
    """Return (number, line) of what is neither blank nor a comment."""
    numbered = enumerate(path.read_text("utf-8").splitlines(), 1)
    return [(n, line) for n, line in numbered if line.strip() and not line.startswith(("#", "//"))]


@cases("cyclonedx", ((p.stem, p) for p in sorted((DATA / "cyclonedx").glob("*.json"))))
def test_cyclonedx(case: Path) -> None:
    document = json.loads(case.read_bytes())
    assert official.validator("bom-1.6.schema.json").is_valid(document) is case.name.startswith("valid-")


@cases("jsontestsuite", ((p.stem, p) for p in sorted((DATA / "jsontestsuite").glob("*.json"))))
def test_jsontestsuite(case: Path) -> None:
    """``y`` must be read, ``n`` refused, ``i`` either way by our own error."""
    try:
        strict_json.loads(case.read_bytes(), place=case.name)
        read = True
    except InputError:
        read = False
    assert case.name[0] == "i" or read is (case.name[0] == "y")


def purl_cases() -> Iterable[tuple[str, Any]]:
    for path in sorted((DATA / "purl").glob("*/*-test.json")):
        for number, case in enumerate(json.loads(path.read_bytes())["tests"]):
            yield f"{path.stem.removesuffix('-test')}-{number}-{case['test_type']}", case


def answer(case: dict[str, Any]) -> Any:
    """Return what we make of a case: parts, or a canonical text."""
    given = case["input"]
    if case["test_type"] == "build":
        return PackageURL(**given).to_string()
    parts = purl.parse(given)
    return parts.to_dict(empty=None) if case["test_type"] == "parse" else parts.to_string()


@cases("purl", purl_cases())
def test_purl(case: dict[str, Any]) -> None:
    if case["expected_failure"]:
        with pytest.raises((InputError, ValueError)):
            answer(case)
    else:
        assert answer(case) == case["expected_output"]


def compared(key: Any, line: str) -> None:
    """Compare both ways; the suite writes ``A < B``, ``A = B`` or ``A > B``."""
    one, sign, other = line.split()
    left, right = key(one), key(other)
    assert {"<": left < right, "=": left == right, ">": left > right}[sign]
    assert {"<": right > left, "=": right == left, ">": right < left}[sign]


@cases("debian-versions", ((str(n), line) for n, line in lines(DATA / "versions" / "debian-versions.txt")))
def test_debian_versions(case: str) -> None:
    compared(debian.version_key, case)


@cases("pypi-versions", ((str(n), line) for n, line in lines(DATA / "versions" / "pypi-versions.txt")))
def test_pypi_versions(case: str) -> None:
    compared(python.version_key, case)


def cvss_cases() -> Iterable[tuple[str, Any]]:
    for path in sorted((DATA / "cvss").glob("*.list")):
        for number, line in lines(path):
            yield f"{path.stem}-{number}", (path.stem.partition("_")[2], line)


@cases("cvss", cvss_cases())
def test_cvss(case: tuple[str, str]) -> None:
    """Scores are compared, vectors come back as written, and what is no vector is unrated."""
    kind, line = case
    vector, *rest = line.partition("#")[0].split()
    found = rate(vector)
    if kind == "score":
        assert found.score == float(rest[0])
    elif kind == "roundtrip":
        assert found.vector == vector
    else:
        assert (found == UNRATED) is not line.endswith("#OK")


def wycheproof_cases() -> Iterable[tuple[str, Any]]:
    suite = json.loads((DATA / "wycheproof" / "ecdsa_secp256r1_sha256_test.json").read_bytes())
    for group in suite["testGroups"]:
        for case in group["tests"]:
            yield str(case["tcId"]), (group["publicKeyPem"].encode(), case)


@cases("wycheproof", wycheproof_cases())
def test_wycheproof(case: tuple[bytes, dict[str, str]]) -> None:
    pem, vector = case
    key = load_public(pem, "wycheproof")
    try:
        key.verify(bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))
        verified = True
    except UntrustedError:
        verified = False
    assert vector["result"] == "acceptable" or verified is (vector["result"] == "valid")


def bundle_cases() -> Iterable[tuple[str, Any]]:
    for path in sorted((DATA / "sigstore-bundles").glob("*/bundle.sigstore.json")):
        yield path.parent.name, path


@cases("sigstore-bundles", bundle_cases())
def test_sigstore_bundles(case: Path) -> None:
    """Certificates and signatures over a file's digest are not verified here: refused, and never accepted."""
    refusal = r"with a certificate|over a file's digest|a bundle of type|not valid JSON|not a public key"
    with pytest.raises((InputError, UnsupportedError), match=refusal):
        verified(case)


def verified(case: Path) -> Verified:
    own = case.with_name("key.pub")
    key = load_public(own.read_bytes(), "key") if own.exists() else keys.key().public
    return verify(case.read_bytes(), [key], digest_of(b""), place=case.parent.name)


def test_every_known_case_exists() -> None:
    """A row of the table that names no case has outlived its reason."""
    suites: dict[str, set[str]] = {
        "purl": {name for name, _ in purl_cases()},
        "cvss": {name for name, _ in cvss_cases()},
        "jsontestsuite": {p.stem for p in (DATA / "jsontestsuite").glob("*.json")},
        "pypi-versions": {str(n) for n, _ in lines(DATA / "versions" / "pypi-versions.txt")},
    }
    assert [
        (g.suite, g.cases - suites[g.suite]) for g in DIFFERENCES + SKIPPED if g.cases - suites[g.suite]
    ] == []


@pytest.mark.parametrize(
    ("folder", "count"),
    [
        ("cyclonedx", 70),
        ("jsontestsuite", 318),
        ("purl", 287),
        ("cvss", 83),
        ("versions", 67),
        ("wycheproof", 484),
        ("sigstore-bundles", 31),
    ],
)
def test_every_suite_is_there(folder: str, count: int) -> None:
    found = {
        "cyclonedx": len(list((DATA / "cyclonedx").glob("*.json"))),
        "jsontestsuite": len(list((DATA / "jsontestsuite").glob("*.json"))),
        "purl": len(list(purl_cases())),
        "cvss": len(list(cvss_cases())),
        "wycheproof": len(list(wycheproof_cases())),
        "sigstore-bundles": len(list(bundle_cases())),
        "versions": sum(len(lines(p)) for p in (DATA / "versions").glob("*.txt")),
    }
    assert found[folder] == count

"""SLSA provenance: every material of a new image by its digest, and the same bytes each time."""

import json
from typing import Any

from msgspec.structs import replace

from pratique.formats.documents import digest_of_document
from pratique.formats.slsa import provenance
from pratique.model.digest import digest_of
from pratique.model.inventory import Source
from pratique.model.plan import Artifact, Step
from pratique.policy import Policy, decide, parse_rule
from tests.making import ways
from tests.making.values import ZERO, findings

ORIGINAL, USAGE, POLICY = digest_of(b"original"), digest_of(b"usage"), digest_of(b"policy")
SOURCE = Source(kind="oci", reference="oci:image", digest=ORIGINAL)
DECISION = decide(findings(), ZERO, Policy((parse_rule("high"),), digest=POLICY), findings().created)
WHEEL = Artifact(
    kind="wheel",
    name="a",
    version="2",
    filename="a-2.whl",
    digest=digest_of(b"a"),
    size=1,
    origin="python index",
)
STEPS = (
    Step(action="remove", type="pypi", name="b", reason="r"),
    Step(action="upgrade", type="pypi", name="a", reason="r", artifact=WHEEL),
    Step(action="install", type="pypi", name="a", reason="r", artifact=WHEEL),
)
PLAN = ways.plan(usages=(USAGE,), steps=STEPS, keep=("kept",))


def predicate(**more: Any) -> dict[str, Any]:
    proofs = (ways.proof(), ways.proof(phase="serving"))
    found: dict[str, Any] = json.loads(provenance(SOURCE, PLAN, ways.hardening(), proofs, DECISION))
    return {**found, **more}


def materials() -> dict[str, str]:
    listed = predicate()["buildDefinition"]["resolvedDependencies"]
    return {one["name"]: f"sha256:{one['digest']['sha256']}" for one in listed}


def test_every_material_is_named_by_its_digest() -> None:
    assert materials() == {
        "original image": ORIGINAL,
        "plan": digest_of_document(PLAN),
        "hardening": digest_of_document(ways.hardening()),
        "usage 1": USAGE,
        "inventory": ZERO,
        "findings": ZERO,
        "proof of training": digest_of_document(ways.proof()),
        "proof of serving": digest_of_document(ways.proof(phase="serving")),
        "policy": POLICY,
        "a-2.whl": WHEEL.digest,
    }


def test_an_image_without_a_manifest_is_named_by_its_configuration() -> None:
    archive = Source(kind="docker-archive", reference="a.tar")
    bare = replace(DECISION, policy=None)
    document = json.loads(provenance(archive, PLAN, ways.hardening(), (), bare))
    named = {one["name"]: one["digest"] for one in document["buildDefinition"]["resolvedDependencies"]}
    assert named["original configuration"] == {"sha256": PLAN.image.removeprefix("sha256:")}
    assert not {"original image", "policy"} & set(named)


def test_the_fields_that_slsa_requires_are_there() -> None:
    found = predicate()
    assert set(found) == {"buildDefinition", "runDetails"}
    assert found["buildDefinition"]["buildType"] == "urn:pratique:build:harden:1"
    assert found["buildDefinition"]["externalParameters"] == {"source": "oci:image", "keep": ["kept"]}
    assert found["runDetails"]["builder"]["id"] == "urn:pratique:builder:local"
    assert found["runDetails"]["metadata"]["finishedOn"] == "2026-11-24T12:00:00Z"


def test_the_same_inputs_are_the_same_bytes() -> None:
    one, two = (provenance(SOURCE, PLAN, ways.hardening(), (), DECISION) for _ in range(2))
    assert one == two

"""SLSA provenance v1: how a new image was made from an old one, every material by its digest.

The builder is the machine of whoever ran Pratique: level 1 of the build track, and no more is claimed.
"""

from typing import Any

from pratique.formats.documents import digest_of_document, encode
from pratique.model.digest import Digest
from pratique.model.finding import Decision
from pratique.model.hardening import Hardening
from pratique.model.inventory import Source
from pratique.model.plan import Plan
from pratique.model.proof import Proof

BUILD_TYPE = "urn:pratique:build:harden:1"
BUILDER = "urn:pratique:builder:local"


def provenance(
    original: Source, plan: Plan, made: Hardening, proofs: tuple[Proof, ...], decision: Decision
) -> bytes:
    """Return the predicate (slsa.dev/provenance/v1); the same inputs give the same bytes.

    Args:
        original: the image that was hardened; named by its configuration where it has no manifest (docker-archive).
        plan: that was carried out.
        made: how.
        proofs: of the result.
        decision: on the result, whose policy is a material.
    """
    image = ("original image", original.digest) if original.digest else ("original configuration", plan.image)
    documents = [("plan", digest_of_document(plan)), ("hardening", digest_of_document(made))]
    documents += [(f"usage {number}", digest) for number, digest in enumerate(plan.usages, 1)]
    documents += [("inventory", plan.inventory), ("findings", plan.findings)]
    documents += [(f"proof of {proof.phase}", digest_of_document(proof)) for proof in proofs]
    documents += [("policy", decision.policy)] if decision.policy else []
    packages = sorted({(s.artifact.filename, s.artifact.digest) for s in plan.steps if s.artifact})
    return encode(
        {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"source": original.reference, "keep": list(plan.keep)},
                "internalParameters": {"tool": made.tool},
                "resolvedDependencies": [
                    *(_material(name, digest) for name, digest in (image, *documents, *packages)),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"pratique": made.tool}},
                "metadata": {"finishedOn": f"{made.created:%Y-%m-%dT%H:%M:%SZ}"},
            },
        }
    )


def _material(name: str, digest: Digest) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}

"""A small image that went the whole way, without a workload being run: a layout, its documents, a policy, a key."""

import json
from pathlib import Path

from msgspec.structs import replace

from pratique.flows.attest import attest_all
from pratique.flows.clearance import Tried, clearance, documents, write_documents
from pratique.formats.documents import Report, digest_of_document, encode
from pratique.image import Change, Target, open_image, write_image
from pratique.model.admission import Attested
from pratique.model.digest import Digest
from pratique.model.hardening import Hardening
from pratique.model.inventory import Package
from pratique.model.plan import Artifact, Plan, Step
from pratique.model.proof import Proof
from pratique.model.usage import Usage
from pratique.storage import write_atomic
from tests.making import keys, scans, ways
from tests.making.images import layout
from tests.making.values import NOW

POLICY = (
    """fail-on = ["critical"]
max-age = "7d"
require-statements = ["sbom", "spdx", "rbom", "vex", "provenance"]
require-proof = true
signers = { platform = "platform.pub" }
"""
    + scans.ACCEPTED
)


class Cleared:
    """The folder that everything lies in; ``SOURCE_DATE_EPOCH`` has to be set to ``scans.EPOCH``.

    Args:
        folder: that exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = folder / "image"
        self.reference = f"oci:{self.layout}:latest"
        self.documents = folder / "documents"
        self.policy = folder / "policy.toml"
        self.key = folder / "platform.key"
        self.public = folder / "platform.pub"

    @property
    def image(self) -> Digest:
        """Digest of the image's manifest."""
        found = open_image(self.reference).source.digest
        assert found
        return found

    def attest(self, key: Path | None = None) -> Attested:
        """Sign and attach everything."""
        return attest_all(self.reference, self.documents, key or self.key, b"")

    def blob(self, digest: str) -> Path:
        """Return where a blob lies."""
        return self.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def layers(self) -> list[Path]:
        """Return the files of the layers."""
        manifest = json.loads(self.blob(self.image).read_bytes())
        return [self.blob(layer["digest"]) for layer in manifest["layers"]]


def make(folder: Path, policy: str = POLICY, *, proven: bool = True, how: str = "gzip") -> Cleared:
    """Make an image with two layers, one without the upper layer, and every document between them."""
    made = Cleared(folder)
    made.policy.write_text(policy)
    made.key.write_bytes(keys.pem())
    made.public.write_bytes(keys.key().public.pem())
    cache = scans.imported(folder / "cache")
    before = scans.scanned(layout(folder / "original", *scans.LAYERS, how=how), cache)
    opened = open_image(f"oci:{folder / 'original'}")
    change = Change(opened.layers[:1], "harden", NOW, base_changed=False)
    manifest, config = write_image(Target(made.layout, "latest"), opened, change)
    usage = _usage(before)
    tried = _tried(before, usage, manifest, config, proven=proven)
    proofs = [_written(folder / f"{proof.phase}.json", proof) for proof in tried.proofs]
    after = scans.scanned(made.reference, cache, policy=str(made.policy), proofs=tuple(proofs))
    way = ways.way(tried, before=before, after=after, usages=(usage,))
    found = documents(way)
    write_documents(made.documents, found)
    _written(made.documents / "clearance.json", clearance(way, [], found))
    return made


def _written(path: Path, document: object) -> str:
    write_atomic(path, encode(document) + b"\n")
    return str(path)


def _usage(before: Report) -> Usage:
    inventory = before.inventory
    used = tuple(p.id for p in inventory.packages if p.layer == 0)
    made = ways.usage("training", used=used)
    return replace(made, image=inventory.source.config, inventory=digest_of_document(inventory))


def _tried(before: Report, usage: Usage, manifest: Digest, config: Digest, *, proven: bool) -> Tried:
    inventory = before.inventory
    assert inventory.source.config
    bound = {
        "image": inventory.source.config,
        "inventory": digest_of_document(inventory),
        "findings": digest_of_document(before.findings),
        "usages": (digest_of_document(usage),),
    }
    steps = tuple(_step(p) for p in inventory.packages if p.layer == 1)
    plan: Plan = ways.plan(**bound, steps=steps)
    image = inventory.source.config
    made: Hardening = ways.hardening(
        image=image, plan=digest_of_document(plan), result=config, manifest=manifest
    )
    proof: Proof = ways.proof(original=image, result=config)
    return Tried(plan, made, (proof,) if proven else ())


def _step(package: Package) -> Step:
    kind = "pypi"
    fields = {"package": package.id, "type": kind, "name": package.name, "version": package.version}
    if package.name != "demo":
        return Step(action="remove", reason="not used", **fields)  # type: ignore[arg-type]
    wheel = Artifact(
        kind="wheel",
        name="demo",
        version="2.0",
        filename="demo-2.0-py3-none-any.whl",
        digest=digest_of_document(ways.plan()),
        size=1,
        origin="python index",
    )
    return Step(action="upgrade", reason="fixed", to_version="2.0", artifact=wheel, **fields)  # type: ignore[arg-type]

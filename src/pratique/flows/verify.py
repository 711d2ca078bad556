"""Which statements of an image are to be believed: those that a trusted key signed about this very digest."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pratique.attest import MEDIA_TYPE, PublicKey, Verified, load_public, verify
from pratique.attest.keys import LIMIT
from pratique.flows.attest import subject_of
from pratique.flows.statements import TYPES
from pratique.image import attached, open_image
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import PratiqueError
from pratique.storage import read_whole


class Believed(Struct, frozen=True, kw_only=True):
    """A verified statement.

    Attributes:
        type: predicate type.
        bundle: digest of its bundle.
        key: fingerprint of the key that signed it.
    """

    type: str
    bundle: Digest
    key: Digest


class Refused(Struct, frozen=True, kw_only=True):
    """A candidate that is not to be believed, and why."""

    bundle: Digest
    reason: str


class Verification(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.verification/1"):
    """What was found beside an image.

    Attributes:
        blobs: every layer was read and is what the manifest promises.
    """

    image: Digest
    believed: tuple[Believed, ...]
    refused: tuple[Refused, ...]
    blobs: bool


def verify_image(reference: str, keys: list[Path], kind: str, *, blobs: bool) -> Verification:
    """Verify what is attached to an image.

    Raises:
        UntrustedError: the image itself is not what its manifest promises.
        InputError: a key cannot be used.
    """
    _, image = subject_of(reference)
    trusted = [load_public(read_whole(path, LIMIT), str(path)) for path in keys]
    believed, refused = believe(reference, image, {str(i): key for i, key in enumerate(trusted)})
    if blobs:
        open_image(reference).read([], progress=lambda _done, _total: None)
    wanted = TYPES.get(kind, kind)
    return Verification(
        image=image,
        believed=tuple(
            Believed(type=v.statement.predicate_type, bundle=v.bundle, key=v.key)
            for v in believed.values()
            if wanted in {"", v.statement.predicate_type}
        ),
        refused=tuple(refused),
        blobs=blobs,
    )


def believe(
    reference: str, image: Digest, keys: Mapping[str, PublicKey]
) -> tuple[dict[Digest, Verified], list[Refused]]:
    """Return the verified statements of an image by the digest of their bundle, and the candidates that are none."""
    target, _ = subject_of(reference)
    believed: dict[Digest, Verified] = {}
    refused: list[Refused] = []
    for data in attached(target, image, MEDIA_TYPE):
        digest = digest_of(data)
        try:
            believed[digest] = verify(data, list(keys.values()), image, place=digest)
        except PratiqueError as error:
            refused.append(Refused(bundle=digest, reason=f"{error.what}"))
    return believed, refused

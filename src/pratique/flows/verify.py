"""Which statements of an image are to be believed: those that a trusted key signed about this very digest."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pratique.attest import MEDIA_TYPE, PublicKey, load_public, verify
from pratique.attest.keys import LIMIT
from pratique.flows.statements import predicate_type
from pratique.image import Statements, open_image, open_statements
from pratique.model.admission import Believed, Refused, Verification
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import PratiqueError, UntrustedError
from pratique.storage import read_whole


def verify_image(reference: str, keys: list[Path], kind: str, *, blobs: bool) -> Verification:
    """Verify what is attached to an image.

    Raises:
        UntrustedError: the image itself is not what its manifest promises.
        InputError: a key cannot be used.
        UsageError: there is no such kind of statement.
    """
    wanted = predicate_type(kind) if kind else ""
    about = open_statements(reference)
    believed, refused = believe(about, [load_public(read_whole(path, LIMIT), str(path)) for path in keys])
    if blobs:
        _read_layers(reference, about.image)
    asked = [v for v in believed.values() if wanted in {"", v.type}]
    return Verification(
        image=about.image,
        believed=tuple(Believed(type=v.type, bundle=v.bundle, key=v.key) for v in asked),
        others=len(believed) - len(asked),
        refused=tuple(refused),
        blobs=blobs,
    )


def _read_layers(reference: str, image: Digest) -> None:
    opened = open_image(reference)
    if opened.source.digest != image:
        raise UntrustedError("the tag moved while it was verified", place=reference, remedy="Run it again")
    opened.read([], progress=lambda _done, _total: None)


class Stated(NamedTuple):
    """A verified statement.

    Attributes:
        predicate: what it says; None where that was not asked for: of hundreds of statements few are looked into.
        bundle: its digest.
        key: fingerprint of the key that signed it.
    """

    type: str
    predicate: Any
    bundle: Digest
    key: Digest


def believe(
    about: Statements, keys: Sequence[PublicKey], wanted: Collection[str] = ()
) -> tuple[dict[Digest, Stated], list[Refused]]:
    """Return the verified statements of an image by the digest of their bundle, and the candidates that are none.

    Args:
        about: the image.
        keys: that are trusted.
        wanted: types of which the predicates are kept.
    """
    believed: dict[Digest, Stated] = {}
    refused: list[Refused] = []
    for data in about.attached(MEDIA_TYPE):
        digest = digest_of(data)
        try:
            found = verify(data, keys, about.image, place=digest)
        except PratiqueError as error:
            refused.append(Refused(bundle=digest, reason=error.what))
            continue
        kind = found.statement.predicate_type
        predicate = found.statement.predicate if kind in wanted else None
        believed[digest] = Stated(kind, predicate, found.bundle, found.key)
    return believed, refused

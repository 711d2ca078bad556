"""Copy an image and its statements into a registry."""

from pratique.image import push as copy
from pratique.model.digest import Digest


def push(reference: str, to: str) -> Digest:
    """Return the digest of an image that is in a registry now, with everything attached to it.

    Raises:
        PratiqueError: the image cannot be read or trusted, or the registry refuses.
    """
    return copy(reference, to)

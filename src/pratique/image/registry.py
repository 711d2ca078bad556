"""A registry as a store of blobs, manifests and referrers (distribution-spec 1.1), on this machine's loopback alone.

Plain http and no authentication: enough for a registry beside a build, and for trying things out. Every blob and manifest
is checked against its digest. A tag is resolved once; from then on only its digest is asked for.
"""

import json
import re
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from msgspec import Struct

from pratique.formats import strict_json
from pratique.image.limits import DEFAULT, MIB, STATEMENTS
from pratique.model.digest import Digest, digest_of, parse_digest
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UntrustedError, UsageError
from pratique.transport import Address, Answer, MissingError, Transport

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
INDEX = MANIFESTS[1]
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LOOPBACK = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost")
_REMEDY = "Write registry:127.0.0.1:PORT/NAME:TAG"
_LAYER = 4 << 30


class Place(Struct, frozen=True):
    """A repository in a registry, and what of it is meant.

    Attributes:
        site: scheme, host and port.
        reference: a tag or a digest.
    """

    site: str
    name: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return ``HOST:PORT/NAME[:TAG|@DIGEST]`` as a place.

        Raises:
            UsageError: it is not of this form.
            UnsupportedError: the host is not this machine.
        """
        host, slash, rest = text.partition("/")
        if "@" in host:  # and so nothing of it is shown
            raise UsageError("a registry with a password: there is no authentication yet", remedy=_REMEDY)
        name, at, digest = rest.partition("@")
        name, colon, tag = (name, "", "") if at else rest.partition(":")
        reference = parse_digest(digest, place=text) if at else tag if colon else "latest"
        if not slash or not _NAME.fullmatch(name) or not (at or _TAG.fullmatch(reference)):
            raise UsageError(f"not an image in a registry: {text[:100]!r}", remedy=_REMEDY)
        if not _LOOPBACK.fullmatch(urlsplit(f"http://{host}").hostname or ""):
            raise UnsupportedError(
                "only registries on this machine are asked: there is no authentication yet",
                place=host,
                remedy="Copy the image first, as with skopeo copy",
            )
        return cls(f"http://{host}", name, reference)

    def __str__(self) -> str:
        mark = "@" if self.reference.startswith("sha256:") else ":"
        return f"{self.site.removeprefix('http://')}/{self.name}{mark}{self.reference}"


class Registry:
    """One repository of a registry.

    Args:
        place: the repository.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._base = f"{place.site}/v2/{place.name}"
        self._transport = Transport(permitted=[Address.parse(place.site)])
        weakref.finalize(self, self._transport.close)  # an image is read for as long as anybody holds it

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """Return a manifest or index, and the media type that the registry gives it.

        Raises:
            UnavailableError: there is none of that name.
            UntrustedError: it is not what its digest promises.
        """
        url = f"{self._base}/manifests/{reference}"
        headers = {"Accept": ", ".join(MANIFESTS)}
        answer = self._transport.exchange("GET", url, headers=headers, limit=DEFAULT.document)
        if answer.status != 200:
            raise self._refused(answer, f"no manifest {reference}")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        digest = digest_of(answer.body)
        if reference.startswith("sha256:") and digest != reference:
            raise UntrustedError(f"the registry sends {digest}", place=url, remedy="Do not use this registry")
        return answer.body, kind

    def blob(self, digest: Digest, size: int | None = None, *, limit: int = _LAYER) -> BinaryIO:
        """Return a blob as a file of its own, whose content is as its digest promises, and of the size that is given.

        Raises:
            UntrustedError: it is not, or is longer than ``limit`` bytes.
            UnavailableError: there is none.
        """
        with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
            path = Path(folder) / "blob"
            url = f"{self._base}/blobs/{digest}"
            self._transport.download(url, path, digest=digest, size=size, limit=limit)
            return path.open("rb", buffering=0)  # the name goes, the content stays until it is closed

    def has_blob(self, digest: Digest) -> bool:
        """Say whether the repository has a blob."""
        answer = self._transport.exchange("HEAD", f"{self._base}/blobs/{digest}", headers={}, limit=MIB)
        return answer.status == 200

    def put_blob(self, digest: Digest, data: bytes | Path) -> None:
        """Store a blob, unless it is there (distribution-spec, "Pushing a blob monolithically").

        Raises:
            UnavailableError: the registry refuses.
            UntrustedError: it sends us elsewhere.
        """
        if self.has_blob(digest):
            return
        begun = self._transport.exchange("POST", f"{self._base}/blobs/uploads/", headers={}, limit=MIB)
        if begun.status not in {201, 202}:
            raise self._refused(begun, "an upload is refused")
        there = self._upload(begun.headers.get("location", ""))
        headers = {"Content-Type": "application/octet-stream"}
        url = f"{there.url}{'&' if there.query else '?'}digest={digest}"
        done = self._transport.exchange("PUT", url, headers=headers, content=data, limit=MIB)
        if done.status != 201:
            raise self._refused(done, f"the blob {digest} is refused")

    def _upload(self, location: str) -> Address:
        """Return where an upload goes on, which is here."""
        begun, remedy = Address.parse(f"{self._base}/blobs/uploads/"), "Do not use this registry"
        try:
            there = begun.join(location)
        except (InputError, UnsupportedError) as error:
            what = f"an upload that is to go nowhere: {error.what}"
            raise UntrustedError(what, place=self._base, remedy=remedy) from error
        if there.origin != begun.origin:
            what = "an upload that is to go to another server"
            raise UntrustedError(what, place=self._base, remedy=remedy)
        return there

    def put_manifest(self, reference: str, data: bytes, media_type: str) -> bool:
        """Store a manifest; return whether the registry itself keeps track of what refers to its subject.

        Raises:
            UnavailableError: the registry refuses.
        """
        url = f"{self._base}/manifests/{reference}"
        answer = self._transport.exchange(
            "PUT", url, headers={"Content-Type": media_type}, content=data, limit=MIB
        )
        if answer.status != 201:
            raise self._refused(answer, f"the manifest {reference} is refused")
        return bool(answer.headers.get("oci-subject"))

    def referrers(self, subject: Digest) -> list[dict[str, Any]]:
        """Return the descriptors of what refers to a manifest; from the tag that stands in where there is no such list.

        Raises:
            InputError: the list is none.
        """
        answer = self._transport.exchange(
            "GET", f"{self._base}/referrers/{subject}", headers={"Accept": INDEX}, limit=DEFAULT.document
        )
        if answer.status == 404:
            return self._stand_in(subject)
        if answer.status != 200:
            raise self._refused(answer, "the list of referrers is refused")
        if "link" in answer.headers:  # a page that is not read could hold the decision that counts
            raise InputError(
                "more than one page of referrers", place=self._base, remedy="Remove what is not needed"
            )
        return _manifests(answer.body, self._base)

    def refer(self, subject: Digest, entries: list[dict[str, Any]]) -> None:
        """Add descriptors to the tag that stands in for a list of referrers (distribution-spec, "Referrers Tag Schema").

        Read, changed and written; read again afterwards, since another writer may have come between: what is missing then
        is added again.

        Raises:
            InputError: they would be too many to be read again.
            UnavailableError: others kept writing, so that our entries could not be kept.
        """
        for _ in range(5):
            known = self._stand_in(subject)
            missing = [e for e in entries if e["digest"] not in {k.get("digest") for k in known}]
            if not missing:
                return
            if len(known) + len(missing) > STATEMENTS:
                raise _too_many(self._base)
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*known, *missing]}
            self.put_manifest(_tag(subject), json.dumps(index, sort_keys=True).encode(), INDEX)
        raise UnavailableError(
            "others keep writing the list of referrers", place=self._base, remedy="Try again"
        )

    def _stand_in(self, subject: Digest) -> list[dict[str, Any]]:
        try:
            data, _ = self.manifest(_tag(subject))
        except MissingError:
            return []
        return _manifests(data, self._base)

    def _refused(self, answer: Answer, what: str) -> UnavailableError:
        kind = MissingError if answer.status == 404 else UnavailableError
        remedy = "Check the name, and that the registry allows it"
        return kind(f"{what} ({answer.status})", place=str(self.place), remedy=remedy)


def _tag(subject: Digest) -> str:
    return subject.replace(":", "-")


def _manifests(data: bytes, place: str) -> list[dict[str, Any]]:
    try:
        document = strict_json.loads(data, place=place)
    except InputError as error:
        error.remedy = "Do not use this registry"
        raise
    found = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise InputError("not a list of referrers", place=place, remedy="Do not use this registry")
    if len(found) > STATEMENTS:
        raise _too_many(place)
    return [entry for entry in found if isinstance(entry, dict)]


def _too_many(place: str) -> InputError:
    remedy = "Remove what is not needed"
    return InputError(
        f"more than {STATEMENTS} statements in the list of referrers", place=place, remedy=remedy
    )


class RegistryBlobs:
    """A registry's image as a layout is read: an index of the one image, and blobs by their digests.

    Args:
        place: the image.
    """

    def __init__(self, place: Place) -> None:
        self._registry = Registry(place)
        self.place = str(place)
        self._index = self._resolved(place.reference)

    def _resolved(self, reference: str) -> bytes:
        data, kind = self._registry.manifest(reference)
        entry = {"mediaType": kind, "digest": digest_of(data), "size": len(data)}
        self._manifests = {digest_of(data): data}
        return json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()

    def names(self) -> Iterator[str]:
        """Yield what the top level of a layout holds."""
        yield from ("blobs", "index.json", "oci-layout")

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading."""
        return self._registry.blob(_digest(name))

    def read(self, name: str, limit: int) -> bytes:
        """Return the whole of a small document."""
        if name == "index.json":
            return self._index
        digest = _digest(name)
        if digest not in self._manifests:
            self._manifests[digest] = self._small(digest, limit)
        return self._manifests[digest]

    def _small(self, digest: Digest, limit: int) -> bytes:
        """Return a blob or, where there is none of that digest, a manifest that an index names."""
        if not self._registry.has_blob(digest):
            return self._registry.manifest(digest)[0]
        with self._registry.blob(digest, limit=limit) as file:
            return file.read(limit)

    def size(self, name: str) -> int:
        """Return the size of a document."""
        return len(self.read(name, DEFAULT.document))


def _digest(name: str) -> Digest:
    return parse_digest(f"sha256:{name.rpartition('/')[2]}", place=name)

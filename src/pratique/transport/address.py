"""Addresses: what may be fetched, what may follow a redirect, and what of an address may be shown.

Credentials inside an address (RFC 3986, 3.2.1) are split off at once, so that no address here holds a secret.
"""

import re
from typing import Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from msgspec import Struct

from pratique.model.errors import InputError, UnsupportedError

PORTS = {"http": 80, "https": 443, "file": 0}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_REMEDY = "Correct the address in the configuration that names it"


class Address(Struct, frozen=True, order=True):
    """An address without credentials and fragment.

    Attributes:
        scheme: ``http``, ``https`` or ``file``.
        host: in lower case; empty for ``file``.
        port: never 0 but for ``file``.
        path: as on the wire, percent-encoded; never with ``.`` or ``..``.
        query: as on the wire; never shown, since signed addresses carry their secret there.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address of a URL; its user and password are dropped.

        Raises:
            InputError: it is not a URL.
            UnsupportedError: a scheme that is not fetched here.
        """
        parts = _split(url)
        if parts.scheme not in PORTS:
            raise UnsupportedError(
                f"addresses of the kind {parts.scheme[:20]!r} are not fetched", remedy=_REMEDY
            )
        host = parts.hostname or ""
        if bool(host) == (parts.scheme == "file") and host != "localhost":
            raise InputError("an address without a host, or a file on another machine", remedy=_REMEDY)
        path = _checked(parts.path)
        if parts.scheme == "file":
            return cls("file", "", 0, path)
        return cls(parts.scheme, host, parts.port or PORTS[parts.scheme], path, parts.query)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what credentials are bound to (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def file(self) -> str:
        """Return the path on disk of a ``file`` address."""
        return unquote(self.path)

    @property
    def url(self) -> str:
        """Return the address as it is requested."""
        query = f"?{self.query}" if self.query else ""
        return f"{self._site()}{self.path}{query}"

    def __str__(self) -> str:
        """Return the address as it may be shown, without its query."""
        return f"{self._site()}{self.path}"

    def join(self, reference: str) -> Self:
        """Return the address of a reference found at this one (RFC 3986, 5.2).

        Raises:
            InputError: it is not a reference.
            UnsupportedError: a scheme that is not fetched here.
        """
        _split(reference)
        return type(self).parse(urljoin(self.url, reference))

    def below(self, other: "Address") -> bool:
        """Say whether this address lies at or below another."""
        root = other.path.rstrip("/")
        return self.origin == other.origin and (self.path == root or self.path.startswith(f"{root}/"))

    def _site(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port != PORTS[self.scheme] else ""
        return f"{self.scheme}://{host}{port}"


def user_and_password(url: str) -> tuple[str, str] | None:
    """Return the credentials inside a URL, percent-decoded; None where it has none.

    Raises:
        InputError: it is not a URL.
    """
    parts = _split(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _split(url: str) -> SplitResult:
    """Return the parts of a URL; nothing of it is quoted in an error, since it may hold a password."""
    if _UNSAFE.search(url) or len(url) > 8192:
        raise InputError(
            "an address with blanks, control characters or backslashes, or too long", remedy=_REMEDY
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError("not an address", remedy=_REMEDY) from error
    return parts


def _checked(path: str) -> str:
    """Return an absolute path; one that climbs is refused, since two programs may read it differently."""
    if any(unquote(segment) in {".", ".."} for segment in path.split("/")):
        raise InputError("an address with . or .. in its path", remedy=_REMEDY)
    return path or "/"

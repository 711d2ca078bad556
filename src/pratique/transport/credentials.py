"""Credentials: a secret that no text shows, and where it may be sent.

Bound to an origin and a path, as the user's own configuration names them. Reads netrc text, which is what apt's
``auth.conf`` and pip's ``.netrc`` are.
"""

import base64
import re
from collections.abc import Iterable
from typing import Self

from msgspec import Struct

from pratique.model.errors import InputError, UnsupportedError
from pratique.transport.address import Address, user_and_password

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')


class Secret:
    """A text that shows as ``***`` wherever it is printed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; only where it is sent."""
        return self._text

    def __repr__(self) -> str:
        return "***"


class Credential(Struct, frozen=True):
    """A user and password, and the address at and below which they are sent."""

    scope: Address
    user: str
    password: Secret

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Return the credential inside a URL, for its whole origin; None where it has none.

        Raises:
            InputError: it is not a URL.
            UnsupportedError: a scheme that is not fetched here.
        """
        found = user_and_password(url)
        if not found:
            return None
        scheme, host, port = Address.parse(url).origin
        return cls(Address(scheme, host, port, "/"), found[0], Secret(found[1]))

    def header(self) -> str:
        """Return the value of ``Authorization`` (RFC 7617)."""
        pair = f"{self.user}:{self.password.reveal()}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


def authorization(credentials: Iterable[Credential], address: Address) -> dict[str, str]:
    """Return the header for a request: of the credential with the longest matching path, or none."""
    matching = [c for c in credentials if address.below(c.scope)]
    if not matching:
        return {}
    return {"Authorization": max(matching, key=lambda c: len(c.scope.path)).header()}


def parse_netrc(text: str, *, place: str) -> tuple[Credential, ...]:
    """Return the credentials of a netrc text (apt_auth.conf(5), which adds ``[protocol://]host[:port][/path]``).

    An entry without protocol is for https alone. ``default`` and macros are passed over: they are bound to no host.

    Raises:
        InputError: it is not netrc; nothing of it is quoted, since it holds passwords.
    """
    found: list[Credential] = []
    fields: dict[str, str] = {}
    words = iter(
        _TOKEN.findall("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    )
    for word in words:
        if word in {"machine", "default"}:
            found += _entry(fields, place)
            fields = {"machine": next(words, "")} if word == "machine" else {}
        elif word in {"login", "password", "account"}:
            fields[word] = next(words, "")
        else:
            raise InputError("not in netrc form", place=place, remedy="Write machine, login and password")
    found += _entry(fields, place)
    return tuple(found)


def _entry(fields: dict[str, str], place: str) -> list[Credential]:
    """Return the credential of one entry, if it is bound to a host and whole."""
    machine = fields.get("machine", "")
    if not machine or "login" not in fields:
        return []
    try:
        scope = Address.parse(machine if "://" in machine else f"https://{machine}")
    except InputError as error:
        raise InputError("an entry whose machine is not an address", place=place) from error
    except UnsupportedError:
        return []
    return [Credential(scope, _bare(fields["login"]), Secret(_bare(fields.get("password", ""))))]


def _bare(token: str) -> str:
    quoted = len(token) > 1 and token[0] == token[-1] == '"'
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if quoted else token

"""Which Python package indexes to ask: those of this machine's uv and pip.

uv does not read pip's configuration, so it is read here and handed to uv through its environment, where no list of
processes shows it. What uv's own environment says wins over pip's environment, and that over pip's files.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from pratique.model.errors import InputError, UnsupportedError
from pratique.storage import read_whole
from pratique.transport import Address, Credential, Secret, Transport, parse_netrc

_SETTING = re.compile(r"(?P<section>global|install)\.(?P<name>[a-z-]+)=(?P<value>.+)")
_NAMED = re.compile(r"[A-Za-z0-9._-]+=(?=[a-z]+:)")
_LIMIT = 1 << 20
_TRUE = {"1", "true", "yes", "on"}


class IndexSettings(Struct, frozen=True):
    """Where Python packages are found; addresses are secrets, since they may hold passwords.

    Attributes:
        index: the main index; None for uv's own default.
        extra: other indexes.
        find_links: folders and pages with wheels.
        no_index: ask no index at all.
        cert: file with certificates to trust; empty for the system's.
        merged: all indexes count as one, as pip sees them; else the first that knows a name is asked, as uv does.
    """

    index: Secret | None = None
    extra: tuple[Secret, ...] = ()
    find_links: tuple[Secret, ...] = ()
    no_index: bool = False
    cert: str = ""
    merged: bool = False

    def environment(self) -> dict[str, str]:
        """Return the settings as uv reads them, but for ``no_index``, which is an option."""
        found = {
            "UV_DEFAULT_INDEX": self.index.reveal() if self.index else "",
            "UV_INDEX": " ".join(s.reveal() for s in self.extra),
            "UV_FIND_LINKS": ",".join(s.reveal() for s in self.find_links),
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.merged else "",
            "SSL_CERT_FILE": self.cert,
        }
        return {name: value for name, value in found.items() if value}

    def open_transport(self) -> Transport:
        """Return a transport for what these indexes offer: plain http and files where they say so.

        Raises:
            InputError: an address is none, or a netrc is not in form.
            UnavailableError: the certificates cannot be read.
        """
        urls = [*_urls(self)]
        permitted = [scope for url in urls if (scope := _scope(url))]
        inside = [c for url in urls if (c := Credential.of(url))]
        return Transport(permitted=permitted, credentials=[*inside, *_netrc()], ca_file=self.cert)


def read_settings(
    environment: Mapping[str, str] | None = None, pip: Callable[[], str] | None = None
) -> IndexSettings:
    """Return the indexes of this machine's uv and pip.

    Args:
        environment: of this process.
        pip: returns what ``pip config list`` prints.
    """
    own = os.environ if environment is None else environment
    files = dict(_settings((pip or _pip_config)()))

    def pip_value(name: str) -> str:
        return own.get(f"PIP_{name.upper().replace('-', '_')}", files.get(name, ""))

    index = own.get("UV_DEFAULT_INDEX") or own.get("UV_INDEX_URL") or pip_value("index-url")
    extra = own.get("UV_INDEX") or own.get("UV_EXTRA_INDEX_URL") or pip_value("extra-index-url")
    links = own.get("UV_FIND_LINKS", "").replace(",", " ") or pip_value("find-links")
    return IndexSettings(
        index=Secret(index) if index else None,
        extra=tuple(map(Secret, extra.split())),
        find_links=tuple(map(Secret, links.split())),
        no_index=pip_value("no-index").lower() in _TRUE,
        cert=own.get("SSL_CERT_FILE") or pip_value("cert"),
        merged=bool(pip_value("extra-index-url")) and "UV_INDEX_STRATEGY" not in own,
    )


def _pip_config() -> str:
    """Return what pip says of its configuration; nothing where there is no pip."""
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if not done.returncode else ""


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of pip's files; what is for ``install`` alone comes last, and wins."""
    found = [m for line in text.splitlines() if (m := _SETTING.fullmatch(line.strip()))]
    for match in sorted(found, key=lambda m: m["section"]):
        try:
            value = ast.literal_eval(match["value"])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        yield match["name"], str(value)


def _urls(settings: IndexSettings) -> Iterator[str]:
    """Yield every address; uv's ``name=address`` without the name, a folder as a file address."""
    main = [settings.index] if settings.index else []
    for secret in (*main, *settings.extra, *settings.find_links):
        text = _NAMED.sub("", secret.reveal(), count=1) if _NAMED.match(secret.reveal()) else secret.reveal()
        yield text if ":" in text else Path(text).absolute().as_uri()


def _scope(url: str) -> Address | None:
    """Return what may be fetched without https because an index lies there: its host, or the folder around it.

    The pages of an index lead to files beside it (PEP 503), ``../../files`` in a mirror on disk.
    """
    try:
        address = Address.parse(url)
    except (InputError, UnsupportedError):
        return None
    if address.scheme == "file":
        around = str(Path(address.file).parent) if Path(address.file).name == "simple" else address.file
        return Address.parse(Path(around).as_uri())
    return Address(*address.origin, "/") if address.scheme == "http" else None


def _netrc() -> tuple[Credential, ...]:
    """Return the user's own credentials by host, which pip and uv read too."""
    file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not file.is_file():
        return ()
    return parse_netrc(read_whole(file, _LIMIT).decode("utf-8", "replace"), place=str(file))

"""Which Debian repositories to ask: those of this machine's apt for the image's release, or those that the user names.

Reads sources.list(5) in both forms and apt_auth.conf(5). Does not run apt, and reads no other setting of it: neither
``Check-Valid-Until`` nor ``Trusted`` makes a repository be believed without a signature that is in force.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from pratique.ecosystems import debian
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.inventory import Distribution
from pratique.storage import read_whole
from pratique.transport import Address, Credential, parse_netrc

_KEYRINGS = {"debian": "/usr/share/keyrings/debian-archive-keyring.gpg"}
"""Distributions whose archives can be read, and the keys that sign them."""

_COMPONENTS = ("main", "contrib", "non-free", "non-free-firmware")
_ARCHIVE_KEYS = re.compile(r"debian-archive-[a-z-]+\.(?:gpg|pgp|asc)")
_LINE = re.compile(r"\s*deb\s+(?:\[(?P<options>[^\]#]*)\]\s*)?(?P<rest>[^#]*)")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?!?")
_LIMIT = 1 << 20
_REMEDY = "Give the address of a mirror, or a sources file of apt"


class DebianSource(Struct, frozen=True, kw_only=True):
    """One suite of one repository.

    Attributes:
        address: of the repository, which holds ``dists`` and ``pool``.
        suite: such as ``bookworm-security``.
        components: such as ``main``.
        keyrings: files with the keys of which one must have signed.
        keys: the same, as armoured text inside the configuration.
        fingerprints: where there are any, only these keys count.
        credential: from the configuration's address.
    """

    address: Address
    suite: str
    components: tuple[str, ...]
    keyrings: tuple[str, ...] = ()
    keys: str = ""
    fingerprints: tuple[str, ...] = ()
    credential: Credential | None = None


def sources(
    distribution: Distribution | None, override: str = "", folder: Path = Path("/etc/apt")
) -> tuple[DebianSource, ...]:
    """Return the repositories for an image's release: its codename, that ``-updates`` and that ``-security``.

    Args:
        distribution: of the image.
        override: the address of a mirror, or two with the security archive's second, or the path of a sources file;
            without a second address the security archive lies beside the first with ``-security`` added to its name.
        folder: of apt's configuration.

    Raises:
        UnsupportedError: another distribution than Debian, no codename, or none of apt's repositories is for it.
        InputError: the configuration or the override cannot be read.
    """
    if distribution is None or distribution.id not in _KEYRINGS or not distribution.codename:
        raise UnsupportedError(
            "no release of Debian: its packages cannot be patched",
            place=distribution.name if distribution else "",
        )
    suites = tuple(distribution.codename + end for end in ("", "-updates", "-security"))
    keyring = _KEYRINGS[distribution.id]
    if override and not Path(override).is_file():
        return tuple(_mirror(override, suites, keyring))
    found = _listed([Path(override)] if override else _files(folder), suites, keyring)
    matching = tuple(s for s in found if override or _of_debian(s))
    if not matching:
        where = override or str(folder)
        raise UnsupportedError(f"no repository for {distribution.codename}", place=where, remedy=_REMEDY)
    return matching


def credentials(found: Iterable[DebianSource], folder: Path = Path("/etc/apt")) -> tuple[Credential, ...]:
    """Return the credentials for repositories: inside their addresses, and those of ``auth.conf``.

    Raises:
        InputError: an ``auth.conf`` is not in netrc form.
    """
    files = [folder / "auth.conf", *sorted((folder / "auth.conf.d").glob("*.conf"))]
    texts = ((f, _text(f)) for f in files if f.is_file())
    entries = [c for f, text in texts for c in parse_netrc(text, place=str(f))]
    return (*(s.credential for s in found if s.credential), *entries)


def _mirror(override: str, suites: tuple[str, ...], keyring: str) -> Iterator[DebianSource]:
    words = [word.rstrip("/") for word in override.split()]
    if len(words) > 2:
        raise InputError("a mirror is one address or two", remedy=_REMEDY)
    security = words[1] if len(words) > 1 else f"{words[0]}-security"
    for suite in suites:
        url = security if suite.endswith("-security") else words[0]
        yield _source(url, suite, _COMPONENTS[:1], "", keyring)


def _of_debian(source: DebianSource) -> bool:
    """Say whether one of apt's own repositories is Debian's: by its keys and components; others share its suite names."""
    known = all(_ARCHIVE_KEYS.fullmatch(Path(k).name) for k in source.keyrings)
    return known and not source.keys and bool(set(source.components) & set(_COMPONENTS))


def _files(folder: Path) -> list[Path]:
    """Return apt's sources files (sources.list(5), "SOURCES.LIST.D")."""
    parts = [p for p in sorted((folder / "sources.list.d").glob("*")) if p.suffix in {".list", ".sources"}]
    return [p for p in (folder / "sources.list", *parts) if p.is_file()]


class _Entry(NamedTuple):
    """One entry of a sources file: every address has every suite."""

    urls: list[str]
    suites: list[str]
    components: tuple[str, ...]
    signed_by: str


def _listed(files: Iterable[Path], suites: tuple[str, ...], keyring: str) -> Iterator[DebianSource]:
    """Yield what files name for some suites; a disc in a drive is passed over, as it never has news."""
    for file in files:
        text = _text(file)
        try:
            for entry in _deb822(text) if file.suffix == ".sources" else _one_line(text):
                urls = [u for u in entry.urls if not u.startswith("cdrom:")]
                for url, suite in ((u, s) for u in urls for s in entry.suites if s in suites):
                    yield _source(url, suite, entry.components, entry.signed_by, keyring)
        except (InputError, UnsupportedError) as error:
            error.at(str(file))
            raise


def _text(file: Path) -> str:
    return read_whole(file, _LIMIT).decode("utf-8", "replace")


def _deb822(text: str) -> Iterator[_Entry]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in debian.paragraphs("\n".join(lines) + "\n"):
        fields = {name.lower(): value for name, value in paragraph.items()}
        on = fields.get("enabled", "yes").lower() not in {"no", "false", "without", "off", "disable", "0"}
        if on and "deb" in fields.get("types", "").split():
            urls, suites, components = (fields.get(n, "").split() for n in ("uris", "suites", "components"))
            yield _Entry(urls, suites, tuple(components), fields.get("signed-by", ""))


def _one_line(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        found = _LINE.match(line)
        words = found["rest"].split() if found else []
        if found and len(words) > 1:
            pairs = (word.partition("=") for word in (found["options"] or "").split())
            signed = next((v.replace(",", " ") for k, _, v in pairs if k.lower() == "signed-by"), "")
            yield _Entry(words[:1], words[1:2], tuple(words[2:]), signed)


def _source(url: str, suite: str, components: tuple[str, ...], signed_by: str, keyring: str) -> DebianSource:
    """Return a source; ``Signed-By`` holds paths, fingerprints among the distribution's keys, or the keys themselves."""
    armoured = "-----BEGIN PGP" in signed_by
    words = [] if armoured else signed_by.split()
    paths = tuple(w for w in words if w.startswith("/"))
    lines = ("" if x.strip() == "." else x.strip() for x in signed_by.splitlines())
    return DebianSource(
        address=Address.parse(url.rstrip("/")),
        suite=suite,
        components=components,
        keyrings=paths or (() if armoured else (keyring,)),
        keys="\n".join(lines).strip() + "\n" if armoured else "",
        fingerprints=tuple(w.upper() for w in words if _FINGERPRINT.fullmatch(w)),
        credential=Credential.of(url),
    )

"""A Debian archive that is made and signed on the spot, with throw-away keys, and can be made to lie."""

import gzip
import hashlib
import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pytest

from pratique.model.inventory import Distribution
from tests.making.http import Server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOOKWORM = Distribution(id="debian", version_id="12", name="Debian GNU/Linux", codename="bookworm")
_CONTROL = "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: nobody <nobody@invalid>\nDescription: x\n"


class Keys:
    """A GnuPG home with a key that is in force, one that has expired, and a stranger's, which no ring holds."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._past = ("--faked-system-time", "20200101T000000!")
        self._now = ("--faked-system-time", NOW.strftime("%Y%m%dT%H%M%S!"))
        self.gpg(*self._now, "--quick-gen-key", "good@invalid", "ed25519", "sign", "0")
        self.gpg(*self._now, "--quick-gen-key", "stranger@invalid", "ed25519", "sign", "0")
        self.gpg(*self._past, "--quick-gen-key", "late@invalid", "ed25519", "sign", "1d")

    def gpg(self, *words: str, text: bytes = b"") -> bytes:
        options = ("--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        done = subprocess.run(
            ["gpg", "--homedir", self._home, *options, *words], input=text, capture_output=True, check=True
        )
        return done.stdout

    @cached_property
    def fingerprint(self) -> str:
        listed = self.gpg("--with-colons", "--list-keys", "good@invalid").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    @cached_property
    def ring(self) -> bytes:
        return self.gpg("--export", "good@invalid", "late@invalid")

    @cached_property
    def armoured(self) -> bytes:
        return self.gpg("--armor", "--export", "good@invalid")

    def clear_sign(self, text: str, *words: str, who: tuple[str, ...] = ("good",)) -> bytes:
        users = [word for name in who for word in ("--local-user", f"{name}@invalid")]
        when = self._past if "late" in who else self._now
        return self.gpg(*when, *users, *words, "--clearsign", text=text.encode())


@contextmanager
def new_keys() -> Iterator[Keys]:
    """Make keys in a folder with a short name, as GnuPG's sockets need it."""
    if not (shutil.which("gpg") and shutil.which("gpgconf") and shutil.which("gpgv")):
        pytest.skip("gpg and gpgv (Debian packages gnupg, gpgv) are not here")
    home = Path(tempfile.mkdtemp(prefix="pk-"))
    try:
        yield Keys(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def build_deb(folder: Path, name: str, version: str, architecture: str = "amd64") -> bytes:
    """Return a real package file."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is not here")
    root = folder / f"{name}_{version}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(_CONTROL.format(name, version, architecture))
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", root, f"{root}.deb"], check=True, capture_output=True
    )
    return Path(f"{root}.deb").read_bytes()


class Archive:
    """A repository on a server: packages are added to a suite, and the suite is published.

    Attributes:
        fields: of the Release files, by which a suite can be made to lie.
        compressions: of the Packages files.
    """

    def __init__(self, server: Server, keys: Keys, base: str = "/debian") -> None:
        self.server, self.keys, self.base = server, keys, base
        self.compressions: tuple[str, ...] = (".gz", ".xz")
        self.by_hash = True
        self._stanzas: dict[str, list[str]] = {}

    def add(
        self, suite: str, name: str, version: str, deb: bytes, *, filename: str = "", extra: str = ""
    ) -> str:
        """Add a package file; return its path."""
        path = filename or f"pool/main/{name[0]}/{name}/{name}_{version.replace(':', '')}_amd64.deb"
        self.server.files[f"{self.base}/{path}"] = deb
        lines = [
            *(f"Package: {name}", f"Version: {version}", "Architecture: amd64", f"Filename: {path}"),
            *(f"Size: {len(deb)}", f"SHA256: {hashlib.sha256(deb).hexdigest()}"),
        ]
        self._stanzas.setdefault(suite, []).append("\n".join(lines) + f"\n{extra}")
        return path

    def release(self, suite: str, fields: Mapping[str, str] = MappingProxyType({})) -> str:
        """Write the Packages files of a suite; return its Release file."""
        packages = "\n".join(self._stanzas.get(suite, [])).encode()
        listed = []
        for end, data in self._packages(packages).items():
            name = f"main/binary-amd64/Packages{end}"
            digest = hashlib.sha256(data).hexdigest()
            listed.append(f" {digest} {len(data)} {name}")
            place = f"main/binary-amd64/by-hash/SHA256/{digest}" if self.by_hash else name
            if end in self.compressions:
                self.server.files[f"{self.base}/dists/{suite}/{place}"] = data
        whole = {
            "Origin": "Debian",
            "Suite": suite.replace("bookworm", "oldstable"),
            "Codename": suite,
            "Date": _date(NOW - timedelta(days=1)),
            "Valid-Until": _date(NOW + timedelta(days=6)),
            "Acquire-By-Hash": "yes" if self.by_hash else "no",
            "Architectures": "amd64",
            "Components": "main",
        }
        lines = [f"{name}: {value}" for name, value in (whole | dict(fields)).items() if value]
        return "\n".join([*lines, "SHA256:", *listed]) + "\n"

    def publish(self, suite: str, *, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """Sign a suite and serve it."""
        self.put(suite, self.keys.clear_sign(self.release(suite, fields)))

    def put(self, suite: str, data: bytes) -> None:
        self.server.files[self.place(suite)] = data

    def place(self, suite: str) -> str:
        return f"{self.base}/dists/{suite}/InRelease"

    def _packages(self, plain: bytes) -> dict[str, bytes]:
        made = {"": plain, ".gz": gzip.compress(plain, mtime=0), ".xz": lzma.compress(plain)}
        return {end: data for end, data in made.items() if end in {"", *self.compressions}}


def _date(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")


def dated(days: float) -> str:
    """Return a date of a Release file, days from now."""
    return _date(NOW + timedelta(days=days))
